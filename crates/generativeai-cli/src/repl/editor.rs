//! The user's text editor.

use std::env;
use std::fs;
use std::process::Command;

use anyhow::{Context, bail};

/// Message if no editor is configured.
pub(super) const NO_EDITOR: &str = "no editor is configured: set EDITOR";

/// Returns the editor command in `VISUAL` or `EDITOR`.
pub(super) fn command() -> Option<String> {
    ["VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(|name| env::var(name).ok())
        .find(|editor| !editor.trim().is_empty())
}

/// Opens the text in an editor, and waits until the editor exits. Returns the edited text.
pub(super) fn edit(editor: &str, text: &str) -> anyhow::Result<String> {
    let file = tempfile::Builder::new()
        .prefix("message-")
        .suffix(".md")
        .tempfile()
        .context("cannot create a temporary file")?;
    fs::write(file.path(), text).context("cannot write the temporary file")?;
    let status = shell(editor)
        .arg(file.path())
        .status()
        .with_context(|| format!("cannot start the editor {editor}"))?;
    if !status.success() {
        bail!("the editor {editor} failed ({status}): nothing was changed");
    }
    let edited = fs::read(file.path()).context("cannot read the edited file")?;
    String::from_utf8(edited).context("the edited file is not UTF-8 text")
}

/// Returns a command that opens the file of its next argument in an editor. The variable may contain arguments, as in
/// `code --wait`, so a shell runs it.
fn shell(editor: &str) -> Command {
    let mut command = Command::new("sh");
    // The path is an argument of the shell and not a part of the script, which would interpret its characters.
    command.args(["-c", &format!("{editor} \"$1\""), editor]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edited_text_is_returned() {
        let edited = edit("printf 'Be kind.' >", "Be brief.").expect("edited");

        assert_eq!(edited, "Be kind.");
    }

    #[test]
    fn an_editor_that_fails_is_named_in_the_error() {
        let error = edit("false", "x").expect_err("it fails");

        assert!(error.to_string().contains("false"), "{error}");
    }
}
