//! Holds back the last word until more of the reply arrives.

use generativeai::protocol::content::Part;

/// Maximum number of characters that are held back, for text without words such as base64.
const MAX_HELD: usize = 32;

/// Buffer that divides the parts of a reply into chunks.
///
/// Clients print each chunk of a streamed reply when it arrives, and store it as a content of the history. So a chunk
/// ends between two words. The last chunk is never empty: one official client fails on a chunk without parts, and
/// another drops a turn whose last chunk has an empty part. So at least one character is held back until the end.
#[derive(Debug, Default)]
pub(super) struct Holdback {
    /// Text that was not sent yet.
    held: String,
    /// Whether `held` is part of the thoughts.
    is_thought: bool,
}

impl Holdback {
    /// Adds parts; returns those that can be sent. With `is_last`, nothing is held back.
    pub(super) fn push(&mut self, parts: Vec<Part>, is_last: bool) -> Vec<Part> {
        let mut ready = Vec::new();
        for part in parts {
            match part.as_text() {
                Some(text) if part.is_thought() == self.is_thought => self.held.push_str(text),
                Some(text) => {
                    self.release(&mut ready);
                    self.held.push_str(text);
                    self.is_thought = part.is_thought();
                }
                None => {
                    self.release(&mut ready);
                    ready.push(part);
                }
            }
        }
        if is_last {
            self.release(&mut ready);
        } else {
            let rest = self.held.split_off(last_boundary(&self.held));
            self.release(&mut ready);
            self.held = rest;
        }
        ready
    }

    /// Moves the held text to `ready`.
    fn release(&mut self, ready: &mut Vec<Part>) {
        let text = std::mem::take(&mut self.held);
        if text.is_empty() {
            return;
        }
        let part = Part::text(text);
        ready.push(match self.is_thought {
            true => part.thought(true),
            false => part,
        });
    }
}

/// Returns the position of the last boundary between two words, before the last character. Without a boundary in the
/// last characters, it is the position of the last character; 0 if the text is short.
fn last_boundary(text: &str) -> usize {
    let mut after: Option<char> = None;
    for (count, (at, c)) in text.char_indices().rev().enumerate() {
        if after.is_some_and(|after| !(joins(c) && joins(after))) {
            return at + c.len_utf8();
        }
        if count == MAX_HELD {
            return text.char_indices().next_back().map_or(0, |(at, _)| at);
        }
        after = Some(c);
    }
    0
}

/// Returns whether a character is part of a word that spaces separate from others. Chinese, Japanese, Thai and
/// related scripts do not use spaces, so any of their characters may end a chunk.
fn joins(c: char) -> bool {
    // Thai and Lao, Myanmar, Khmer, Chinese and Japanese. Korean separates words by spaces.
    let has_no_spaces = matches!(c, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}');
    (c.is_alphanumeric() || matches!(c, '\'' | '’' | '_')) && !has_no_spaces
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends text in pieces; returns the chunks.
    fn chunks(pieces: &[&str]) -> Vec<String> {
        let mut holdback = Holdback::default();
        let mut chunks = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let parts = holdback.push(vec![Part::text(*piece)], index + 1 == pieces.len());
            chunks.extend(parts.iter().filter_map(Part::as_text).map(str::to_owned));
        }
        chunks
    }

    /// Row 32 of tests/field.md: whole words in each chunk.
    #[test]
    fn chunks_end_between_words() {
        assert_eq!(
            chunks(&["Hel", "lo", ", wor", "ld", "!", " It", "'s", " me", "."]),
            ["Hello, ", "world", "! ", "It's ", "me."]
        );
        assert_eq!(chunks(&["你好", "世界"]), ["你", "好世界"]);
    }

    #[test]
    fn long_text_without_words_is_not_held_back() {
        let pieces = ["abcdefgh"; 8];

        let chunks = chunks(&pieces);

        assert_eq!(chunks.concat(), pieces.concat());
        assert!(chunks.len() > 1);
    }

    #[test]
    fn the_last_chunk_is_never_empty() {
        let mut holdback = Holdback::default();
        let first = holdback.push(vec![Part::text("Yes.")], false);

        let last = holdback.push(Vec::new(), true);

        assert_eq!(first.len(), 1);
        assert_eq!(last.len(), 1);
        assert!(last[0].as_text().is_some_and(|text| !text.is_empty()));
    }

    #[test]
    fn thoughts_and_text_stay_apart() {
        let mut holdback = Holdback::default();
        let thought = Part::text("Hm. Well").thought(true);

        let mut parts = holdback.push(vec![thought, Part::text("Yes")], false);
        parts.extend(holdback.push(Vec::new(), true));

        let texts: Vec<_> = parts
            .iter()
            .map(|part| (part.is_thought(), part.as_text().unwrap()))
            .collect();
        assert_eq!(texts, [(true, "Hm. Well"), (false, "Yes")]);
    }
}
