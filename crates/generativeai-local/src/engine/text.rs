//! Decodes the bytes of tokens to text: whole characters only, cut at stop sequences.

use encoding_rs::{Decoder, UTF_8};

use crate::segments::partial_suffix;

use super::job::End;

/// Decoder of one reply.
///
/// A token is a piece of bytes. It may end in the middle of a character, and a stop sequence may span several tokens.
/// So the decoder holds back incomplete characters, and text that may be the start of a stop sequence.
#[derive(Debug)]
pub(crate) struct TextDecoder {
    stops: Vec<String>,
    /// Decoder of UTF-8. It holds back the bytes of an incomplete character.
    utf8: Decoder,
    /// Decoded text that is held back.
    held: String,
    /// Whether any character was decoded.
    has_text: bool,
}

/// Decoded text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// Text that is certain to be part of the reply.
    pub(crate) text: String,
    /// Whether a stop sequence was reached. It is not part of the text.
    pub(crate) stopped: bool,
}

impl TextDecoder {
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self {
            stops,
            utf8: UTF_8.new_decoder_without_bom_handling(),
            held: String::new(),
            has_text: false,
        }
    }

    /// Adds the bytes of the next token and returns the text that became certain. `is_answer` returns whether the whole
    /// characters of the token are part of the answer: stop sequences do not apply to thoughts and calls.
    pub(crate) fn push(&mut self, bytes: &[u8], is_answer: impl FnOnce(&str) -> bool) -> Decoded {
        let before = self.held.len();
        self.decode(bytes, false);
        if !is_answer(&self.held[before..]) {
            return Decoded {
                text: std::mem::take(&mut self.held),
                stopped: false,
            };
        }
        if let Some(at) = self.first_stop() {
            self.held.truncate(at);
            // Drops an incomplete character after the stop sequence.
            self.utf8 = UTF_8.new_decoder_without_bom_handling();
            return Decoded {
                text: std::mem::take(&mut self.held),
                stopped: true,
            };
        }
        let rest = self.held.split_off(self.held.len() - self.partial_stop());
        Decoded {
            text: std::mem::replace(&mut self.held, rest),
            stopped: false,
        }
    }

    /// Returns the text that was held back, at the end of the reply.
    ///
    /// A character that the limit of the length cuts off is dropped, unless the reply would be empty, which is an error
    /// for a chat. Any other incomplete character becomes U+FFFD.
    pub(crate) fn finish(&mut self, end: End) -> String {
        if end == End::Stop || !self.has_text {
            self.decode(&[], true);
        }
        std::mem::take(&mut self.held)
    }

    /// Decodes bytes, and appends the whole characters to `held`. Invalid bytes become U+FFFD, and so does an
    /// incomplete character before the end of the reply.
    fn decode(&mut self, bytes: &[u8], is_end: bool) {
        let length = self.utf8.max_utf8_buffer_length(bytes.len());
        self.held
            .reserve(length.expect("a token is far smaller than the address space"));
        // Decodes all bytes: the decoder stops early only if the string has too little capacity.
        let _ = self.utf8.decode_to_string(bytes, &mut self.held, is_end);
        self.has_text |= !self.held.is_empty();
    }

    /// Returns the position of the first stop sequence in `held`.
    fn first_stop(&self) -> Option<usize> {
        self.stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min()
    }

    /// Returns the length of the longest suffix of `held` that is the beginning of a stop sequence.
    fn partial_stop(&self) -> usize {
        let stops = self.stops.iter();
        let longest = stops.map(|stop| partial_suffix(&self.held, stop)).max();
        longest.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes bytes in pieces of `size`; returns the text and whether a stop sequence was reached.
    fn decode(stops: &[&str], bytes: &[u8], size: usize) -> (String, bool) {
        let mut text = TextDecoder::new(stops.iter().map(|&stop| stop.to_owned()).collect());
        let mut all = String::new();
        for piece in bytes.chunks(size) {
            let decoded = text.push(piece, |_| true);
            all.push_str(&decoded.text);
            if decoded.stopped {
                return (all, true);
            }
        }
        all.push_str(&text.finish(End::Stop));
        (all, false)
    }

    #[test]
    fn any_split_of_the_bytes_decodes_to_the_same_text() {
        let reply = "naïve – 🦀 and 日本語, END of it".as_bytes();
        for size in 1..=reply.len() {
            assert_eq!(
                decode(&["END"], reply, size),
                ("naïve – 🦀 and 日本語, ".to_owned(), true)
            );
            assert_eq!(decode(&["ENDE"], reply, size).0.as_bytes(), reply);
        }
    }

    #[test]
    fn the_start_of_a_stop_sequence_is_held_back() {
        let mut text = TextDecoder::new(vec!["\n\nUser:".to_owned(), "###".to_owned()]);

        assert_eq!(text.push(b"Yes.\n\nUs", |_| true).text, "Yes.");
        assert_eq!(text.push(b"ual #", |_| true).text, "\n\nUsual ");
        assert_eq!(
            text.push(b"##", |_| true),
            Decoded {
                text: String::new(),
                stopped: true
            }
        );
    }

    #[test]
    fn the_earliest_of_several_stop_sequences_ends_the_text() {
        assert_eq!(decode(&["c", "b"], b"abc", 3), ("a".to_owned(), true));
    }

    /// Row 18 of tests/field.md.
    #[test]
    fn a_stop_sequence_in_thoughts_does_not_end_the_reply() {
        let mut text = TextDecoder::new(vec!["\n".to_owned()]);

        assert_eq!(text.push(b"a\nb\xC3", |text| text != "a\nb").text, "a\nb");
        assert_eq!(text.push(b"\xA4\n", |text| text != "ä\n").text, "ä\n");
        assert!(text.push(b"c\n", |_| true).stopped);
    }

    #[test]
    fn incomplete_characters_are_held_back_and_invalid_bytes_replaced() {
        let mut text = TextDecoder::new(Vec::new());

        assert_eq!(text.push(&[b'a', 0xE2, 0x82], |_| true).text, "a");
        assert_eq!(text.push(&[0xAC, 0xFF, b'b'], |_| true).text, "€\u{FFFD}b");
        assert_eq!(text.push(&[0xF0, 0x9F], |_| true).text, "");
        assert_eq!(text.finish(End::Stop), "\u{FFFD}");
    }

    #[test]
    fn a_character_that_the_limit_cuts_off_is_dropped_unless_it_is_all() {
        for (bytes, expected) in [(&b"a\xE2\x82"[..], "a"), (&b"\xE2\x82"[..], "\u{FFFD}")] {
            let mut text = TextDecoder::new(Vec::new());

            let all = text.push(bytes, |_| true).text + &text.finish(End::MaxTokens);

            assert_eq!(all, expected);
        }
    }
}
