//! Journals: storage that a conversation writes its events to.

use std::fmt;
use std::mem;
use std::sync::Arc;

use super::event::{Entry, Event};
use crate::error::{Error, Result};
use crate::stream::BoxFuture;

/// Storage for the events of a conversation, so that the conversation outlives the program.
///
/// A conversation [with a journal](crate::ChatSession::journal) appends an event before each message is sent, at each
/// step of a round of function calls, and when the turn ends. A turn without a final event was interrupted: a dropped
/// future writes nothing more, and neither does a process that died.
///
/// Guarantees of a journal:
///
/// - **Order.** Entries are read back in the order they were appended.
/// - **All or nothing.** A call stores all of its entries or none of them, even if the process dies.
/// - **Compare and set.** `after` is the number of entries that the conversation has read or written. If there are
///   more, and this call does not repeat them, another writer was faster. The call then stores nothing, and fails with
///   [`Conflict`](crate::ErrorKind::Conflict).
/// - **Repetition.** A call whose result was lost is repeated, for example after a broken connection. The ids of the
///   entries identify it.
///
/// `generativeai-store` implements journals in SQLite and PostgreSQL. A journal in memory:
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use generativeai::{BoxFuture, Entry, Error, ErrorKind, GenerativeModel, Journal, Result};
/// use generativeai::testing::Scripted;
///
/// #[derive(Clone, Debug, Default)]
/// struct Memory(Arc<Mutex<Vec<Entry>>>);
///
/// impl Journal for Memory {
///     fn append(&self, after: u64, entries: Vec<Entry>) -> BoxFuture<Result<()>> {
///         let this = self.clone();
///         Box::pin(async move {
///             let mut written = this.0.lock().unwrap();
///             let later = written.iter().skip(after as usize).map(Entry::id);
///             let new = later.clone().count();
///             if written.len() < after as usize || !later.eq(entries.iter().take(new).map(Entry::id)) {
///                 return Err(Error::new(ErrorKind::Conflict, "modified by another writer"));
///             }
///             written.extend(entries.into_iter().skip(new));
///             Ok(())
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let journal = Memory::default();
/// let model = GenerativeModel::new("m").backend(Scripted::default().then_text("Hello!"));
/// let mut chat = model.start_chat().journal(journal.clone());
/// chat.send_message("Hi").await?;
///
/// let events = journal.0.lock().unwrap().iter().map(|entry| entry.event().clone()).collect::<Vec<_>>();
/// let again = model.start_chat().resume(journal, events)?;
/// assert_eq!(again.history(), chat.history());
/// # Ok(()) }
/// ```
pub trait Journal: Send + Sync + fmt::Debug {
    /// Appends entries after the first `after` ones. Either all of them are stored durably, or none.
    ///
    /// A conversation repeats a call whose result it did not receive, with the same entries and perhaps further ones.
    /// So the first given entries may be stored already, after the first `after` ones: compare the ids, and append only
    /// the rest. Dropping the future does not have to cancel a write that has begun.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if entries of another writer follow the first `after` ones: the
    /// message is then not sent. After any other error the conversation continues in memory, and the entries that
    /// are [not stored yet](crate::ChatSession::unsaved) are part of the next call.
    fn append(&self, after: u64, entries: Vec<Entry>) -> BoxFuture<Result<()>>;
}

/// Stores nothing. With it, [`resume`](crate::ChatSession::resume) replays events to read a conversation.
impl Journal for () {
    fn append(&self, _: u64, _: Vec<Entry>) -> BoxFuture<Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// Writer of a conversation's events to its journal.
///
/// The position in the log belongs to the writer, not to the journal. So a clone is a second writer at the same
/// position: once one of the two has written, the other one fails with a conflict.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    journal: Arc<dyn Journal>,
    /// Number of entries that are known to be stored.
    written: u64,
    /// Entries to store next. A write removes them only after it succeeded, so that one whose result was lost is
    /// repeated with the same ids.
    pending: Vec<Entry>,
    /// Number of pending entries that the write in progress stores.
    in_progress: usize,
    /// Whether the last turn has no final event yet.
    is_open: bool,
    /// Error of the last write, if it failed.
    failed: Option<Error>,
}

impl Writer {
    /// Creates a writer for a journal that contains `written` entries.
    pub(super) fn new(journal: impl Journal + 'static, written: u64) -> Self {
        Self {
            journal: Arc::new(journal),
            written,
            pending: Vec::new(),
            in_progress: 0,
            is_open: false,
            failed: None,
        }
    }

    /// Adds an event to the pending ones.
    pub(super) fn note(&mut self, event: Event) {
        // Without a wildcard, so that the compiler reports a new kind of event here. Steps of a turn and a compaction
        // change nothing.
        self.is_open = match event {
            Event::Opened { .. } => true,
            Event::Exchanged { .. }
            | Event::Called { .. }
            | Event::Decided { .. }
            | Event::Started
            | Event::Answered { .. }
            | Event::Compacted { .. } => self.is_open,
            Event::Completed { .. }
            | Event::Unfinished { .. }
            | Event::Added { .. }
            | Event::Replaced { .. }
            | Event::Rewound { .. }
            | Event::Redone => false,
        };
        self.pending.push(Entry::new(event));
    }

    /// Marks the turn of the last event as open: it continues, although the event may be a final one.
    pub(super) fn reopen(&mut self) {
        self.is_open = true;
    }

    /// Returns whether a turn was opened whose final event was not noted yet.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Returns whether there are entries to store.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns the error of the last write, if it failed.
    pub(super) fn failed(&self) -> Option<&Error> {
        self.failed.as_ref()
    }

    /// Begins to write the pending entries, if any. They stay pending until [`end`](Self::end) records that they are
    /// stored.
    pub(super) fn begin(&mut self) -> Option<Write> {
        self.in_progress = self.pending.len();
        let has_pending = !self.pending.is_empty();
        has_pending.then(|| self.journal.append(self.written, self.pending.clone()))
    }

    /// Records the result of the last write that began. Events recorded while it was in progress stay pending.
    pub(super) fn end(&mut self, written: Result<()>) -> Result<()> {
        self.failed = written.clone().err();
        written?;
        // In range: entries were only added since `begin` counted them.
        let stored = mem::take(&mut self.in_progress);
        self.pending.drain(..stored);
        self.written += stored as u64;
        Ok(())
    }
}

/// Write to a journal that is in progress.
pub(super) type Write = BoxFuture<Result<()>>;
