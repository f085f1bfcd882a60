//! How a text looks: bold, italic, coloured.

use std::fmt::Write;

/// The look of a text. Each piece of text opens and closes its own, so that the terminal is left
/// plain wherever a text breaks off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Style {
    pub(super) bold: bool,
    pub(super) dim: bool,
    pub(super) italic: bool,
    pub(super) underline: bool,
    pub(super) strike: bool,
    /// One of the sixteen colours, which the user's terminal chooses the shades of.
    pub(super) colour: Option<u8>,
}

/// Red, for what is wrong in a code.
pub(super) const RED: u8 = 1;
/// Green, for texts in a code.
pub(super) const GREEN: u8 = 2;
/// Yellow, for numbers and constants in a code.
pub(super) const YELLOW: u8 = 3;
/// Blue, for names of functions in a code.
pub(super) const BLUE: u8 = 4;
/// Magenta, for keywords in a code.
pub(super) const MAGENTA: u8 = 5;
/// Cyan, for code within a text, and types in a code.
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

    /// Writes a text in this style.
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
