//! The JSON of what was said: written once, and kept in pieces that requests share.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::text;
use crate::protocol::content::Content;

/// From how many bytes on a piece stays as it is.
const LARGE: usize = 16 << 10;

/// How many pieces that are not large there may be.
const MOST_SMALL: usize = 16;

/// The JSON of the first contents of a transcript, a comma before each, and where each ends.
///
/// What is said later is a piece of its own, so that nothing is copied, and nothing is kept ready to
/// grow. When there are too many small pieces, the last ones become one, and with them each before that
/// is less than twice as long: a byte is copied a few times at most, however long the conversation, and
/// a request has few pieces. A request shares the list of them, and is most often gone when it grows.
#[derive(Clone, Default)]
pub(super) struct Written {
    pieces: Arc<Vec<Bytes>>,
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
        let before = self.end();
        let mut json = Vec::with_capacity(new.iter().filter_map(text::length).sum());
        for content in new {
            write_element(&mut json, content);
            self.ends.push(before + json.len());
        }
        json.shrink_to_fit();
        self.add(json.into());
    }

    /// Adds a content as it was written elsewhere.
    pub(super) fn push(&mut self, element: Bytes) {
        self.ends.push(self.end() + element.len());
        self.add(element);
    }

    /// Takes back what was written of all contents but the first so many.
    pub(super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        let mut left = self.end();
        let pieces = Arc::make_mut(&mut self.pieces);
        for piece in &mut *pieces {
            if left < piece.len() {
                // A copy, so that what was taken back is not held any more.
                *piece = Bytes::copy_from_slice(&piece[..left]);
            }
            left -= piece.len();
        }
        pieces.retain(|piece| !piece.is_empty());
    }

    /// Reads one of the contents back.
    pub(super) fn read_one(&self, at: usize) -> Content {
        let mut begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut pieces = self.pieces.iter();
        let piece = loop {
            let piece = pieces.next().expect("what is written is in a piece");
            if begin < piece.len() {
                break piece;
            }
            begin -= piece.len();
        };
        let mut json = serde_json::Deserializer::from_slice(&piece[begin + 1..]);
        Content::deserialize(&mut json).expect("what was written can be read")
    }

    /// Reads the first contents back.
    pub(super) fn read(&self, len: usize) -> Vec<Content> {
        let mut json = self.pieces.concat();
        json.truncate(len.checked_sub(1).map_or(0, |last| self.ends[last]));
        read(json)
    }

    /// All that is written.
    pub(super) fn pieces(&self) -> Arc<Vec<Bytes>> {
        Arc::clone(&self.pieces)
    }

    fn end(&self) -> usize {
        self.ends.last().copied().unwrap_or_default()
    }

    fn add(&mut self, piece: Bytes) {
        let pieces = Arc::make_mut(&mut self.pieces);
        pieces.push(piece);
        let is_small = |piece: &&Bytes| piece.len() < LARGE;
        let small = pieces.iter().rev().take_while(is_small).count();
        if small <= MOST_SMALL {
            return;
        }
        let mut length = 0;
        let last = pieces.iter().rev().take(small).take_while(|piece| {
            let is_last = length == 0 || piece.len() < 2 * length;
            length += piece.len();
            is_last
        });
        let before = pieces.len() - last.count();
        let together = pieces[before..].concat();
        pieces.truncate(before);
        pieces.push(together.into());
    }
}

/// The JSON of a content that is nothing but text, with a comma before it.
pub(crate) fn text_element(content: &Content) -> Option<Bytes> {
    let mut json = Vec::with_capacity(text::length(content)?);
    write_element(&mut json, content);
    Some(json.into())
}

/// Writes a content, with a comma before it.
pub(super) fn write_element(json: &mut Vec<u8>, content: &Content) {
    json.push(b',');
    if !text::write(json, content) {
        serde_json::to_writer(json, content).expect(
            "contents are strings, numbers and maps with string keys, and memory takes them",
        );
    }
}

/// Reads contents back that were written each with a comma before it.
pub(super) fn read(mut json: Vec<u8>) -> Vec<Content> {
    match json.first_mut() {
        Some(comma) => *comma = b'[',
        None => return Vec::new(),
    }
    json.push(b']');
    serde_json::from_slice(&json).expect("what was written can be read")
}
