//! Writing a conversation to a file that only the user can read.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::attachment::mention::expand_home;
use crate::conversation::Conversation;
use crate::file;

/// Returns the conversation as JSON, in the format of a serialized `ChatSession`.
pub(crate) fn json(conversation: &Conversation) -> anyhow::Result<String> {
    let json = serde_json::to_string_pretty(&conversation.chat);
    Ok(json.context("cannot write the session as JSON")? + "\n")
}

/// Writes a file and returns its path. An existing file is replaced only if it is `own`, which the session wrote
/// before. With an empty name, `own` is written again, or else a new file in the current folder.
pub(crate) fn write(
    name: &str,
    extension: &str,
    own: Option<&Path>,
    text: &str,
) -> anyhow::Result<PathBuf> {
    if name.is_empty() {
        return match own.filter(|path| path.extension().is_some_and(|end| end == extension)) {
            Some(path) => replaced(path, text),
            None => create_numbered(extension, text),
        };
    }
    let path = expand_home(name);
    if own == Some(&path) {
        return replaced(&path, text);
    }
    match create(&path, text) {
        Ok(()) => Ok(path),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} already exists: choose another name", path.display())
        }
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}

/// Writes `chat.json`, or the first of `chat-2.json`, `chat-3.json`, … that does not exist.
fn create_numbered(extension: &str, text: &str) -> anyhow::Result<PathBuf> {
    for number in 1..10_000 {
        let path = PathBuf::from(match number {
            1 => format!("chat.{extension}"),
            _ => format!("chat-{number}.{extension}"),
        });
        match create(&path, text) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot write {}", path.display()));
            }
        }
    }
    bail!("this folder has too many files chat-….{extension}: choose a name")
}

/// Replaces a file, and returns its path.
fn replaced(path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    file::replace(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_owned())
}

/// Creates a file that only the user can read. Fails if it exists.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use generativeai::protocol::content::Content;
    use generativeai::{ChatSession, GenerativeModel};

    use super::*;

    #[test]
    fn the_json_loads_as_a_chat() {
        let history = ["How tall?", "**1,345** m"].map(Content::from);
        let chat = GenerativeModel::new("m").start_chat().with_history(history);
        let conversation = Conversation::new(chat, None);

        let json = json(&conversation).expect("JSON");
        let chat: ChatSession = serde_json::from_str(&json).expect("a chat");

        assert_eq!(chat.history(), conversation.chat.history());
    }

    #[test]
    fn files_of_others_are_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        let name = path.to_str().expect("text");

        assert_eq!(write(name, "json", None, "one").expect("written"), path);
        assert!(write(name, "json", None, "two").is_err());
        assert_eq!(fs::read_to_string(&path).expect("text"), "one");
        write("", "json", Some(&path), "three").expect("our own file");
        assert_eq!(fs::read_to_string(&path).expect("text"), "three");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_leaves_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        fs::create_dir(&path).expect("a folder");

        assert!(write("", "json", Some(&path), "one").is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn only_the_user_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        let mode = || fs::metadata(&path).expect("a file").permissions().mode() & 0o777;

        write(path.to_str().expect("text"), "json", None, "one").expect("written");
        assert_eq!(mode(), 0o600);
        write("", "json", Some(&path), "two").expect("our own file");
        assert_eq!(mode(), 0o600);
    }
}
