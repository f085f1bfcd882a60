//! Text that cannot drive a terminal: control characters and escape sequences are taken out.

/// Takes control characters and escape sequences out of a text that comes in pieces.
///
/// What is left is printable text, tabs and line feeds. Taken out are the other C0 and C1 controls,
/// escape sequences (CSI; OSC, DCS and their like with what they bear) however the pieces cut them,
/// and the controls of writing direction, which make a text look like another.
#[derive(Debug, Default)]
pub(super) struct Clean {
    at: Place,
}

/// Where in a sequence the text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In no sequence.
    #[default]
    Text,
    /// After ESC, and perhaps intermediate characters.
    Escape,
    /// In a control sequence, up to its final character.
    Control,
    /// In a string for the terminal, up to its terminator. A line feed ends it too: a string that
    /// never ends must not take the rest of the answer with it.
    String,
}

impl Clean {
    /// Cleans the next piece.
    pub(super) fn push(&mut self, piece: &str) -> String {
        piece.chars().filter(|&char| self.passes(char)).collect()
    }

    /// Takes the next character, and says whether it is text.
    fn passes(&mut self, char: char) -> bool {
        let (next, passes) = match (self.at, char) {
            (_, '\u{1b}') => (Place::Escape, false),
            (_, '\u{9b}') => (Place::Control, false),
            (_, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}') => (Place::String, false),
            (Place::String, '\n') => (Place::Text, true),
            (Place::String, '\u{7}' | '\u{18}' | '\u{1a}' | '\u{9c}') => (Place::Text, false),
            (Place::String, _) => (Place::String, false),
            (Place::Escape, '[') => (Place::Control, false),
            (Place::Escape, 'P' | 'X' | ']' | '^' | '_') => (Place::String, false),
            (Place::Escape, ' '..='/') => (Place::Escape, false),
            (Place::Escape, '0'..='~') => (Place::Text, false),
            (Place::Control, ' '..='?') => (Place::Control, false),
            (Place::Control, '@'..='~') => (Place::Text, false),
            (_, char) => (Place::Text, is_text(char)),
        };
        self.at = next;
        passes
    }
}

/// Whether a character is text, which does not drive a terminal.
pub(super) fn is_text(char: char) -> bool {
    match char {
        '\n' | '\t' => true,
        '\u{61c}' | '\u{200e}' | '\u{200f}' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        char => !char.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cleans a text cut at every place into two, and at every character; all must agree.
    fn clean(text: &str) -> String {
        let whole = Clean::default().push(text);
        for (at, _) in text.char_indices() {
            let (head, tail) = text.split_at(at);
            let mut clean = Clean::default();
            assert_eq!(clean.push(head) + &clean.push(tail), whole, "cut at {at}");
        }
        let mut clean = Clean::default();
        let single: String = text
            .chars()
            .map(|char| clean.push(&char.to_string()))
            .collect();
        assert_eq!(single, whole, "cut everywhere");
        whole
    }

    #[test]
    fn text_passes_as_it_is() {
        for text in [
            "Hello\n\tthere",
            "żółć 你好 שלום",
            "👩‍👩‍👧 e\u{301}",
            "a;b[0m]c\\",
            "",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn control_characters_are_taken_out() {
        assert_eq!(clean("a\0b\x07c\x08d\re\x7ff\u{85}g\u{9c}h"), "abcdefgh");
    }

    #[test]
    fn control_sequences_are_taken_out() {
        assert_eq!(
            clean("\x1b[1;31mred\x1b[0m \x1b[2J\u{9b}5nok\x1b[?1049h!"),
            "red ok!"
        );
        assert_eq!(clean("\x1b[38:2::1:2:3mx\x1b[4 qy"), "xy");
    }

    #[test]
    fn strings_for_the_terminal_are_taken_out_with_what_they_bear() {
        assert_eq!(clean("a\x1b]0;title\x07b"), "ab");
        assert_eq!(clean("a\x1b]52;c;cm0gLXJm\x1b\\b"), "ab");
        assert_eq!(clean("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"), "link");
        assert_eq!(
            clean("a\u{9d}0;t\u{9c}b\x1bP1$r\x1b\\c\x1b_x\x07d\x1b^y\u{9c}e\x1bXz\x1b\\f"),
            "abcdef"
        );
    }

    #[test]
    fn other_escapes_are_taken_out() {
        assert_eq!(clean("\x1bc\x1b(B\x1b#8\x1b7a\x1b=b"), "ab");
    }

    #[test]
    fn a_string_that_never_ends_takes_one_line_at_most() {
        assert_eq!(clean("a\x1b]0;lost\nkept"), "a\nkept");
    }

    #[test]
    fn a_broken_sequence_takes_no_text_with_it() {
        assert_eq!(clean("\x1b[12\nkept"), "\nkept");
        assert_eq!(clean("\x1b[1é"), "é");
        assert_eq!(clean("\x1b\x1b[0mkept\x1b"), "kept");
        assert_eq!(clean("\x1b]0;a\x1b[31mkept"), "kept");
    }

    #[test]
    fn writing_direction_is_not_controlled() {
        assert_eq!(
            clean("a\u{202e}b\u{2066}c\u{2069}d\u{200f}e\u{61c}f"),
            "abcdef"
        );
    }
}
