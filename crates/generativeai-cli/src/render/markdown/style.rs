//! Width and styling of the output.

use std::fmt::Write;

use nu_ansi_term::Style;

/// Width and styling of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Width of the terminal, in columns.
    pub(crate) width: usize,
    /// Whether to use styles and colors. Otherwise Markdown delimiters are shown.
    pub(crate) styled: bool,
}

/// Appends a text in a style. Each piece sets and resets its own style, so the terminal is in its default state
/// wherever the output ends, for example after Ctrl-C.
pub(super) fn paint(style: Style, text: &str, out: &mut String) {
    if !text.is_empty() {
        let _ = write!(out, "{}", style.paint(text));
    }
}
