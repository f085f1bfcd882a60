//! What was said in a chat: typed, as JSON, or both.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;

use super::written::{self, Written};
use crate::protocol::content::Content;

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

    /// Adds a message that is [written](super::text_element) already, and the reply to it, and keeps their JSON
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

    pub(super) fn pop(&mut self) -> Option<Content> {
        let last = self.len().checked_sub(1)?;
        self.split_off(last).pop()
    }

    /// The JSON of all contents in pieces, a comma before each.
    pub(super) fn json(&self) -> Arc<Vec<Bytes>> {
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
    use crate::protocol::content::Part;
    use crate::protocol::content::contents::tests::{read, said};

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
    fn json_that_a_request_still_holds_is_left_alone() {
        let mut transcript = Transcript::from(said(&["a"]));
        let held = transcript.json();
        transcript.extend(said(&["b"]));

        assert_eq!(read(transcript.json()), said(&["a", "b"]));
        assert_eq!(read(held), said(&["a"]));
    }
}
