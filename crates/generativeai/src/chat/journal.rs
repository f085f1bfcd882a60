//! The seam of storage: a journal, in which a conversation is written down while it goes on.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Reason;
use crate::error::Result;
use crate::protocol::content::Content;
use crate::protocol::response::GenerateContentResponse;
use crate::stream::BoxFuture;

/// Where a conversation is written down while it goes on, so that it outlives the program.
///
/// A conversation [with a journal](super::ChatSession::journal) writes each message before it is sent,
/// each round of function calls once it is answered, and how the turn ended. A turn that was opened
/// and has no outcome was interrupted: a dropped future writes nothing more, nor does a dead process.
///
/// `generativeai-store` has journals in SQLite and PostgreSQL. One in memory:
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
///                 return Err(Error::new(ErrorKind::Conflict, "somebody else wrote in between"));
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
    /// Appends entries behind the first `after` ones: all or none, and for good once it is `Ok`.
    ///
    /// It may be called again with entries that were written already, since the answer may have been
    /// lost: entries behind the first `after` that have the ids of the first ones given count as
    /// written. Work that was begun may go on when the answer is dropped.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if other entries stand there: a message is then not
    /// sent. With any other error the conversation goes on in memory, and what is
    /// [unsaved](super::ChatSession::unsaved) is given again with what comes next.
    fn append(&self, after: u64, entries: Vec<Entry>) -> BoxFuture<Result<()>>;
}

/// An entry of a [journal](Journal): what happened, and an id that no other entry has.
///
/// A clone shares everything.
#[derive(Clone, Debug)]
pub struct Entry(Arc<(u128, Event)>);

impl Entry {
    /// Makes an entry with an id drawn by chance.
    pub fn new(event: Event) -> Self {
        // The keys of a hasher are drawn by chance.
        let draw = || u128::from(RandomState::new().hash_one(()));
        Self(Arc::new((draw() << 64 | draw(), event)))
    }

    /// What no other entry has.
    pub fn id(&self) -> u128 {
        self.0.0
    }

    /// What happened.
    pub fn event(&self) -> &Event {
        &self.0.1
    }
}

/// What happens to a conversation. [`resume`](super::ChatSession::resume) says what each one does.
///
/// As JSON it is one member, named after what happened.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// A message is about to be sent.
    Opened {
        /// The message.
        sent: Content,
        /// Rounds of function calls that are sent along, if the turn was begun earlier.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exchanged: Vec<Content>,
    },
    /// Functions were called and answered within the turn.
    Exchanged {
        /// The calls and their answers.
        contents: Vec<Content>,
    },
    /// The turn is complete, and entered the history.
    Completed {
        /// The response, with what the whole turn used.
        response: GenerateContentResponse,
    },
    /// The turn did not complete.
    Unfinished {
        /// Why.
        reason: Reason,
        /// What came of the reply.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        received: Option<GenerateContentResponse>,
    },
    /// Contents entered the history that are no complete turn: a turn kept as it was, or an older
    /// conversation.
    Added {
        /// The contents.
        contents: Vec<Content>,
    },
    /// The history was set.
    Replaced {
        /// The new history.
        contents: Vec<Content>,
    },
    /// The unfinished turn was taken back if there was one, else the end of the history.
    Rewound {
        /// How many contents the history has now.
        length: usize,
    },
    /// What was taken back last was put back.
    Restored,
    /// The first contents left the history, to keep the [budget](super::ChatSession::context_budget).
    Compacted {
        /// How many.
        length: usize,
        /// What stands in their place: nothing, or the request for a summary and its answer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        summary: Vec<Content>,
    },
}

impl Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "Opened",
            Self::Exchanged { .. } => "Exchanged",
            Self::Completed { .. } => "Completed",
            Self::Unfinished { .. } => "Unfinished",
            Self::Added { .. } => "Added",
            Self::Replaced { .. } => "Replaced",
            Self::Rewound { .. } => "Rewound",
            Self::Restored => "Restored",
            Self::Compacted { .. } => "Compacted",
        }
    }
}

/// Tells what happened, never what was said.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
