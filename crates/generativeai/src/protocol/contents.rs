//! The contents of a request: what was said before, shared with the chat, and what is said now.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Content;
use super::wire::Member;
use written::Written;

pub(crate) use written::text_element;

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
    before: Option<Arc<Transcript>>,
    now: Now,
}

/// What is said now.
#[derive(Clone)]
enum Now {
    Typed(Vec<Content>),
    /// One content, of which the JSON is all there is until somebody looks.
    Written(Bytes, OnceLock<Vec<Content>>),
}

impl Default for Now {
    fn default() -> Self {
        Self::Typed(Vec::new())
    }
}

impl Now {
    fn contents(&self) -> &[Content] {
        match self {
            Self::Typed(contents) => contents,
            Self::Written(json, read) => read.get_or_init(|| written::read(json.to_vec())),
        }
    }

    fn contents_mut(&mut self) -> &mut Vec<Content> {
        if let Self::Written(..) = self {
            *self = Self::Typed(self.contents().to_vec());
        }
        match self {
            Self::Typed(contents) => contents,
            Self::Written(..) => unreachable!("it was read"),
        }
    }
}

impl Contents {
    /// Makes the contents of a request that goes on where a transcript ends.
    pub(crate) fn new(before: Arc<Transcript>, now: Vec<Content>) -> Self {
        Self {
            before: Some(before),
            now: Now::Typed(now),
        }
    }

    /// The same with one content that is [written](text_element) already.
    pub(crate) fn with_written(before: Arc<Transcript>, now: Bytes) -> Self {
        Self {
            before: Some(before),
            now: Now::Written(now, OnceLock::new()),
        }
    }

    /// Goes through them, first to last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Content> + Clone {
        self.before().contents().iter().chain(self.now.contents())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let now = match &self.now {
            Now::Typed(contents) => contents.len(),
            Now::Written(..) => 1,
        };
        self.before().len() + now
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last one.
    pub fn last(&self) -> Option<&Content> {
        let now = self.now.contents().last();
        now.or_else(|| self.before().contents().last())
    }

    /// Adds one at the end.
    pub fn push(&mut self, content: impl Into<Content>) {
        self.now.contents_mut().push(content.into());
    }

    /// The last one, to be changed; a shared one is copied first.
    pub(crate) fn last_mut(&mut self) -> Option<&mut Content> {
        let now = self.now.contents_mut();
        if let Some(before) = &mut self.before
            && now.is_empty()
        {
            now.push(Arc::make_mut(before).pop()?);
        }
        now.last_mut()
    }

    fn before(&self) -> &Transcript {
        static NOTHING: LazyLock<Transcript> = LazyLock::new(Transcript::default);
        self.before.as_deref().unwrap_or(&NOTHING)
    }

    /// Their JSON: what was said before as it was kept, and what is said now.
    #[cfg_attr(
        not(feature = "remote"),
        allow(dead_code, reason = "only a backend that sends JSON asks for it")
    )]
    pub(crate) fn json(&self) -> Json {
        let now = match &self.now {
            Now::Written(json, _) => json.clone(),
            Now::Typed(contents) => {
                let mut json = Vec::new();
                for content in contents {
                    written::write_element(&mut json, content);
                }
                json.into()
            }
        };
        Json {
            before: self.before().json(),
            now,
        }
    }
}

/// The JSON of contents, in pieces that are shared.
pub(crate) struct Json {
    before: Arc<Vec<Bytes>>,
    now: Bytes,
}

#[cfg_attr(
    not(feature = "remote"),
    allow(dead_code, reason = "only a backend that sends JSON asks for it")
)]
impl Json {
    /// The pieces, commas between the contents, without the brackets; none is empty.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let all = self.before.iter().chain([&self.now]);
        let written = all.filter(|piece| !piece.is_empty());
        // Without the comma before the first.
        written
            .enumerate()
            .map(|(at, piece)| &piece[usize::from(at == 0)..])
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
        vec![content.into()].into()
    }
}

impl From<Vec<Content>> for Contents {
    fn from(now: Vec<Content>) -> Self {
        Self {
            before: None,
            now: Now::Typed(now),
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
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        let mut contents = Vec::<Content>::new();
        contents.read(deserializer)?;
        *self = contents.into();
        Ok(())
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

    /// One of the contents; of those that are folded, it alone is read.
    pub(crate) fn content(&self, at: usize) -> Option<Cow<'_, Content>> {
        if let Some(all) = self.read.get() {
            return all.get(at).map(Cow::Borrowed);
        }
        match at.checked_sub(self.folded) {
            Some(at) => self.contents.get(at).map(Cow::Borrowed),
            None => Some(Cow::Owned(self.written().read_one(at))),
        }
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

    /// Adds a message that is [written](text_element) already, and the reply to it, and keeps their JSON
    /// alone; says whether it did, as [`fold`](Self::fold) would.
    pub(crate) fn fold_turn(&mut self, message: &Bytes, reply: &Content) -> bool {
        self.settle();
        if self.stays_typed || !self.contents.is_empty() {
            return false;
        }
        let Some(reply) = written::text_element(reply) else {
            return false;
        };
        let mut written = self.written();
        for element in [message.clone(), reply] {
            written.push(element);
        }
        drop(written);
        self.folded += 2;
        true
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

    /// The JSON of all contents in pieces, a comma before each.
    fn json(&self) -> Arc<Vec<Bytes>> {
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

    /// The contents behind JSON in pieces.
    fn read(before: Arc<Vec<Bytes>>) -> Vec<Content> {
        let now = Bytes::new();
        read_json(&Json { before, now })
    }

    fn read_json(json: &Json) -> Vec<Content> {
        let pieces: Vec<&[u8]> = json.pieces().collect();
        let json = [b"[", &pieces.concat()[..], b"]"].concat();
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
            assert!(transcript.json().len() <= 18 + length / 16, "{length}");
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
    fn one_content_is_read_wherever_it_is() {
        let all: Vec<String> = (0..60)
            .map(|at| at.to_string().repeat(1 + at * 20))
            .collect();
        let texts: Vec<&str> = all.iter().map(String::as_str).collect();
        let mut transcript = Transcript::default();
        for two in texts[..50].chunks(2) {
            transcript.extend(said(two));
            transcript.fold();
        }
        transcript.extend(said(&texts[50..]));

        for (at, content) in said(&texts).iter().enumerate() {
            assert_eq!(transcript.content(at).as_deref(), Some(content), "{at}");
        }
        assert_eq!((transcript.content(60), transcript.folded()), (None, 50));
        transcript.contents();
        assert_eq!(transcript.content(7).as_deref(), said(&texts).get(7));
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
    fn a_turn_is_folded_as_it_was_written() {
        let [message, reply] = [Content::user("a\n"), Content::model("b")];
        let json = text_element(&message).expect("only text");
        let contents = Contents::with_written(Arc::default(), json.clone());
        assert_eq!((contents.len(), contents.last()), (1, Some(&message)));
        assert_eq!(read_json(&contents.json()), std::slice::from_ref(&message));

        let mut transcript = Transcript::default();
        assert!(transcript.fold_turn(&json, &reply) && transcript.fold_turn(&json, &reply));
        let all = [&message, &reply, &message, &reply].map(Content::clone);
        assert_eq!(read(transcript.json()), all);
        let mut contents = Contents::with_written(Arc::new(transcript.clone()), json.clone());
        assert_eq!(read_json(&contents.json())[..4], all);
        contents.push(reply.clone());
        assert_eq!(contents.len(), 6);
        assert_eq!(contents.iter().last(), Some(&reply));

        assert!(!transcript.fold_turn(&json, &Content::model(Vec::<Part>::new())));
        assert_eq!(transcript.contents(), all);
        assert!(!transcript.fold_turn(&json, &reply));
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
        assert_eq!(read_json(&contents.json()), said(&["a", "b", "c"]));
        assert_eq!(contents.json().pieces().count(), 2);
    }
}
