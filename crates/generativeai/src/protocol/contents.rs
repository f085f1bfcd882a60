//! The contents of a request: what was said before, shared with the chat, and what is said now.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Content;
use super::wire::Member;

/// The contents of a request, in order.
///
/// What was said before is shared with the chat the request came from, not copied, and so is its
/// JSON: a turn costs what is new in it, however long the history.
///
/// ```
/// use generativeai::protocol::{Content, Contents};
///
/// let contents = Contents::from("Hello");
/// assert_eq!(contents.len(), 1);
/// assert_eq!(contents.last().unwrap().parts[0].as_text(), Some("Hello"));
/// ```
#[derive(Clone, Default)]
pub struct Contents {
    before: Arc<Transcript>,
    now: Vec<Content>,
}

impl Contents {
    /// Makes the contents of a request that goes on where a transcript ends.
    pub(crate) fn new(before: Arc<Transcript>, now: Vec<Content>) -> Self {
        Self { before, now }
    }

    /// Goes through them, first to last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Content> + Clone {
        self.before.contents.iter().chain(&self.now)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.before.contents.len() + self.now.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last one.
    pub fn last(&self) -> Option<&Content> {
        self.iter().next_back()
    }

    /// Adds one at the end.
    pub fn push(&mut self, content: impl Into<Content>) {
        self.now.push(content.into());
    }

    /// The last one, to be changed; a shared one is copied first.
    pub(crate) fn last_mut(&mut self) -> Option<&mut Content> {
        if self.now.is_empty() {
            self.now.push(Arc::make_mut(&mut self.before).pop()?);
        }
        self.now.last_mut()
    }

    /// Their JSON, element by element with commas between, without the brackets: what was said
    /// before as it was kept, and what is said now.
    #[cfg_attr(
        not(feature = "remote"),
        allow(dead_code, reason = "only a backend that sends JSON asks for it")
    )]
    pub(crate) fn json(&self) -> [Bytes; 2] {
        let mut now = Vec::new();
        for (at, content) in self.now.iter().enumerate() {
            write_element(&mut now, at == 0, content);
        }
        [self.before.json(), now.into()]
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Contents {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<C: Into<Content>> From<C> for Contents {
    fn from(content: C) -> Self {
        Self {
            before: Arc::default(),
            now: vec![content.into()],
        }
    }
}

impl From<Vec<Content>> for Contents {
    fn from(now: Vec<Content>) -> Self {
        Self {
            before: Arc::default(),
            now,
        }
    }
}

impl From<&[Content]> for Contents {
    fn from(contents: &[Content]) -> Self {
        contents.to_vec().into()
    }
}

impl<const N: usize> From<[Content; N]> for Contents {
    fn from(contents: [Content; N]) -> Self {
        Vec::from(contents).into()
    }
}

impl FromIterator<Content> for Contents {
    fn from_iter<I: IntoIterator<Item = Content>>(contents: I) -> Self {
        contents.into_iter().collect::<Vec<_>>().into()
    }
}

impl Serialize for Contents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Contents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Content>::deserialize(deserializer).map(Self::from)
    }
}

impl Member for Contents {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Vec<Content> as Member>::read(deserializer).map(Self::from)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn shown(&self) -> Option<&dyn fmt::Debug> {
        (!self.is_empty()).then_some(self as &dyn fmt::Debug)
    }
}

/// Contents that were said, with their JSON: written once, when first asked for, and kept.
#[derive(Default)]
pub(crate) struct Transcript {
    contents: Vec<Content>,
    written: Mutex<Written>,
}

/// The JSON of the first contents of a [`Transcript`], commas between, and where each ends.
#[derive(Clone, Default)]
struct Written {
    json: Bytes,
    ends: Vec<usize>,
}

impl Transcript {
    /// The contents, first to last.
    pub(crate) fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// Adds contents at the end.
    pub(crate) fn extend(&mut self, contents: impl IntoIterator<Item = Content>) {
        self.contents.extend(contents);
    }

    /// Takes back everything from the `len`th content on, and gives it.
    pub(crate) fn split_off(&mut self, len: usize) -> Vec<Content> {
        let written = self
            .written
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(&end) = len.checked_sub(1).and_then(|last| written.ends.get(last)) {
            written.json.truncate(end);
        } else if len == 0 {
            written.json.clear();
        }
        written.ends.truncate(len);
        self.contents.split_off(len)
    }

    fn pop(&mut self) -> Option<Content> {
        let last = self.contents.len().checked_sub(1)?;
        self.split_off(last).pop()
    }

    /// The JSON of all contents, commas between, without the brackets.
    fn json(&self) -> Bytes {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let done = written.ends.len();
        if done < self.contents.len() {
            let before = written.json.len();
            let mut new = Vec::new();
            for (at, content) in self.contents.iter().enumerate().skip(done) {
                write_element(&mut new, at == 0, content);
                written.ends.push(before + new.len());
            }
            let kept = mem::take(&mut written.json);
            written.json = appended(kept, &new);
        }
        written.json.clone()
    }
}

fn write_element(json: &mut Vec<u8>, is_first: bool, content: &Content) {
    if !is_first {
        json.push(b',');
    }
    serde_json::to_writer(json, content)
        .expect("contents are strings, numbers and maps with string keys, and memory takes them");
}

/// Puts more behind what is kept: in its place, if nobody else holds it and there is room; else in a
/// new one, with room for an eighth beyond it.
fn appended(kept: Bytes, more: &[u8]) -> Bytes {
    let length = kept.len() + more.len();
    let roomier = |kept: &[u8]| {
        let mut json = BytesMut::with_capacity(length + length / 8);
        json.extend_from_slice(kept);
        json
    };
    let mut json = match kept.try_into_mut() {
        Ok(json) if json.capacity() >= length => json,
        Ok(json) => roomier(&json),
        Err(kept) => roomier(&kept),
    };
    json.extend_from_slice(more);
    json.freeze()
}

impl Clone for Transcript {
    fn clone(&self) -> Self {
        let written = self
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Self {
            contents: self.contents.clone(),
            written: Mutex::new(written),
        }
    }
}

impl From<Vec<Content>> for Transcript {
    fn from(contents: Vec<Content>) -> Self {
        Self {
            contents,
            written: Mutex::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(texts: &[&str]) -> Vec<Content> {
        texts.iter().map(|&text| Content::from(text)).collect()
    }

    fn read(json: Bytes) -> Vec<Content> {
        serde_json::from_slice(&[b"[", &json[..], b"]"].concat()).expect("an array of contents")
    }

    #[test]
    fn the_json_of_a_transcript_follows_what_is_said_and_taken_back() {
        let mut transcript = Transcript::from(said(&["a", "b"]));
        assert_eq!(read(transcript.json()), said(&["a", "b"]));

        transcript.extend(said(&["c", "d"]));
        assert_eq!(read(transcript.json()), said(&["a", "b", "c", "d"]));

        transcript.extend(said(&["never written"]));
        assert_eq!(transcript.split_off(1).len(), 4);
        assert_eq!(read(transcript.json()), said(&["a"]));

        transcript.split_off(0);
        transcript.extend(said(&["e"]));
        assert_eq!(read(transcript.json()), said(&["e"]));
    }

    #[test]
    fn a_copy_of_a_transcript_grows_apart() {
        let mut one = Transcript::from(said(&["a"]));
        one.json();
        let mut other = one.clone();
        one.extend(said(&["b"]));
        other.extend(said(&["c"]));

        assert_eq!(read(one.json()), said(&["a", "b"]));
        assert_eq!(read(other.json()), said(&["a", "c"]));
    }

    #[test]
    fn json_that_a_request_still_holds_is_left_alone() {
        let mut transcript = Transcript::from(said(&["a"]));
        let held = transcript.json();
        transcript.extend(said(&["b"]));

        assert_eq!(read(transcript.json()), said(&["a", "b"]));
        assert_eq!(read(held), said(&["a"]));
    }

    #[test]
    fn what_is_said_now_follows_what_was_said_before() {
        let before = Arc::new(Transcript::from(said(&["a"])));
        let mut contents = Contents::new(before, said(&["b"]));
        contents.push("c");

        assert_eq!(contents.len(), 3);
        assert_eq!(contents, Contents::from(said(&["a", "b", "c"])));
        assert_eq!(contents.json().map(read), [said(&["a"]), said(&["b", "c"])]);
    }
}
