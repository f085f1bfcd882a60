//! Completion with Tab, and highlighting of commands.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nu_ansi_term::{Color, Style};
use reedline::{Completer, CompletionResult, Highlighter, Span, StyledText, Suggestion};

use crate::attachment::mention;
use crate::completions::{model_names, session_names};
use crate::render::sanitize;
use crate::repl::line::{COMMANDS, Command, Line};

/// Maximum number of suggestions.
const MAX_SUGGESTIONS: usize = 100;

/// Completer of commands, their arguments, and file names after `@`.
#[derive(Default)]
pub(super) struct PromptCompleter {
    /// Names of the sessions, while the argument of `/session` is typed.
    sessions: Option<Vec<String>>,
}

impl Completer for PromptCompleter {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let sessions = self.sessions.take();
        if matches!(Line::parse(line), Line::Command(Command::Session, _)) {
            // Read from the store once for the argument, and not for each key.
            self.sessions = sessions.or_else(|| Some(session_names()));
        }
        let sessions = self.sessions.as_deref().unwrap_or_default();
        CompletionResult::fresh(suggestions(line, pos, sessions))
    }
}

/// Returns suggestions for the text before the cursor.
fn suggestions(line: &str, pos: usize, sessions: &[String]) -> Vec<Suggestion> {
    let Some(typed) = line.get(..pos) else {
        return Vec::new();
    };
    if let Some(name) = typed.strip_prefix('/')
        && !name.contains(char::is_whitespace)
    {
        let matching = COMMANDS
            .iter()
            .filter(|entry| entry.name().starts_with(name));
        let suggestions = matching.map(|entry| Suggestion {
            value: format!("/{}", entry.name()),
            description: Some(entry.description.to_owned()),
            span: Span::new(0, pos),
            append_whitespace: !entry.argument.is_empty(),
            ..Suggestion::default()
        });
        return suggestions.collect();
    }
    if let Line::Command(command, _) = Line::parse(typed)
        && let Some((_, argument)) = typed.split_once(char::is_whitespace)
    {
        let argument = argument.trim_start();
        let at = pos - argument.len();
        return match command {
            Command::Attach | Command::Save | Command::Export | Command::Load => {
                files(argument, at, pos, str::to_owned)
            }
            Command::Session => words(sessions.iter().map(String::as_str), argument, at),
            Command::Model => {
                let mut models = words(model_names(), argument, at);
                let mut files = files(argument, at, pos, str::to_owned);
                files.retain(|file| file.value.ends_with(['/']) || file.value.ends_with(".gguf"));
                models.extend(files);
                models
            }
            Command::Tokens => words(["on", "off"].into_iter(), argument, at),
            _ => Vec::new(),
        };
    }
    match mention::incomplete(typed) {
        Some((at, path)) => files(&path, at, pos, mention::mention),
        None => Vec::new(),
    }
}

/// Returns the words that start with the typed text.
fn words<'w>(words: impl Iterator<Item = &'w str>, typed: &str, at: usize) -> Vec<Suggestion> {
    let suggestion = |word: &str| Suggestion {
        value: word.to_owned(),
        span: Span::new(at, at + typed.len()),
        ..Suggestion::default()
    };
    let matching = words.filter(|word| word.starts_with(typed));
    matching.take(MAX_SUGGESTIONS).map(suggestion).collect()
}

/// Returns the files whose paths start with the typed text. Folders end with a slash. `write` formats a path.
fn files(typed: &str, at: usize, pos: usize, write: fn(&str) -> String) -> Vec<Suggestion> {
    let (folder, start) = match typed.rfind('/') {
        Some(slash) => typed.split_at(slash + 1),
        None => ("", typed),
    };
    let directory = mention::expand_home(if folder.is_empty() { "./" } else { folder });
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<(String, bool)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            // reedline draws suggestions unchanged, so a name with control characters could control the terminal.
            let shown = name.starts_with(start)
                && (start.starts_with('.') || !name.starts_with('.'))
                && sanitize(&name) == name
                && !name.contains(['\n', '\t']);
            shown.then(|| (name, entry.path().is_dir()))
        })
        .collect();
    names.sort();
    names.truncate(MAX_SUGGESTIONS);
    let suggestion = |(name, is_folder): (String, bool)| Suggestion {
        value: write(&format!(
            "{folder}{name}{}",
            if is_folder { "/" } else { "" }
        )),
        display_override: Some(name),
        span: Span::new(at, pos),
        append_whitespace: !is_folder,
        ..Suggestion::default()
    };
    names.into_iter().map(suggestion).collect()
}

/// Highlighter of commands. It also records whether any text is typed.
pub(super) struct CommandHighlighter {
    pub(super) has_text: Arc<AtomicBool>,
}

impl Highlighter for CommandHighlighter {
    fn highlight(&self, line: &str, _: usize) -> StyledText {
        self.has_text.store(!line.is_empty(), Relaxed);
        let mut styled = StyledText::new();
        let end = line.find(char::is_whitespace).unwrap_or(line.len());
        let is_command = matches!(
            Line::parse(line),
            Line::Command(..) | Line::UnexpectedArgument(_)
        );
        let (command, rest) = line.split_at(if is_command { end } else { 0 });
        styled.push((Style::new().fg(Color::Cyan), command.to_owned()));
        styled.push((Style::new(), rest.to_owned()));
        styled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<String> {
        let sessions = ["hills", "How tall is Ben Nevis?", "How tall am I?"].map(str::to_owned);
        let suggestions = suggestions(line, line.len(), &sessions);
        suggestions
            .into_iter()
            .map(|suggestion| suggestion.value)
            .collect()
    }

    #[test]
    fn commands_are_completed() {
        assert_eq!(values("/re"), ["/redo", "/regenerate", "/rename"]);
        assert_eq!(values("/his"), ["/history"]);
        assert_eq!(values("no /his"), [""; 0]);
    }

    #[test]
    fn commands_are_highlighted_and_messages_are_not() {
        let highlighter = CommandHighlighter {
            has_text: Arc::default(),
        };
        for (line, command) in [
            ("/session hills", "/session"),
            ("/redo it", "/redo"),
            ("help", "help"),
            ("help me", ""),
            ("/nosuch", ""),
            ("Hello", ""),
        ] {
            let styled = highlighter.highlight(line, 0);
            assert_eq!(styled.buffer[0].1, command, "{line}");
        }
    }

    #[test]
    fn arguments_are_completed() {
        assert_eq!(values("/session hi"), ["hills"]);
        assert_eq!(
            values("/session How tall "),
            ["How tall is Ben Nevis?", "How tall am I?"]
        );
        assert_eq!(values("/model lo"), ["local"]);
        assert_eq!(values("/tokens of"), ["off"]);
        assert_eq!(values("/undo 1"), [""; 0]);
        assert_eq!(values("hi"), [""; 0]);
    }

    #[test]
    fn file_names_are_completed_in_arguments_and_mentions() {
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
