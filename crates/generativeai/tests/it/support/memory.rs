//! A journal in memory.

use std::sync::{Arc, Mutex, MutexGuard};

use generativeai::{
    BoxFuture, ChatSession, Entry, Error, ErrorKind, Event, GenerativeModel, Journal, Result,
};
use serde_json::json;

use super::poll::once_more;

/// Journal in memory that a test can break. A write continues if its future is dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    entries: Vec<Entry>,
    is_broken: bool,
    conflicts: usize,
}

impl Memory {
    /// Returns the events as they are read from storage: as JSON.
    pub(crate) fn events(&self) -> Vec<Event> {
        let contents = self.contents();
        let json = contents.entries.iter().map(|entry| json!(entry.event()));
        json.map(|event| serde_json::from_value(event).unwrap())
            .collect()
    }

    /// Returns the names of the events.
    pub(crate) fn names(&self) -> Vec<String> {
        let events = self.events().into_iter();
        events.map(|event| format!("{event:?}")).collect()
    }

    /// Makes every write fail from now on, or succeed again.
    pub(crate) fn set_broken(&self, is_broken: bool) {
        self.contents().is_broken = is_broken;
    }

    /// Returns the number of writes that failed because of another writer.
    pub(crate) fn conflicts(&self) -> usize {
        self.contents().conflicts
    }

    /// Returns the conversation that the journal contains.
    pub(crate) fn resume(&self, model: &GenerativeModel) -> ChatSession {
        let chat = model.start_chat();
        chat.resume(self.clone(), self.events()).unwrap()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap()
    }

    fn write(&self, after: usize, entries: Vec<Entry>) -> Result<()> {
        let mut contents = self.contents();
        if contents.is_broken {
            return Err(Error::new(ErrorKind::Storage, "the disk is full"));
        }
        let stored: Vec<u128> = contents.entries[after..].iter().map(Entry::id).collect();
        let given: Vec<u128> = entries.iter().map(Entry::id).collect();
        if !given.starts_with(&stored) {
            contents.conflicts += 1;
            let message = "modified by another writer";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        contents
            .entries
            .extend(entries.into_iter().skip(stored.len()));
        Ok(())
    }
}

impl Journal for Memory {
    fn append(&self, after: u64, entries: Vec<Entry>) -> BoxFuture<Result<()>> {
        let this = self.clone();
        Box::pin(async move {
            let written = this.write(after as usize, entries);
            once_more().await;
            written
        })
    }
}

/// Asserts that two conversations are equal in everything that can be seen, including the turns that can be redone.
pub(crate) fn assert_same(mut one: ChatSession, mut other: ChatSession, context: &str) {
    loop {
        let [one_json, other_json] = [&one, &other].map(|chat| json!(chat));
        assert_eq!(one_json, other_json, "{context}");
        let redone = [one.redo(), other.redo()];
        assert_eq!(redone[0], redone[1], "redo {context}");
        if !redone[0] {
            return;
        }
    }
}
