//! The contents of a request: what was said before, shared with the chat, and what is said now.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Content;
use super::wire::Member;
use written::Written;

mod text;
mod written;

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
        self.before.contents().iter().chain(&self.now)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.before.len() + self.now.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last one.
    pub fn last(&self) -> Option<&Content> {
        self.now.last().or_else(|| self.before.contents().last())
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

    /// Their JSON in pieces, commas between, without the brackets: what was said before as it was
    /// kept, and what is said now.
    #[cfg_attr(
        not(feature = "remote"),
        allow(dead_code, reason = "only a backend that sends JSON asks for it")
    )]
    pub(crate) fn json(&self) -> Vec<Bytes> {
        let mut pieces = self.before.json();
        let mut now = Vec::new();
        for content in &self.now {
            let is_first = pieces.is_empty() && now.is_empty();
            written::write_element(&mut now, is_first, content);
        }
        if !now.is_empty() {
            pieces.push(now.into());
        }
        pieces
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
///
/// Where it is sent only, the JSON may be all that is kept of them: see [`fold`](Self::fold).
#[derive(Default)]
pub(crate) struct Transcript {
    /// Of how many contents the JSON alone is kept.
    folded: usize,
    /// Those that follow.
    contents: Vec<Content>,
    written: Mutex<Written>,
    /// All of them again, once somebody looked at what was folded.
    read: OnceLock<Vec<Content>>,
    /// No more is folded: somebody looks at the contents, or there are some that cannot be.
    stays_typed: bool,
}

impl Transcript {
    /// How many contents there are.
    pub(crate) fn len(&self) -> usize {
        self.folded + self.contents.len()
    }

    /// The contents, first to last.
    pub(crate) fn contents(&self) -> &[Content] {
        if self.folded == 0 {
            return &self.contents;
        }
        self.read.get_or_init(|| {
            let mut all = self.written().read(self.folded);
            all.extend_from_slice(&self.contents);
            all
        })
    }

    /// Adds contents at the end.
    pub(crate) fn extend(&mut self, contents: impl IntoIterator<Item = Content>) {
        self.settle();
        self.contents.extend(contents);
    }

    /// Takes back everything from the `len`th content on, and gives it.
    pub(crate) fn split_off(&mut self, len: usize) -> Vec<Content> {
        if len < self.folded {
            self.contents();
        }
        self.settle();
        let written = self.written.get_mut();
        written
            .unwrap_or_else(PoisonError::into_inner)
            .truncate(len);
        self.contents.split_off(len - self.folded)
    }

    /// Keeps the JSON of the contents alone: that takes half the memory.
    ///
    /// Contents that are more than text stay as they are, with all that follow; once somebody looked,
    /// so do all.
    pub(crate) fn fold(&mut self) {
        self.settle();
        if self.stays_typed {
            return;
        }
        if !self.contents.iter().all(Content::is_only_text) {
            self.stays_typed = true;
            return;
        }
        self.written().write(self.folded, &self.contents);
        self.folded += self.contents.len();
        self.contents = Vec::new();
    }

    /// Of how many contents the JSON alone is kept, and nobody has looked.
    #[cfg(test)]
    pub(crate) fn folded(&self) -> usize {
        self.read.get().map_or(self.folded, |_| 0)
    }

    /// Takes what was read for the contents from now on.
    fn settle(&mut self) {
        if let Some(all) = self.read.take() {
            self.contents = all;
            self.folded = 0;
            self.stays_typed = true;
        }
    }

    fn pop(&mut self) -> Option<Content> {
        let last = self.len().checked_sub(1)?;
        self.split_off(last).pop()
    }

    /// The JSON of all contents in pieces, commas between, without the brackets.
    fn json(&self) -> Vec<Bytes> {
        let mut written = self.written();
        written.write(self.folded, &self.contents);
        written.pieces()
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Transcript {
    fn clone(&self) -> Self {
        Self {
            folded: self.folded,
            contents: self.contents.clone(),
            written: Mutex::new(self.written().clone()),
            read: self.read.clone(),
            stays_typed: self.stays_typed,
        }
    }
}

impl From<Vec<Content>> for Transcript {
    fn from(contents: Vec<Content>) -> Self {
        Self {
            contents,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Part;

    fn said(texts: &[&str]) -> Vec<Content> {
        texts.iter().map(|&text| Content::user(text)).collect()
    }

    fn read(json: Vec<Bytes>) -> Vec<Content> {
        let json = [b"[", &json.concat()[..], b"]"].concat();
        serde_json::from_slice(&json).expect("an array of contents")
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
    fn the_json_of_a_long_transcript_comes_in_few_pieces() {
        let text = "x".repeat(1_000);
        let mut transcript = Transcript::default();
        for length in 1..=1_000 {
            transcript.extend(said(&[&text]));
            assert!(transcript.json().len() <= 10 + length / 64, "{length}");
        }
        assert_eq!(read(transcript.json()), transcript.contents());

        transcript.split_off(333);
        assert_eq!(read(transcript.json()), transcript.contents());
    }

    #[test]
    fn contents_that_are_folded_are_read_when_somebody_looks() {
        let mut transcript = Transcript::from(said(&["a", "b"]));
        transcript.fold();
        transcript.extend(said(&["c"]));
        let copy = transcript.clone();
        transcript.fold();
        assert_eq!((transcript.len(), transcript.contents.len()), (3, 0));
        assert_eq!(read(transcript.json()), said(&["a", "b", "c"]));

        assert_eq!(transcript.contents(), said(&["a", "b", "c"]));
        transcript.extend(said(&["d"]));
        transcript.fold();
        assert_eq!(transcript.contents.len(), 4);
        assert_eq!(read(transcript.json()), said(&["a", "b", "c", "d"]));

        assert_eq!((copy.folded, copy.contents.len()), (2, 1));
        assert_eq!(read(copy.json()), said(&["a", "b", "c"]));
        assert_eq!(copy.contents(), said(&["a", "b", "c"]));
    }

    #[test]
    fn what_was_folded_is_taken_back_from_anywhere() {
        for len in 0..=4 {
            let mut transcript = Transcript::from(said(&["a", "b"]));
            transcript.fold();
            transcript.extend(said(&["c", "d"]));

            assert_eq!(
                transcript.split_off(len),
                said(&["a", "b", "c", "d"][len..])
            );
            assert_eq!(transcript.contents(), said(&["a", "b", "c", "d"][..len]));
            transcript.extend(said(&["e"]));
            assert_eq!(read(transcript.json()), transcript.contents());
        }
    }

    #[test]
    fn what_is_more_than_text_is_not_folded() {
        let thought = Part {
            thought: Some(true),
            ..Part::text("b")
        };
        let said = [said(&["a"]), vec![Content::model(thought)]].concat();
        let mut transcript = Transcript::from(said.clone());
        transcript.fold();

        assert_eq!(transcript.contents.len(), 2);
        assert_eq!(transcript.contents(), said);
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
        contents.push(Content::user("c"));

        assert_eq!(contents.len(), 3);
        assert_eq!(contents, Contents::from(said(&["a", "b", "c"])));
        assert_eq!(read(contents.json()), said(&["a", "b", "c"]));
        assert_eq!(contents.json().len(), 2);
    }
}
