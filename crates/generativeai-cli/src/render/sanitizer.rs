//! Removal of control characters and escape sequences, so that text of a model or a tool cannot control the terminal.

/// Removes control characters and escape sequences from the text.
pub(crate) fn sanitize(text: &str) -> String {
    Sanitizer::default().push(text)
}

/// Escapes the characters of JSON that [`sanitize`] would remove.
///
/// For text that the user approves, such as the arguments of a call: the user must see every character of it.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            // Tag characters are invisible, but a model or a tool can read text that is written in them.
            '\u{e0000}'..='\u{e007f}' => visible.extend(char.escape_unicode()),
            char if is_text(char) => visible.push(char),
            char => visible += &format!("\\u{:04x}", u32::from(char)),
        }
    }
    visible
}

/// Filter that removes control characters and escape sequences from text that arrives in pieces.
///
/// Printable text, tabs and line feeds remain. The following are removed:
///
/// - all other C0 and C1 control characters
/// - escape sequences (CSI, OSC, DCS and the like, with their content), even if they are split between pieces
/// - the control characters of the writing direction, which can change the visible order of characters
#[derive(Debug, Default)]
pub(super) struct Sanitizer {
    state: State,
}

/// Position within an escape sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Outside of a sequence.
    #[default]
    Text,
    /// After ESC, and perhaps intermediate characters.
    Escape,
    /// In a control sequence (CSI), up to its final character.
    Control,
    /// In a string (OSC, DCS, …), up to its terminator. A line feed ends it too, so that an
    /// unterminated string does not swallow the rest of the answer.
    String,
}

impl Sanitizer {
    /// Sanitizes the next piece.
    pub(super) fn push(&mut self, piece: &str) -> String {
        piece.chars().filter(|&char| self.is_kept(char)).collect()
    }

    /// Processes the next character. Returns whether it is kept.
    fn is_kept(&mut self, char: char) -> bool {
        let (next, is_kept) = match (self.state, char) {
            // Also ends a string, whose terminator is ESC and a backslash.
            (_, '\u{1b}') => (State::Escape, false),
            // The C1 control characters are sequences such as ESC [ in a single character.
            (_, '\u{9b}') => (State::Control, false),
            (_, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}') => (State::String, false),
            (State::String, '\n') => (State::Text, true),
            (State::String, '\u{7}' | '\u{18}' | '\u{1a}' | '\u{9c}') => (State::Text, false),
            (State::String, _) => (State::String, false),
            (State::Escape, '[') => (State::Control, false),
            (State::Escape, 'P' | 'X' | ']' | '^' | '_') => (State::String, false),
            (State::Escape, ' '..='/') => (State::Escape, false),
            (State::Escape, '0'..='~') => (State::Text, false),
            (State::Control, ' '..='?') => (State::Control, false),
            (State::Control, '@'..='~') => (State::Text, false),
            (_, char) => (State::Text, is_text(char)),
        };
        self.state = next;
        is_kept
    }
}

/// Returns whether a character is text, which cannot control the terminal.
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

    /// Sanitizes the text in one piece, split in two at every position, and character by character. All must agree.
    fn sanitized(text: &str) -> String {
        let whole = Sanitizer::default().push(text);
        for (at, _) in text.char_indices() {
            let (head, tail) = text.split_at(at);
            let mut sanitizer = Sanitizer::default();
            assert_eq!(
                sanitizer.push(head) + &sanitizer.push(tail),
                whole,
                "split at {at}"
            );
        }
        let mut sanitizer = Sanitizer::default();
        let single: String = text
            .chars()
            .map(|char| sanitizer.push(&char.to_string()))
            .collect();
        assert_eq!(single, whole, "split everywhere");
        whole
    }

    #[test]
    fn hidden_characters_of_json_are_made_visible() {
        let json = serde_json::json!("a\u{1b}[2Jb\u{9d}c\u{9c}d\u{202e}e\u{e0041}f żółć");
        let shown = visible(&json.to_string());
        assert_eq!(
            shown,
            r#""a\u001b[2Jb\u009dc\u009cd\u202ee\u{e0041}f żółć""#
        );
        assert_eq!(sanitize(&shown), shown);
    }

    #[test]
    fn text_is_unchanged() {
        for text in [
            "Hello\n\tthere",
            "żółć 你好 שלום",
            "👩‍👩‍👧 e\u{301}",
            "a;b[0m]c\\",
            "",
        ] {
            assert_eq!(sanitized(text), text);
        }
    }

    #[test]
    fn control_characters_are_removed() {
        assert_eq!(
            sanitized("a\0b\x07c\x08d\re\x7ff\u{85}g\u{9c}h"),
            "abcdefgh"
        );
    }

    #[test]
    fn control_sequences_are_removed() {
        assert_eq!(
            sanitized("\x1b[1;31mred\x1b[0m \x1b[2J\u{9b}5nok\x1b[?1049h!"),
            "red ok!"
        );
        assert_eq!(sanitized("\x1b[38:2::1:2:3mx\x1b[4 qy"), "xy");
    }

    #[test]
    fn terminal_strings_are_removed_with_their_content() {
        assert_eq!(sanitized("a\x1b]0;title\x07b"), "ab");
        assert_eq!(sanitized("a\x1b]52;c;cm0gLXJm\x1b\\b"), "ab");
        assert_eq!(
            sanitized("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"),
            "link"
        );
        assert_eq!(
            sanitized("a\u{9d}0;t\u{9c}b\x1bP1$r\x1b\\c\x1b_x\x07d\x1b^y\u{9c}e\x1bXz\x1b\\f"),
            "abcdef"
        );
    }

    #[test]
    fn other_escape_sequences_are_removed() {
        assert_eq!(sanitized("\x1bc\x1b(B\x1b#8\x1b7a\x1b=b"), "ab");
    }

    #[test]
    fn an_unterminated_string_ends_with_its_line() {
        assert_eq!(sanitized("a\x1b]0;lost\nkept"), "a\nkept");
    }

    #[test]
    fn text_after_an_invalid_sequence_is_kept() {
        assert_eq!(sanitized("\x1b[12\nkept"), "\nkept");
        assert_eq!(sanitized("\x1b[1é"), "é");
        assert_eq!(sanitized("\x1b\x1b[0mkept\x1b"), "kept");
        assert_eq!(sanitized("\x1b]0;a\x1b[31mkept"), "kept");
    }

    #[test]
    fn direction_controls_are_removed() {
        assert_eq!(
            sanitized("a\u{202e}b\u{2066}c\u{2069}d\u{200f}e\u{61c}f"),
            "abcdef"
        );
    }
}
