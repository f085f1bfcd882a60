//! `Session`: one conversation of a store.

use std::fmt;

use generativeai::protocol::content::Content;
use generativeai::{
    ChatSession, Error, ErrorKind, Event, GenerativeModel, Reason, Result, WaitingCall,
};

use crate::create::{Origin, create};
use crate::database::{Database, Work};
use crate::delete::delete;
use crate::events::{self, StoredEvent};
use crate::info::{self, SessionDetails, SessionInfo};
use crate::journal::{SessionJournal, replay};
use crate::{key_table, names};

/// A conversation in a [`Store`](crate::Store).
///
/// This is a handle: it contains only the number of the session, and each method queries the database. A clone refers
/// to the same session.
///
/// ```
/// use generativeai::{GenerativeModel, testing::Scripted};
/// use generativeai_store::Store;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let store = Store::open("sqlite::memory:").await?;
/// let model = GenerativeModel::new("m").backend(Scripted::always("1,345 metres."));
/// let session = store.new_session("mountains").await?;
/// session.chat(&model).await?.send_message("How tall is Ben Nevis?").await?;
///
/// // Later, in this process or in another one:
/// let session = store.session("mountains").await?;
/// let chat = session.chat(&model).await?;
/// assert_eq!(chat.history().len(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Session {
    /// The database that the session is stored in.
    pub(crate) database: Database,
    /// The number of the session.
    pub(crate) id: i64,
}

impl Session {
    /// Returns the number of the session. It is unique in the store and never assigned again.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Reads the name, size and age of the session.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the session was deleted.
    ///
    /// ```
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// let info = store.new_session("mountains").await?.info().await?;
    /// assert_eq!((info.name.as_str(), info.events, info.parent), ("mountains", 0, None));
    /// # Ok(()) }
    /// ```
    pub async fn info(&self) -> Result<SessionInfo> {
        self.read(|tx, id| Box::pin(info::find(tx, *id))).await
    }

    /// Reads the number of messages, the model of the latest reply, the calls that wait for approval, and whether the
    /// last message was answered.
    ///
    /// This reads the events of the session, but not its media: about 5 µs for each event.
    ///
    /// # Errors
    /// Those of [`chat`](Self::chat).
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// # let session = store.new_session("mountains").await?;
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("1,345 metres."));
    /// session.chat(&model).await?.send_message("How tall is Ben Nevis?").await?;
    /// assert_eq!(session.details().await?.messages, 2);
    /// # Ok(()) }
    /// ```
    pub async fn details(&self) -> Result<SessionDetails> {
        let events = self
            .read(|tx, id| Box::pin(events::read_without_media(tx, *id)))
            .await?;
        let model = events.iter().rev().find_map(|stored| match &stored.event {
            Event::Completed { response } => response.model_version.clone(),
            _ => None,
        });
        let mut chat = replay(events.into_iter().map(|stored| stored.event))?;
        let reason = chat.unfinished().map(|turn| &turn.reason);
        let waiting = match reason {
            Some(Reason::AwaitingApproval(calls)) => calls.as_slice(),
            _ => &[],
        };
        let name = |waiting: &WaitingCall| waiting.call.name().to_owned();
        let waiting = waiting.iter().map(name).collect();
        let before = chat.history().len();
        let unfinished = chat.unfinished().map_or(0, |turn| {
            1 + turn.rounds.len() + usize::from(turn.received.is_some())
        });
        // The chat is a copy, so the session does not change. The kept part is not counted: each call in it has a
        // response, even if none was sent.
        chat.keep_partial();
        let unanswered = chat.unfinished().is_some();
        let length = chat.history().len();
        Ok(SessionDetails {
            messages: before + if unanswered { 1 } else { unfinished },
            model,
            waiting,
            unanswered,
            interrupted: !unanswered && length > 0 && chat.is_interrupted(length - 1),
        })
    }

    /// Opens the conversation as a chat, with its history, its unfinished turn, and the turns that can
    /// be redone.
    ///
    /// The chat appends to the session from now on. If several chats of one session are open, one of them can write:
    /// the others get [`ErrorKind::Conflict`] with their next message. The model, with its tools and settings, is not
    /// stored: pass the one to continue with.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the session was deleted; [`ErrorKind::Corrupt`] if an event is damaged
    /// or missing: the message names the event and the session.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// # let session = store.new_session("mountains").await?;
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("1,345 metres."));
    /// let mut chat = session.chat(&model).await?;
    /// chat.send_message("How tall is Ben Nevis?").await?;
    /// if let Some(error) = chat.unsaved() {
    ///     eprintln!("not saved: {error}");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn chat(&self, model: &GenerativeModel) -> Result<ChatSession> {
        let journal = SessionJournal {
            database: self.database.clone(),
            session: self.id,
        };
        model.start_chat().resume(journal, self.log().await?)
    }

    /// Reads the history of the conversation: the contents that the next request would send before its
    /// message. Undone turns and an unfinished one are not part of it: [`log`](Self::log) returns their events.
    ///
    /// # Errors
    /// Those of [`chat`](Self::chat).
    pub async fn contents(&self) -> Result<Vec<Content>> {
        Ok(replay(self.log().await?)?.history().to_vec())
    }

    /// Reads all events of the conversation in order, including undone turns.
    ///
    /// ```
    /// use generativeai::{Event, GenerativeModel, testing::Scripted};
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// # let session = store.new_session("mountains").await?;
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("1,345 metres."));
    /// let mut chat = session.chat(&model).await?;
    /// chat.send_message("How tall is Ben Nevis?").await?;
    /// chat.rewind();
    /// chat.save().await?;
    /// let log = session.log().await?;
    /// assert!(matches!(log[..], [Event::Opened { .. }, Event::Completed { .. }, Event::Rewound { .. }]));
    /// assert!(session.contents().await?.is_empty());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`chat`](Self::chat).
    pub async fn log(&self) -> Result<Vec<Event>> {
        let events = self.events().await?;
        Ok(events.into_iter().map(|stored| stored.event).collect())
    }

    /// Creates a session that shares the events of this one, all of them or the first `at`, and
    /// continues independently. No event is copied.
    ///
    /// The fork is called `name`. If `name` is empty, it is called by its number.
    ///
    /// Calls that wait for approval, or were approved and have not started, stay with this session: otherwise an
    /// approved call would run in each of the two. In the fork their turn is interrupted, with its message and the
    /// rounds before these calls. [`retry`](generativeai::ChatSession::retry) asks the model again, and its calls need
    /// new decisions.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] if the name is taken or invalid, or if the session has fewer than `at`
    /// events. [`ErrorKind::NotFound`] if the session was deleted.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// # let session = store.new_session("mountains").await?;
    /// # let script = Scripted::default().then_text("1,345 metres.").then_text("1,085 metres.");
    /// # let model = GenerativeModel::new("m").backend(script);
    /// session.chat(&model).await?.send_message("How tall is Ben Nevis?").await?;
    /// let fork = session.fork("hills", Some(2)).await?;
    /// fork.chat(&model).await?.send_message("And Snowdon?").await?;
    /// assert_eq!(session.contents().await?.len(), 2);
    /// assert_eq!(fork.contents().await?.len(), 4);
    /// # Ok(()) }
    /// ```
    pub async fn fork(&self, name: &str, at: Option<u64>) -> Result<Self> {
        let origin = Origin::Fork {
            parent: self.id,
            at: at.map(|at| i64::try_from(at).unwrap_or(i64::MAX)),
        };
        Ok(Self {
            id: create(&self.database, name, origin, Vec::new()).await?,
            database: self.database.clone(),
        })
    }

    /// Renames the session. With an empty name it is called by its number.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] if the name is taken or [invalid](crate::Store::new_session).
    /// [`ErrorKind::NotFound`] if the session was deleted.
    ///
    /// ```
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// let session = store.new_session("").await?;
    /// session.rename("mountains").await?;
    /// assert_eq!(session.info().await?.name, "mountains");
    /// # Ok(()) }
    /// ```
    pub async fn rename(&self, name: &str) -> Result<()> {
        let name = names::validate(name)?;
        let context = format!("session {} cannot be renamed", self.id);
        let renamed = self
            .database
            .write(context, (self.id, name), |tx, (id, name)| {
                Box::pin(async {
                    key_table::check_key_generation(tx).await?;
                    names::update(tx, *id, name.as_deref()).await
                })
            });
        match renamed.await? {
            true => Ok(()),
            false => Err(self.not_found()),
        }
    }

    /// Undoes the unfinished turn or else the last turn, as
    /// [`rewind`](generativeai::ChatSession::rewind) does. Returns whether there was one.
    ///
    /// A chat that is open on this session gets a conflict with its next message. In an open chat, call
    /// `rewind` instead.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// # let session = store.new_session("mountains").await?;
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("1,345 metres."));
    /// session.chat(&model).await?.send_message("How tall is Ben Nevis?").await?;
    /// assert!(session.undo().await?);
    /// assert!(session.contents().await?.is_empty());
    /// assert!(session.redo().await?);
    /// assert_eq!(session.contents().await?.len(), 2);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`chat`](Self::chat), and [`ErrorKind::Conflict`] if another program writes the session at the same
    /// time.
    pub async fn undo(&self) -> Result<bool> {
        let mut chat = self.offline_chat().await?;
        let is_undone = chat.rewind().is_some();
        chat.save().await?;
        Ok(is_undone)
    }

    /// Redoes the last undone turn, as [`redo`](generativeai::ChatSession::redo) does. Returns whether there was one.
    ///
    /// # Errors
    /// Those of [`undo`](Self::undo).
    pub async fn redo(&self) -> Result<bool> {
        let mut chat = self.offline_chat().await?;
        let is_redone = chat.redo();
        chat.save().await?;
        Ok(is_redone)
    }

    /// Deletes the session, with all events and media that no fork of it shares.
    ///
    /// Deleting a session twice is not an error.
    ///
    /// ```
    /// use generativeai::ErrorKind;
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// # let session = store.new_session("mountains").await?;
    /// session.delete().await?;
    /// let error = session.contents().await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the database cannot be written.
    pub async fn delete(&self) -> Result<()> {
        let context = format!("session {} cannot be deleted", self.id);
        let deleted = self
            .database
            .write(context, self.id, |tx, id| Box::pin(delete(tx, *id)));
        deleted.await
    }

    /// Reads all events with their ids.
    pub(crate) async fn events(&self) -> Result<Vec<StoredEvent>> {
        self.read(|tx, id| Box::pin(events::read_all(tx, *id)))
            .await
    }

    /// Opens the conversation without a backend, to read or change its state. Nothing can be sent.
    async fn offline_chat(&self) -> Result<ChatSession> {
        self.chat(&GenerativeModel::new("none")).await
    }

    /// Runs work that reads the session. The work returns `None` if the session does not exist.
    async fn read<T: Send + 'static>(&self, work: Work<i64, Option<T>>) -> Result<T> {
        let context = format!("session {} cannot be read", self.id);
        let found = self.database.read(context, self.id, work).await?;
        found.ok_or_else(|| self.not_found())
    }

    /// Builds the error for a deleted session.
    fn not_found(&self) -> Error {
        let message = format!("session {} no longer exists", self.id);
        Error::new(ErrorKind::NotFound, message)
    }
}

/// Prints the number of the session alone: its name may be confidential.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
