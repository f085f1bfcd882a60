//! What Tab completes, and how what is typed is coloured: commands, what they take, and files.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nu_ansi_term::{Color, Style};
use reedline::{Completer, CompletionResult, Highlighter, Span, StyledText, Suggestion};

use crate::chat::attach::mentions;
use crate::chat::spoken::{COMMANDS, Command, Spoken};
use crate::model::LOCAL;
use crate::models::catalogue::CATALOGUE;
use crate::printer::harmless;
use crate::sessions;

/// No more names than this are offered.
const MOST: usize = 100;

/// Completes commands, what they take, and the names of files behind `@`.
#[derive(Default)]
pub(super) struct Names {
    /// The names of the chats that are kept, while one is typed.
    chats: Option<Vec<String>>,
}

impl Completer for Names {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let typed = Spoken::read(line);
        let chats = self.chats.take();
        if matches!(typed, Spoken::Command(Command::Session, _)) {
            self.chats = chats.or_else(|| Some(sessions::names()));
        }
        let chats = self.chats.as_deref().unwrap_or_default();
        CompletionResult::fresh(offers(line, pos, chats))
    }
}

/// What can stand before the cursor instead of what stands there.
fn offers(line: &str, pos: usize, chats: &[String]) -> Vec<Suggestion> {
    let Some(typed) = line.get(..pos) else {
        return Vec::new();
    };
    if let Some(name) = typed.strip_prefix('/')
        && !name.contains(char::is_whitespace)
    {
        let starts = COMMANDS
            .iter()
            .filter(|entry| entry.name().starts_with(name));
        let offers = starts.map(|entry| Suggestion {
            value: format!("/{}", entry.name()),
            description: Some(entry.does.to_owned()),
            span: Span::new(0, pos),
            append_whitespace: !entry.takes.is_empty(),
            ..Suggestion::default()
        });
        return offers.collect();
    }
    if let Spoken::Command(command, _) = Spoken::read(typed)
        && let Some((_, taken)) = typed.split_once(char::is_whitespace)
    {
        let taken = taken.trim_start();
        let at = pos - taken.len();
        return match command {
            Command::Attach | Command::Save | Command::Export => {
                files(taken, at, pos, str::to_owned)
            }
            Command::Session => words(chats.iter().map(String::as_str), taken, at),
            Command::Model => {
                let names = CATALOGUE.iter().map(|entry| entry.name);
                let mut offers = words([LOCAL].into_iter().chain(names), taken, at);
                let mut files = files(taken, at, pos, str::to_owned);
                files.retain(|file| file.value.ends_with(['/']) || file.value.ends_with(".gguf"));
                offers.extend(files);
                offers
            }
            Command::Tokens => words(["on", "off"].into_iter(), taken, at),
            _ => Vec::new(),
        };
    }
    match mentions::open(typed) {
        Some((at, path)) => files(&path, at, pos, mentions::mention),
        None => Vec::new(),
    }
}

/// The words that begin like what is typed.
fn words<'w>(words: impl Iterator<Item = &'w str>, typed: &str, at: usize) -> Vec<Suggestion> {
    let offer = |word: &str| Suggestion {
        value: word.to_owned(),
        span: Span::new(at, at + typed.len()),
        ..Suggestion::default()
    };
    let fitting = words.filter(|word| word.starts_with(typed));
    fitting.take(MOST).map(offer).collect()
}

/// The files whose paths begin like that one; folders end in a slash.
fn files(typed: &str, at: usize, pos: usize, write: fn(&str) -> String) -> Vec<Suggestion> {
    let (folder, begin) = match typed.rfind('/') {
        Some(slash) => typed.split_at(slash + 1),
        None => ("", typed),
    };
    let place = mentions::at_home(if folder.is_empty() { "./" } else { folder });
    let Ok(entries) = fs::read_dir(&*place) else {
        return Vec::new();
    };
    let mut names: Vec<(String, bool)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            // A name that could drive the terminal is not shown on it.
            let shown = name.starts_with(begin)
                && (begin.starts_with('.') || !name.starts_with('.'))
                && harmless(&name) == name
                && !name.contains(['\n', '\t']);
            shown.then(|| (name, entry.path().is_dir()))
        })
        .collect();
    names.sort();
    names.truncate(MOST);
    let offer = |(name, is_folder): (String, bool)| Suggestion {
        value: write(&format!(
            "{folder}{name}{}",
            if is_folder { "/" } else { "" }
        )),
        display_override: Some(name),
        span: Span::new(at, pos),
        append_whitespace: !is_folder,
        ..Suggestion::default()
    };
    names.into_iter().map(offer).collect()
}

/// Colours commands that there are, and notes whether anything is typed.
pub(super) struct Colours {
    pub(super) typed: Arc<AtomicBool>,
}

impl Highlighter for Colours {
    fn highlight(&self, line: &str, _: usize) -> StyledText {
        self.typed.store(!line.is_empty(), Relaxed);
        let mut styled = StyledText::new();
        let end = line.find(char::is_whitespace).unwrap_or(line.len());
        let known = matches!(Spoken::read(&line[..end]), Spoken::Command(..));
        let (command, rest) = line.split_at(if known { end } else { 0 });
        styled.push((Style::new().fg(Color::Cyan), command.to_owned()));
        styled.push((Style::new(), rest.to_owned()));
        styled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<String> {
        let chats = ["hills", "How tall is Ben Nevis?", "How tall am I?"].map(str::to_owned);
        let offers = offers(line, line.len(), &chats);
        offers.into_iter().map(|offer| offer.value).collect()
    }

    #[test]
    fn commands_are_completed() {
        assert_eq!(values("/re"), ["/redo", "/regenerate"]);
        assert_eq!(values("/his"), ["/history"]);
        assert_eq!(values("no /his"), [""; 0]);
    }

    #[test]
    fn what_a_command_takes_is_completed() {
        assert_eq!(values("/session hi"), ["hills"]);
        assert_eq!(
            values("/session How tall "),
            ["How tall is Ben Nevis?", "How tall am I?"]
        );
        assert_eq!(values("/model lo"), ["local"]);
        assert_eq!(values("/tokens of"), ["off"]);
        assert_eq!(values("/fork 1"), [""; 0]);
        assert_eq!(values("hi"), [""; 0]);
    }

    #[test]
    fn files_are_completed_where_they_are_meant() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["notes.txt", "no te.md", ".hidden", "evil\u{1b}[31m"] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        fs::create_dir(folder.path().join("north")).expect("a folder");
        let path = folder.path().to_str().expect("text");

        assert_eq!(
            values(&format!("/attach {path}/not")),
            [format!("{path}/notes.txt")]
        );
        assert_eq!(
            values(&format!("See @{path}/nor")),
            [format!("@{path}/north/")]
        );
        assert_eq!(
            values(&format!("See @{path}/no")),
            [
                format!("@\"{path}/no te.md\""),
                format!("@{path}/north/"),
                format!("@{path}/notes.txt")
            ]
        );
        assert_eq!(values(&format!("mail a@{path}/no")), [""; 0]);
        assert_eq!(values(&format!("See @{path}/e")), [""; 0]);
    }
}
