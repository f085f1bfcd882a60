//! Key bindings of the prompt, messages of several lines, and pasted text.

use crossterm::event::Event;
use reedline::{
    EditCommand, EditMode, Emacs, KeyCode, KeyModifiers, PromptEditMode, ReedlineEvent,
    ReedlineRawEvent, ValidationResult, Validator, default_emacs_keybindings,
};

use crate::render::sanitize;
use crate::repl::line::QUOTES;

/// Name of the completion menu.
pub(super) const MENU: &str = "completions";

/// Command that the prompt returns for Ctrl-X Ctrl-E.
pub(super) const EDIT: &str = "edit";

/// Command that the prompt returns for Ctrl-Z.
pub(super) const SUSPEND: &str = "suspend";

/// Emacs key bindings with some additions: Alt-Enter, Shift-Enter and Ctrl-J start a new line, Tab completes, Ctrl-X
/// Ctrl-E opens the user's text editor, and Ctrl-Z suspends the program.
///
/// Pasted text is sanitized, since the prompt draws it on the terminal.
pub(super) struct Keys {
    emacs: Emacs,
    /// Whether the last key was Ctrl-X. reedline's bindings consist of a single key.
    after_ctrl_x: bool,
}

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
        // In raw mode the terminal does not send SIGTSTP for this key.
        keys.add_binding(
            KeyModifiers::CONTROL,
            KeyCode::Char('z'),
            ReedlineEvent::ExecuteHostCommand(SUSPEND.to_owned()),
        );
        Self {
            emacs: Emacs::new(keys),
            after_ctrl_x: false,
        }
    }
}

impl EditMode for Keys {
    fn parse_event(&mut self, event: ReedlineRawEvent) -> ReedlineEvent {
        let event = Event::from(event);
        let after_ctrl_x = std::mem::take(&mut self.after_ctrl_x);
        match event {
            event if is_ctrl(&event, 'x') => {
                self.after_ctrl_x = true;
                ReedlineEvent::None
            }
            event if after_ctrl_x && is_ctrl(&event, 'e') => {
                ReedlineEvent::ExecuteHostCommand(EDIT.to_owned())
            }
            Event::Paste(text) => {
                ReedlineEvent::Edit(vec![EditCommand::InsertString(drawable(&text))])
            }
            event => ReedlineRawEvent::try_from(event)
                .map_or(ReedlineEvent::None, |event| self.emacs.parse_event(event)),
        }
    }

    fn edit_mode(&self) -> PromptEditMode {
        self.emacs.edit_mode()
    }
}

/// Returns whether an event is a key pressed together with Ctrl.
fn is_ctrl(event: &Event, key: char) -> bool {
    matches!(event, Event::Key(pressed)
        if pressed.code == KeyCode::Char(key) && pressed.modifiers == KeyModifiers::CONTROL)
}

/// Sanitizes text for the prompt, and converts its line endings to line feeds.
pub(super) fn drawable(text: &str) -> String {
    sanitize(&text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// Validator that accepts Enter when a message is complete: one that starts with `"""` has to end with `"""`.
pub(super) struct QuoteValidator;

impl Validator for QuoteValidator {
    fn validate(&self, line: &str) -> ValidationResult {
        match line.trim_start().strip_prefix(QUOTES) {
            Some(quoted) if !quoted.trim_end().ends_with(QUOTES) => ValidationResult::Incomplete,
            _ => ValidationResult::Complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_surround_a_message_of_several_lines() {
        let open = |line| matches!(QuoteValidator.validate(line), ValidationResult::Incomplete);

        assert!(open("\"\"\"") && open("\"\"\"a\nb") && open(" \"\"\"a\n"));
        assert!(!open("\"\"\"a\nb\"\"\"") && !open("a \"\"\" b") && !open(""));
    }

    #[test]
    fn pasted_text_cannot_control_the_terminal() {
        let paste = Event::Paste("a\x1b]52;c;eA==\x07b\r\nc\rd".to_owned());
        let event = ReedlineRawEvent::try_from(paste).expect("an event");

        let ReedlineEvent::Edit(edits) = Keys::default().parse_event(event) else {
            panic!("the text is inserted");
        };

        assert_eq!(edits, [EditCommand::InsertString("ab\nc\nd".to_owned())]);
    }
}
