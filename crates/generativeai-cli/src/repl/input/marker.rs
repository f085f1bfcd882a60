//! Markers in front of the lines of the prompt.

use std::borrow::Cow;

use reedline::{Prompt, PromptEditMode, PromptHistorySearch};

/// Marker of the first line.
pub(super) const PROMPT: &str = "> ";
/// Marker of the following lines.
pub(super) const CONTINUATION: &str = "  ";

/// The markers, for reedline. Nothing else is drawn next to the input.
pub(super) struct Marker;

impl Prompt for Marker {
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
        CONTINUATION.into()
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        format!("(search history: {}) ", search.term).into()
    }
}
