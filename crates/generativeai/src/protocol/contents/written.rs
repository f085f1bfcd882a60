//! The JSON of what was said: written once, and kept in pieces that requests share.

use bytes::Bytes;

use super::text;
use crate::protocol::Content;

/// From how many bytes on a piece stays as it is.
const LARGE: usize = 64 << 10;

/// How many pieces that are not large there may be.
const MOST_SMALL: usize = 8;

/// The JSON of the first contents of a transcript, commas between, and where each ends.
///
/// What is said later is a piece of its own, so that nothing is copied, and nothing is kept ready to
/// grow. When there are too many small pieces, the last ones become one, and with them each before that
/// is less than twice as long: a byte is copied a few times at most, however long the conversation, and
/// a request has few pieces.
#[derive(Clone, Default)]
pub(super) struct Written {
    pieces: Vec<Bytes>,
    ends: Vec<usize>,
}

impl Written {
    /// Writes what is not written yet of the contents that follow the first `before`.
    pub(super) fn write(&mut self, before: usize, contents: &[Content]) {
        let done = self.ends.len() - before;
        let new = contents.get(done..).unwrap_or_default();
        if new.is_empty() {
            return;
        }
        let before = self.ends.last().copied().unwrap_or_default();
        let mut json = Vec::new();
        for content in new {
            write_element(&mut json, self.ends.is_empty(), content);
            self.ends.push(before + json.len());
        }
        json.shrink_to_fit();
        self.pieces.push(json.into());
        self.put_together();
    }

    /// Takes back what was written of all contents but the first so many.
    pub(super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        let mut left = self.ends.last().copied().unwrap_or_default();
        for piece in &mut self.pieces {
            if left < piece.len() {
                // A copy, so that what was taken back is not held any more.
                *piece = Bytes::copy_from_slice(&piece[..left]);
            }
            left -= piece.len();
        }
        self.pieces.retain(|piece| !piece.is_empty());
    }

    /// Reads the first contents back.
    pub(super) fn read(&self, len: usize) -> Vec<Content> {
        let end = len.checked_sub(1).map_or(0, |last| self.ends[last]);
        let mut json = self.pieces.concat();
        json.truncate(end);
        json.insert(0, b'[');
        json.push(b']');
        serde_json::from_slice(&json).expect("what was written can be read")
    }

    /// All that is written.
    pub(super) fn pieces(&self) -> Vec<Bytes> {
        self.pieces.clone()
    }

    fn put_together(&mut self) {
        let is_small = |piece: &&Bytes| piece.len() < LARGE;
        let small = self.pieces.iter().rev().take_while(is_small).count();
        if small <= MOST_SMALL {
            return;
        }
        let mut length = 0;
        let last = self.pieces.iter().rev().take(small).take_while(|piece| {
            let is_last = length == 0 || piece.len() < 2 * length;
            length += piece.len();
            is_last
        });
        let before = self.pieces.len() - last.count();
        let together = self.pieces[before..].concat();
        self.pieces.truncate(before);
        self.pieces.push(together.into());
    }
}

/// Writes an element of an array, with the comma before it.
pub(super) fn write_element(json: &mut Vec<u8>, is_first: bool, content: &Content) {
    if !is_first {
        json.push(b',');
    }
    if !text::write(json, content) {
        serde_json::to_writer(json, content).expect(
            "contents are strings, numbers and maps with string keys, and memory takes them",
        );
    }
}
