//! What stands before a message that is typed.

use std::borrow::Cow;

use reedline::{Prompt, PromptEditMode, PromptHistorySearch};

/// Shows that a message can be typed.
pub(super) const PROMPT: &str = "> ";
/// Stands before the further lines of a message.
const FURTHER: &str = "  ";

/// The sign of the prompt.
pub(super) struct Sign;

impl Prompt for Sign {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        PROMPT.into()
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        FURTHER.into()
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        format!("(said before: {}) ", search.term).into()
    }
}
