//! Journals: of a chat that is stored in a session, and of one that is only replayed.

use generativeai::{BoxFuture, ChatSession, Entry, Event, GenerativeModel, Journal, Result};

use crate::append::append;
use crate::database::Database;
use crate::record::Record;

/// A journal that appends to a session.
///
/// Each chat has its own journal, and counts the events that it has written. A second chat of the same session, or a
/// clone, is another writer.
#[derive(Debug)]
pub(crate) struct SessionJournal {
    /// The database of the session.
    pub(crate) database: Database,
    /// The number of the session.
    pub(crate) session: i64,
}

impl Journal for SessionJournal {
    fn append(&self, after: u64, entries: Vec<Entry>) -> BoxFuture<Result<()>> {
        let (database, session) = (self.database.clone(), self.session);
        Box::pin(async move {
            let context = format!("session {session} cannot be written");
            // Encoded before the transaction, during which other writers of an SQLite file wait.
            let records = entries.into_iter().map(|entry| {
                let id = entry.id().to_be_bytes();
                Record::new(id, entry.event().clone(), &database.encryption)
            });
            let records: Vec<Record> = records.collect::<Result<_>>()?;
            let input = (session, after as i64, records);
            let written = database.write(context, input, |tx, (session, after, records)| {
                Box::pin(append(tx, *session, *after, records))
            });
            written.await
        })
    }
}

/// Replays events into a chat that is not stored and has no model, to read its state.
///
/// # Errors
/// [`Corrupt`](generativeai::ErrorKind::Corrupt) if an event is impossible after the earlier ones.
pub(crate) fn replay(events: impl IntoIterator<Item = Event>) -> Result<ChatSession> {
    GenerativeModel::new("none").start_chat().resume((), events)
}
