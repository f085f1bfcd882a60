//! From the bytes of tokens to text: whole characters only, and nothing of a stop sequence.

/// What a reply has said, told apart into what may be shown and what must wait.
///
/// Held back are half a character, and an end that may yet become a stop sequence.
#[derive(Debug)]
pub(crate) struct Text {
    stops: Vec<String>,
    held: String,
    broken: Vec<u8>,
}

/// What became sayable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Text that will not be taken back.
    pub(crate) text: String,
    /// Whether a stop sequence was reached; it is not part of the text.
    pub(crate) stopped: bool,
}

impl Text {
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self {
            stops,
            held: String::new(),
            broken: Vec::new(),
        }
    }

    /// Takes the bytes of the next token, and gives what can be said now.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Said {
        self.broken.extend_from_slice(bytes);
        self.take_characters();
        if let Some(at) = self.first_stop() {
            self.held.truncate(at);
            self.broken.clear();
            return Said {
                text: std::mem::take(&mut self.held),
                stopped: true,
            };
        }
        let keep = self.possible_stop();
        let rest = self.held.split_off(self.held.len() - keep);
        Said {
            text: std::mem::replace(&mut self.held, rest),
            stopped: false,
        }
    }

    /// Gives what was held back, at the end of the reply; half a character becomes U+FFFD.
    pub(crate) fn finish(&mut self) -> String {
        let mut text = std::mem::take(&mut self.held);
        text.push_str(&String::from_utf8_lossy(&std::mem::take(&mut self.broken)));
        text
    }

    /// Moves whole characters from `broken` to `held`; bytes that can never be one become U+FFFD.
    fn take_characters(&mut self) {
        loop {
            match std::str::from_utf8(&self.broken) {
                Ok(text) => {
                    self.held.push_str(text);
                    self.broken.clear();
                    return;
                }
                Err(error) => {
                    let (whole, rest) = self.broken.split_at(error.valid_up_to());
                    self.held.push_str(&String::from_utf8_lossy(whole));
                    let Some(wrong) = error.error_len() else {
                        self.broken = rest.to_vec();
                        return;
                    };
                    self.held.push(char::REPLACEMENT_CHARACTER);
                    self.broken = rest[wrong..].to_vec();
                }
            }
        }
    }

    fn first_stop(&self) -> Option<usize> {
        self.stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min()
    }

    /// How many bytes at the end may be the beginning of a stop sequence.
    fn possible_stop(&self) -> usize {
        let begins = |stop: &String| {
            let prefixes = stop.char_indices().skip(1).map(|(at, _)| at);
            prefixes
                .filter(|&at| self.held.ends_with(&stop[..at]))
                .max()
        };
        self.stops.iter().filter_map(begins).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is said when the bytes come in pieces of `size`, and whether it stopped.
    fn said(stops: &[&str], bytes: &[u8], size: usize) -> (String, bool) {
        let mut text = Text::new(stops.iter().map(|&stop| stop.to_owned()).collect());
        let mut all = String::new();
        for piece in bytes.chunks(size) {
            let said = text.push(piece);
            all.push_str(&said.text);
            if said.stopped {
                return (all, true);
            }
        }
        all.push_str(&text.finish());
        (all, false)
    }

    #[test]
    fn any_split_of_the_bytes_says_the_same() {
        let reply = "naïve – 🦀 and 日本語, END of it".as_bytes();
        for size in 1..=reply.len() {
            assert_eq!(
                said(&["END"], reply, size),
                ("naïve – 🦀 and 日本語, ".to_owned(), true)
            );
            assert_eq!(said(&["ENDE"], reply, size).0.as_bytes(), reply);
        }
    }

    #[test]
    fn what_may_become_a_stop_sequence_waits() {
        let mut text = Text::new(vec!["\n\nUser:".to_owned(), "###".to_owned()]);

        assert_eq!(text.push(b"Yes.\n\nUs").text, "Yes.");
        assert_eq!(text.push(b"ual #").text, "\n\nUsual ");
        assert_eq!(
            text.push(b"##"),
            Said {
                text: String::new(),
                stopped: true
            }
        );
    }

    #[test]
    fn the_earliest_of_several_stop_sequences_counts() {
        assert_eq!(said(&["c", "b"], b"abc", 3), ("a".to_owned(), true));
    }

    #[test]
    fn half_a_character_waits_and_broken_bytes_are_marked() {
        let mut text = Text::new(Vec::new());

        assert_eq!(text.push(&[b'a', 0xE2, 0x82]).text, "a");
        assert_eq!(text.push(&[0xAC, 0xFF, b'b']).text, "€\u{FFFD}b");
        assert_eq!(text.push(&[0xF0, 0x9F]).text, "");
        assert_eq!(text.finish(), "\u{FFFD}");
    }
}
