//! The conversation in a file, which only this user can read: JSON for programs, Markdown for people.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::conversation::{Conversation, Speaker, text_of_part};

/// The conversation as JSON, as the SDK saves and loads it.
pub(super) fn json(conversation: &Conversation) -> anyhow::Result<String> {
    let json = serde_json::to_string_pretty(&conversation.chat);
    Ok(json.context("cannot write the conversation as JSON")? + "\n")
}

/// The conversation as Markdown.
pub(super) fn markdown(conversation: &Conversation) -> String {
    let name = conversation.chat.model().name();
    let mut text = format!("# Conversation with {name}\n");
    if let Some(instruction) = conversation.chat.model().instruction() {
        let told: Vec<_> = instruction.parts.iter().map(text_of_part).collect();
        text += &format!("\n## Instruction\n\n{}\n", told.join("\n\n"));
    }
    for (who, content, interrupted) in conversation.said() {
        let by_model = who == Speaker::Model;
        let who = match who {
            Speaker::You => "You",
            Speaker::Model => "Model",
            Speaker::Tools => "Tools",
        };
        let parts = content.parts.iter().filter(|part| !part.is_thought());
        let said: Vec<_> = parts.map(text_of_part).collect();
        let said = said.join(if by_model { "" } else { "\n\n" });
        text += &format!("\n## {who}\n\n{}\n", said.trim_end());
        if interrupted {
            text += "\n*(interrupted)*\n";
        }
    }
    text
}

/// Writes a file and gives its path. Without a path it is a new one in this folder; one that is
/// there is replaced only if it is `ours`.
pub(super) fn write(
    asked: &str,
    ending: &str,
    ours: Option<&Path>,
    text: &str,
) -> anyhow::Result<PathBuf> {
    if asked.is_empty() {
        return match ours.filter(|path| path.extension().is_some_and(|end| end == ending)) {
            Some(path) => replace(path, text),
            None => create_any(ending, text),
        };
    }
    let path = PathBuf::from(&*super::attach::mentions::at_home(asked));
    if ours == Some(&path) {
        return replace(&path, text);
    }
    match create(&path, text) {
        Ok(()) => Ok(path),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already: name another file", path.display())
        }
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}

/// Writes `chat.json`, or the first of `chat-2.json`, `chat-3.json`, … that is not there.
fn create_any(ending: &str, text: &str) -> anyhow::Result<PathBuf> {
    for number in 1..10_000 {
        let path = PathBuf::from(match number {
            1 => format!("chat.{ending}"),
            _ => format!("chat-{number}.{ending}"),
        });
        match create(&path, text) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot write {}", path.display()));
            }
        }
    }
    bail!("there are too many chats in this folder: name a file")
}

/// Replaces a file: whole, or not at all.
fn replace(path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let replaced = create(&beside, text).and_then(|()| fs::rename(&beside, path));
    replaced.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_owned())
}

fn create(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use generativeai::protocol::content::Content;
    use generativeai::{ChatSession, GenerativeModel};

    use super::*;

    fn conversation() -> Conversation {
        let model = GenerativeModel::new("m").system_instruction("Be brief.");
        let history = ["How tall?", "**1,345** m"].map(Content::from);
        Conversation::new(model.start_chat().with_history(history), None)
    }

    #[test]
    fn the_json_is_the_conversation_again() {
        let json = json(&conversation()).expect("JSON");
        let chat: ChatSession = serde_json::from_str(&json).expect("a conversation");

        assert_eq!(chat.history(), conversation().chat.history());
    }

    #[test]
    fn the_markdown_names_who_said_what() {
        assert_eq!(
            markdown(&conversation()),
            "# Conversation with models/m\n\n## Instruction\n\nBe brief.\n\n## You\n\nHow tall?\n\n\
             ## Model\n\n**1,345** m\n"
        );
    }

    #[test]
    fn nothing_of_others_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        let asked = path.to_str().expect("text");

        assert_eq!(write(asked, "json", None, "one").expect("written"), path);
        assert!(write(asked, "json", None, "two").is_err());
        assert_eq!(fs::read_to_string(&path).expect("text"), "one");
        write("", "json", Some(&path), "three").expect("ours");
        assert_eq!(fs::read_to_string(&path).expect("text"), "three");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_this_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        let mode = || fs::metadata(&path).expect("a file").permissions().mode() & 0o777;

        write(path.to_str().expect("text"), "json", None, "one").expect("written");
        assert_eq!(mode(), 0o600);
        write("", "json", Some(&path), "two").expect("ours");
        assert_eq!(mode(), 0o600);
    }
}
