//! Adding a tool to the list `allow` of the configuration file.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use toml_edit::{Array, DocumentMut, Item, Value};

use crate::file::replace;

/// Name of the file that is locked while a configuration file changes. It is empty and never deleted. The configuration
/// file cannot be locked itself, since it is replaced by a new one.
const LOCK: &str = ".lock";

/// Adds a tool to the list `allow` of a configuration file, which is created if it does not exist.
pub(super) fn add(file: &Path, tool: &str) -> anyhow::Result<()> {
    let folder = file.parent().context("it is not in a folder")?;
    std::fs::create_dir_all(folder)?;
    // Without a lock, two processes could read the file at the same time, and the second write would undo the first.
    let lock = File::create(folder.join(LOCK))?;
    lock.lock()?;
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read?,
    };
    // Atomically: a killed program does not leave half of the settings.
    Ok(replace(file, &with_allowed(&text, tool)?)?)
}

/// Returns the text of a configuration file with a tool added to the list `allow`.
fn with_allowed(text: &str, tool: &str) -> anyhow::Result<String> {
    let mut file: DocumentMut = text.parse()?;
    let chat = file.entry("chat").or_insert_with(toml_edit::table);
    let chat = chat
        .as_table_like_mut()
        .context("`chat` must be a table: write [chat]")?;
    let allow = chat
        .entry("allow")
        .or_insert_with(|| Item::Value(Array::new().into()));
    // A single value may be written without a list.
    if let Some(only) = allow.as_str() {
        *allow = Item::Value(Array::from_iter([only]).into());
    }
    let list = allow.as_array_mut().context("`allow` must be a list")?;
    if !list.iter().any(|name| name.as_str() == Some(tool)) {
        list.push(Value::from(tool));
    }
    Ok(file.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_added_and_everything_else_stays() {
        for (before, after) in [
            ("", "[chat]\nallow = [\"send\"]\n"),
            (
                "# mine\n[chat]\nstats = true # always\n\n[serve]\nport = 1\n",
                "# mine\n[chat]\nstats = true # always\nallow = [\"send\"]\n\n[serve]\nport = 1\n",
            ),
            (
                "[chat]\nallow = [\n  \"a\", # first\n  \"b\",\n]\n",
                "[chat]\nallow = [\n  \"a\", # first\n  \"b\", \"send\",\n]\n",
            ),
            ("chat.allow = \"a\"\n", "chat.allow = [\"a\", \"send\"]\n"),
            (
                "chat = { stats = true }\n",
                "chat = { stats = true , allow = [\"send\"] }\n",
            ),
            (
                "[chat]\nallow = [\"send\"]\n",
                "[chat]\nallow = [\"send\"]\n",
            ),
        ] {
            assert_eq!(with_allowed(before, "send").expect(before), after);
        }
    }

    /// Row 22 of tests/field.md: each process reads the file, and replaces it.
    #[test]
    fn tools_that_are_allowed_at_the_same_time_are_all_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("new/config.toml");
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let file = &file;
                scope.spawn(move || {
                    for tool in 0..4 {
                        add(file, &format!("tool_{thread}_{tool}")).expect("a writable folder");
                    }
                });
            }
        });

        let text = std::fs::read_to_string(file).expect("a file");
        let file: DocumentMut = text.parse().expect("TOML");
        assert_eq!(file["chat"]["allow"].as_array().map(Array::len), Some(32));
    }

    #[test]
    fn a_name_cannot_add_other_settings() {
        let name = "a\"]\nyes = true\n\u{1b}[2J";
        let text = with_allowed("", name).expect("a file");
        let file: DocumentMut = text.parse().expect("TOML");
        assert_eq!(file["chat"]["allow"][0].as_str(), Some(name));
        assert_eq!(file["chat"].as_table().map(toml_edit::Table::len), Some(1));
    }

    #[test]
    fn a_file_that_cannot_be_changed_is_an_error() {
        for text in ["[chat", "chat = 1", "[chat]\nallow = 1"] {
            assert!(with_allowed(text, "send").is_err(), "{text}");
        }
    }
}
