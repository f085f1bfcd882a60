//! The contents of a request: what was said before, shared with the chat, and what is said now.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::content::Content;
use crate::protocol::wire::Member;
pub(crate) use transcript::Transcript;
pub(crate) use written::text_element;

mod text;
mod transcript;
mod written;

/// The contents of a request, in order.
///
/// What was said before is shared with the chat the request came from, not copied, and so is its
/// JSON: a turn costs what is new in it, however long the history.
///
/// ```
/// use generativeai::protocol::content::{Content, Contents};
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
        if let Self::Written(json, read) = self {
            let read = read.take();
            *self = Self::Typed(read.unwrap_or_else(|| written::read(json.to_vec())));
        }
        match self {
            Self::Typed(contents) => contents,
            Self::Written(..) => unreachable!("it is typed now"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::content::Part;

    pub(super) fn said(texts: &[&str]) -> Vec<Content> {
        texts.iter().map(|&text| Content::user(text)).collect()
    }

    /// The contents behind JSON in pieces.
    pub(super) fn read(before: Arc<Vec<Bytes>>) -> Vec<Content> {
        let now = Bytes::new();
        read_json(&Json { before, now })
    }

    fn read_json(json: &Json) -> Vec<Content> {
        let pieces: Vec<&[u8]> = json.pieces().collect();
        let json = [b"[", &pieces.concat()[..], b"]"].concat();
        serde_json::from_slice(&json).expect("an array of contents")
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
