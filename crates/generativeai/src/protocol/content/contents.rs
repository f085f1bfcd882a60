//! Contents of a request: the history, which is shared with its chat, and the new contents.

use std::fmt;
use std::iter::Chain;
use std::slice;
use std::sync::Arc;
use std::vec;

use bytes::{Buf as _, Bytes};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::content::Content;
use crate::protocol::wire::{self, Member, Reader};
#[cfg(feature = "remote")]
pub(crate) use json::is_foreign_signature;
pub(crate) use transcript::Transcript;

mod json;
mod transcript;

/// Contents of a request, in order.
///
/// A request of a chat shares the history and its JSON with the chat instead of copying them. So the cost of a turn
/// does not depend on the length of the conversation.
///
/// A content, or a list of contents, converts into `Contents`:
///
/// ```
/// use generativeai::protocol::content::{Content, Contents};
///
/// let contents = Contents::from("Hello");
/// assert_eq!(contents.len(), 1);
/// assert_eq!(contents.last().unwrap().parts[0].as_text(), Some("Hello"));
///
/// let contents = Contents::from([Content::user("Hello"), Content::model("Hello!")]);
/// assert_eq!(contents.len(), 2);
/// ```
#[derive(Clone, Default)]
pub struct Contents {
    /// History of the chat that makes the request.
    history: Option<Arc<Transcript>>,
    /// Contents after the history. The requests of a reply share them, since they may contain large media.
    new: Arc<Vec<Content>>,
}

impl Contents {
    /// Creates the contents of a request that follows a history.
    pub(crate) fn new(history: Arc<Transcript>, new: Vec<Content>) -> Self {
        Self {
            history: Some(history),
            new: Arc::new(new),
        }
    }

    /// Creates contents that share a list.
    pub(crate) fn shared(contents: Arc<Vec<Content>>) -> Self {
        Self {
            history: None,
            new: contents,
        }
    }

    /// Returns an iterator over the contents, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Content> + Clone {
        self.history().iter().chain(&*self.new)
    }

    /// Returns an iterator over the last contents: all those with a part that a backend inspects, and possibly others.
    ///
    /// Parts refer to attachments in their metadata, and other services leave their own signatures. A search of the
    /// whole history for them, in each request, doubled the instructions of a turn with 2,000 messages.
    #[cfg_attr(
        not(feature = "remote"),
        allow(dead_code, reason = "used by the backend that sends JSON")
    )]
    pub(crate) fn inspected(&self) -> impl Iterator<Item = &Content> {
        let history = self.history.as_deref();
        let history = history.map(Transcript::inspected);
        history.unwrap_or_default().iter().chain(&*self.new)
    }

    /// Returns the number of contents.
    pub fn len(&self) -> usize {
        self.history().len() + self.new.len()
    }

    /// Returns whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the last content.
    pub fn last(&self) -> Option<&Content> {
        self.new.last().or_else(|| self.history().last())
    }

    /// Appends a content.
    ///
    /// Only this value changes, not a chat or a clone that shares its history.
    ///
    /// ```
    /// use generativeai::protocol::content::{Content, Contents};
    ///
    /// let mut contents = Contents::from("How tall is Ben Nevis?");
    /// let shorter = contents.clone();
    /// contents.push(Content::model("1,345 metres."));
    /// assert_eq!((contents.len(), shorter.len()), (2, 1));
    /// ```
    pub fn push(&mut self, content: impl Into<Content>) {
        Arc::make_mut(&mut self.new).push(content.into());
    }

    fn history(&self) -> &[Content] {
        let history = self.history.as_deref();
        history.map(Transcript::contents).unwrap_or_default()
    }

    /// Returns the JSON of the contents, in pieces: those of the history are shared, and the new contents are written.
    #[cfg_attr(
        not(feature = "remote"),
        allow(dead_code, reason = "used by the backend that sends JSON")
    )]
    pub(crate) fn json(&self) -> Vec<Bytes> {
        let new = json::write_elements(&self.new, |_| {});
        let history = self.history.as_deref().map(Transcript::json);
        let history = history.unwrap_or_default();
        let mut pieces = Vec::with_capacity(history.len() + 1);
        pieces.extend_from_slice(&history);
        pieces.push(Bytes::from(new));
        pieces.retain(|piece| !piece.is_empty());
        // Each content has a comma in front of it; the first comma is left out.
        if let Some(first) = pieces.first_mut() {
            first.advance(1);
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
        vec![content.into()].into()
    }
}

impl From<Vec<Content>> for Contents {
    fn from(contents: Vec<Content>) -> Self {
        Self::shared(Arc::new(contents))
    }
}

/// Copies the contents of a history, which is shared. Contents without one are moved if they are not shared.
impl From<Contents> for Vec<Content> {
    fn from(contents: Contents) -> Self {
        match contents.history {
            None => Arc::unwrap_or_clone(contents.new),
            Some(_) => contents.iter().cloned().collect(),
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

impl Extend<Content> for Contents {
    fn extend<I: IntoIterator<Item = Content>>(&mut self, contents: I) {
        Arc::make_mut(&mut self.new).extend(contents);
    }
}

/// Copies the contents of a history, which is shared.
impl IntoIterator for Contents {
    type Item = Content;
    type IntoIter = vec::IntoIter<Content>;

    fn into_iter(self) -> Self::IntoIter {
        Vec::from(self).into_iter()
    }
}

impl<'a> IntoIterator for &'a Contents {
    type Item = &'a Content;
    // `iter` returns `impl Iterator`, which an associated type cannot name.
    type IntoIter = Chain<slice::Iter<'a, Content>, slice::Iter<'a, Content>>;

    fn into_iter(self) -> Self::IntoIter {
        self.history().iter().chain(&*self.new)
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
    fn read(&mut self, reader: &mut Reader<'_>) -> wire::Result<()> {
        let mut contents = Vec::<Content>::new();
        contents.read(reader)?;
        *self = contents.into();
        Ok(())
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn debug(&self) -> Option<&dyn fmt::Debug> {
        (!self.is_empty()).then_some(self as &dyn fmt::Debug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::content::Part;

    pub(super) fn users(texts: &[&str]) -> Vec<Content> {
        texts.iter().map(|&text| Content::user(text)).collect()
    }

    /// Reads the contents behind the JSON of a history, each with a comma in front of it.
    pub(super) fn read(history: Arc<Vec<Bytes>>) -> Vec<Content> {
        read_json(history.concat().get(1..).unwrap_or_default())
    }

    fn read_json(elements: &[u8]) -> Vec<Content> {
        let json = [b"[", elements, b"]"].concat();
        serde_json::from_slice(&json).expect("an array of contents")
    }

    #[test]
    fn new_contents_follow_the_history() {
        let history = Arc::new(Transcript::from(users(&["a"])));
        let mut contents = Contents::new(history, users(&["b"]));
        contents.extend(users(&["c"]));

        assert_eq!(contents.len(), 3);
        assert_eq!(contents.clone().into_iter().next(), users(&["a"]).pop());
        assert_eq!(contents, Contents::from(users(&["a", "b", "c"])));
        assert_eq!(
            read_json(&contents.json().concat()),
            users(&["a", "b", "c"])
        );
        assert_eq!(contents.json().len(), 2);
    }

    #[test]
    fn inspected_parts_are_found_before_and_after_the_json_is_written() {
        let signed = |signature: &str| Part::text("a").thought_signature(signature);
        for (part, inspected) in [
            (Part::text("a"), 0),
            (signed("EjQ="), 0),
            (signed("eyJhIjoxfQ=="), 2),
            (signed(r#"{"a":1}"#), 2),
            (Part::text("a").part_metadata(1), 2),
        ] {
            let history = vec![Content::model(part), Content::user("b")];
            let contents = Contents::new(Arc::new(history.into()), users(&["c"]));

            assert_eq!(contents.inspected().count(), 3);
            contents.json();
            assert_eq!(contents.inspected().count(), inspected + 1);
        }
    }
}
