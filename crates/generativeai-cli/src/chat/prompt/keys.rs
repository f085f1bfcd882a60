//! The keys of the prompt: how a message is edited, continued and pasted.

use crossterm::event::Event;
use reedline::{
    EditCommand, EditMode, Emacs, KeyCode, KeyModifiers, PromptEditMode, ReedlineEvent,
    ReedlineRawEvent, ValidationResult, Validator, default_emacs_keybindings,
};

use crate::printer::harmless as clean;

/// The name of the menu that Tab opens.
pub(super) const MENU: &str = "names";
/// Opens and closes a message of several lines.
const QUOTES: &str = "\"\"\"";

/// The keys of Emacs; Alt-Enter and Ctrl-J begin a new line, Tab completes. What is pasted is made
/// harmless, since it is drawn on the terminal.
pub(super) struct Keys(Emacs);

impl Default for Keys {
    fn default() -> Self {
        let mut keys = default_emacs_keybindings();
        let new_line = || ReedlineEvent::Edit(vec![EditCommand::InsertNewline]);
        keys.add_binding(KeyModifiers::ALT, KeyCode::Enter, new_line());
        keys.add_binding(KeyModifiers::SHIFT, KeyCode::Enter, new_line());
        keys.add_binding(KeyModifiers::CONTROL, KeyCode::Char('j'), new_line());
        keys.add_binding(
            KeyModifiers::NONE,
            KeyCode::Tab,
            ReedlineEvent::UntilFound(vec![
                ReedlineEvent::Menu(MENU.to_owned()),
                ReedlineEvent::MenuNext,
            ]),
        );
        keys.add_binding(
            KeyModifiers::SHIFT,
            KeyCode::BackTab,
            ReedlineEvent::MenuPrevious,
        );
        Self(Emacs::new(keys))
    }
}

impl EditMode for Keys {
    fn parse_event(&mut self, event: ReedlineRawEvent) -> ReedlineEvent {
        match Event::from(event) {
            Event::Paste(text) => {
                ReedlineEvent::Edit(vec![EditCommand::InsertString(harmless(&text))])
            }
            event => ReedlineRawEvent::try_from(event)
                .map_or(ReedlineEvent::None, |event| self.0.parse_event(event)),
        }
    }

    fn edit_mode(&self) -> PromptEditMode {
        self.0.edit_mode()
    }
}

/// A text that can be drawn: its lines end in line feeds, and nothing in it drives the terminal.
pub(super) fn harmless(text: &str) -> String {
    clean(&text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// Says whether a message is complete: one that opens with `"""` goes on to the next `"""`.
pub(super) struct Complete;

impl Validator for Complete {
    fn validate(&self, line: &str) -> ValidationResult {
        match line.trim_start().strip_prefix(QUOTES) {
            Some(quoted) if !quoted.trim_end().ends_with(QUOTES) => ValidationResult::Incomplete,
            _ => ValidationResult::Complete,
        }
    }
}

/// The message without the quotes around it.
pub(super) fn unquoted(line: &str) -> String {
    let inner = line.trim().strip_prefix(QUOTES);
    match inner.and_then(|inner| inner.strip_suffix(QUOTES)) {
        Some(inner) => inner.trim_matches('\n').to_owned(),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_a_message_of_several_lines() {
        let open = |line| matches!(Complete.validate(line), ValidationResult::Incomplete);

        assert!(open("\"\"\"") && open("\"\"\"a\nb") && open(" \"\"\"a\n"));
        assert!(!open("\"\"\"a\nb\"\"\"") && !open("a \"\"\" b") && !open(""));
        assert_eq!(unquoted("\"\"\"\na\n  b\n\"\"\""), "a\n  b");
        assert_eq!(unquoted("as it \"\"\" is"), "as it \"\"\" is");
        assert_eq!(unquoted("\"\"\""), "\"\"\"");
    }

    #[test]
    fn what_is_pasted_cannot_drive_the_terminal() {
        let paste = Event::Paste("a\x1b]52;c;eA==\x07b\r\nc\rd".to_owned());
        let event = ReedlineRawEvent::try_from(paste).expect("an event");

        let ReedlineEvent::Edit(edits) = Keys::default().parse_event(event) else {
            panic!("it is inserted");
        };

        assert_eq!(edits, [EditCommand::InsertString("ab\nc\nd".to_owned())]);
    }
}
