//! Contents of a conversation, together with their JSON.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::json::JsonPrefix;
use crate::protocol::content::{Content, Data};

/// Contents of a conversation and their JSON, which is written once: when a history is given, otherwise when a request
/// first needs it.
#[derive(Default)]
pub(crate) struct Transcript {
    contents: Vec<Content>,
    /// Behind a lock, since a request shares the transcript with its chat: whichever needs the JSON writes what is
    /// missing.
    json: Mutex<JsonPrefix>,
}

impl Transcript {
    /// Returns the contents in order.
    pub(crate) fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// Returns the contents without their JSON.
    pub(crate) fn into_contents(self) -> Vec<Content> {
        self.contents
    }

    /// Appends contents.
    pub(crate) fn extend(&mut self, contents: impl IntoIterator<Item = Content>) {
        self.contents.extend(contents.into_iter().map(shrunk));
    }

    /// Removes all contents but the first `count`, and returns them.
    pub(crate) fn split_off(&mut self, count: usize) -> Vec<Content> {
        let json = self.json.get_mut();
        json.unwrap_or_else(PoisonError::into_inner).truncate(count);
        self.contents.split_off(count)
    }

    /// Returns the contents among which a backend inspects parts. Those before them need no inspection.
    pub(super) fn inspected(&self) -> &[Content] {
        let json = self.json.lock().unwrap_or_else(PoisonError::into_inner);
        &self.contents[json.not_inspected()..]
    }

    /// Writes the JSON of all contents, so that the first request with a long history is not delayed.
    pub(crate) fn write_json(&self) {
        if cfg!(feature = "remote") {
            self.json();
        }
    }

    /// Returns the JSON of all contents in pieces, with a comma in front of each content.
    pub(super) fn json(&self) -> Arc<Vec<Bytes>> {
        let mut json = self.json.lock().unwrap_or_else(PoisonError::into_inner);
        json.extend_to(&self.contents)
    }
}

impl Clone for Transcript {
    fn clone(&self) -> Self {
        // The JSON is cloned as well: it is shared pieces and offsets, and the clone need not write it again.
        let json = self.json.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            contents: self.contents.clone(),
            json: Mutex::new(json.clone()),
        }
    }
}

impl From<Vec<Content>> for Transcript {
    fn from(contents: Vec<Content>) -> Self {
        let mut transcript = Self::default();
        transcript.extend(contents);
        transcript
    }
}

/// Releases unused memory of texts. A text that grew, as in a streamed reply, has up to twice the capacity
/// that it needs, and would keep it for the lifetime of the conversation.
fn shrunk(mut content: Content) -> Content {
    for part in &mut content.parts {
        if let Some(Data::Text(text)) = &mut part.data {
            text.shrink_to_fit();
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::content::contents::tests::{read, users};

    #[test]
    fn the_json_follows_added_and_removed_contents() {
        let mut transcript = Transcript::from(users(&["a", "b"]));
        assert_eq!(read(transcript.json()), users(&["a", "b"]));

        transcript.extend(users(&["c", "d"]));
        assert_eq!(read(transcript.json()), users(&["a", "b", "c", "d"]));

        transcript.extend(users(&["never written"]));
        assert_eq!(transcript.split_off(1).len(), 4);
        assert_eq!(read(transcript.json()), users(&["a"]));

        transcript.split_off(0);
        transcript.extend(users(&["e"]));
        assert_eq!(read(transcript.json()), users(&["e"]));
    }

    #[test]
    fn a_clone_is_independent() {
        let mut one = Transcript::from(users(&["a"]));
        one.json();
        let mut other = one.clone();
        one.extend(users(&["b"]));
        other.extend(users(&["c"]));

        assert_eq!(read(one.json()), users(&["a", "b"]));
        assert_eq!(read(other.json()), users(&["a", "c"]));
    }

    #[test]
    fn the_json_of_a_long_transcript_has_few_pieces() {
        let text = "x".repeat(1_000);
        let mut transcript = Transcript::default();
        for length in 1..=1_000 {
            transcript.extend(users(&[&text]));
            assert!(transcript.json().len() <= 18 + length / 16, "{length}");
        }
        assert_eq!(read(transcript.json()), transcript.contents());

        transcript.split_off(333);
        assert_eq!(read(transcript.json()), transcript.contents());
    }

    #[test]
    fn json_that_a_request_shares_does_not_change() {
        let mut transcript = Transcript::from(users(&["a"]));
        let held = transcript.json();
        transcript.extend(users(&["b"]));

        assert_eq!(read(transcript.json()), users(&["a", "b"]));
        assert_eq!(read(held), users(&["a"]));
    }
}
