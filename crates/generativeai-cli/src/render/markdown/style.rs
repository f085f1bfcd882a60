//! Styles of text, written as escape sequences of the terminal.

use std::fmt::Write;

/// Width and styling of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Width of the terminal, in columns.
    pub(crate) width: usize,
    /// Whether to use styles and colours. Otherwise Markdown delimiters are shown.
    pub(crate) styled: bool,
}

/// Style of a piece of text. Each piece sets and resets its own style, so the terminal is in its default state wherever
/// the output ends, for example after Ctrl-C.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Style {
    pub(super) bold: bool,
    pub(super) dim: bool,
    pub(super) italic: bool,
    pub(super) underline: bool,
    pub(super) strike: bool,
    /// One of the 16 ANSI colours, which the terminal maps to its theme.
    pub(super) colour: Option<u8>,
}

/// Red: deleted or invalid code.
pub(super) const RED: u8 = 1;
/// Green: string literals.
pub(super) const GREEN: u8 = 2;
/// Yellow: numbers and constants.
pub(super) const YELLOW: u8 = 3;
/// Blue: function names.
pub(super) const BLUE: u8 = 4;
/// Magenta: keywords.
pub(super) const MAGENTA: u8 = 5;
/// Cyan: inline code and types.
pub(super) const CYAN: u8 = 6;

impl Style {
    pub(super) const DIM: Self = Self {
        dim: true,
        ..Self::plain()
    };

    pub(super) const fn plain() -> Self {
        Self {
            bold: false,
            dim: false,
            italic: false,
            underline: false,
            strike: false,
            colour: None,
        }
    }

    /// Appends the text in this style.
    pub(super) fn write(self, text: &str, out: &mut String) {
        if self == Self::plain() || text.is_empty() {
            out.push_str(text);
            return;
        }
        let codes = [
            (self.bold, 1),
            (self.dim, 2),
            (self.italic, 3),
            (self.underline, 4),
            (self.strike, 9),
        ];
        let set = codes
            .into_iter()
            .filter(|(set, _)| *set)
            .map(|(_, code)| code);
        let colour = self.colour.map(|colour| 30 + colour);
        let mut before = "\x1b[";
        for code in set.chain(colour) {
            let _ = write!(out, "{before}{code}");
            before = ";";
        }
        out.push('m');
        out.push_str(text);
        out.push_str("\x1b[0m");
    }
}
