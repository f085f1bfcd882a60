//! A text in the user's editor.

use std::env;
use std::fs;
use std::process::Command;

use anyhow::{Context, bail};

/// The editor that the user names in `VISUAL` or `EDITOR`.
pub(super) fn named() -> Option<String> {
    ["VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(|name| env::var(name).ok())
        .find(|editor| !editor.trim().is_empty())
}

/// Lets the user edit a text, and gives what it is then.
pub(super) fn edit(editor: &str, text: &str) -> anyhow::Result<String> {
    let file = tempfile::Builder::new()
        .prefix("message-")
        .suffix(".md")
        .tempfile()
        .context("cannot make a file to edit")?;
    fs::write(file.path(), text).context("cannot write the file to edit")?;
    // The variable may hold arguments, so it is a shell's to read.
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg(editor)
        .arg(file.path())
        .status()
        .with_context(|| format!("cannot start the editor {editor}"))?;
    if !status.success() {
        bail!("the editor {editor} failed ({status}); nothing is changed");
    }
    let edited = fs::read(file.path()).context("cannot read the edited file")?;
    String::from_utf8(edited).context("what was edited is no text")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_the_editor_leaves_is_the_text() {
        let edited = edit("printf 'Be kind.' >", "Be brief.").expect("edited");

        assert_eq!(edited, "Be kind.");
    }

    #[test]
    fn an_editor_that_fails_is_named() {
        let error = edit("false", "x").expect_err("it fails");

        assert!(error.to_string().contains("false"), "{error}");
    }
}
