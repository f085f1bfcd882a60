//! A session: a conversation in a store, and what can be done with it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use generativeai::protocol::content::Content;
use generativeai::{ChatSession, Error, ErrorKind, Event, GenerativeModel, Result};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::append::SessionJournal;
use crate::database::Database;
use crate::fault::Fault;
use crate::read::{self, Stored};
use crate::seal::Seal;
use crate::store::{self, Place};
use crate::transaction::Transaction;
use crate::{keys, names};

/// A conversation in a [`Store`](crate::Store).
///
/// It holds nothing that was said: each method asks the database. A clone is the same session.
#[derive(Clone)]
pub struct Session {
    pub(crate) database: Arc<Database>,
    pub(crate) id: i64,
}

/// What a store knows of a session without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its number, which no other session of the store has or had.
    pub id: i64,
    /// Its name; its number if it has none.
    pub name: String,
    /// How many events it has: a turn without function calls has two.
    pub events: u64,
    /// The number of the session it was forked from.
    pub parent: Option<i64>,
    /// When it was made, by the clock of whoever made it.
    pub created: SystemTime,
    /// When it was last written, by the clock of whoever did.
    pub changed: SystemTime,
}

impl SessionInfo {
    /// Reads `id`, `length`, `parent`, `created_at`, `changed_at`, and what is read of its name.
    pub(crate) fn read(seal: &Seal, row: &AnyRow) -> Result<Self, Fault> {
        let time = |at: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(at.max(0) as u64);
        let id = row.try_get(0)?;
        Ok(Self {
            id,
            name: names::read(seal, id, row)?,
            events: row.try_get::<i64, _>(1)?.max(0) as u64,
            parent: row.try_get(2)?,
            created: time(row.try_get(3)?),
            changed: time(row.try_get(4)?),
        })
    }
}

impl Session {
    /// Its number, which no other session of the store has or had.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// What the store knows of it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it was deleted.
    pub async fn info(&self) -> Result<SessionInfo> {
        let id = self.id;
        let found = self.read(move |mut transaction| {
            Box::pin(async move {
                let select =
                    "SELECT id, length, parent, created_at, changed_at, name, title, cipher
                    FROM session WHERE id = $1 AND deleted = 0";
                let select = transaction.sql(select).bind(id);
                let row = transaction.first(select).await?;
                let read = |row| SessionInfo::read(transaction.seal, row);
                row.as_ref().map(read).transpose()
            })
        });
        found.await?.ok_or_else(|| self.gone())
    }

    /// Opens the conversation, to go on with it: history, unfinished turn, and what was taken back.
    ///
    /// All that is said from now on is written into the session.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if an event is damaged: the message has the number of event and session.
    pub async fn chat(&self, model: &GenerativeModel) -> Result<ChatSession> {
        let events = self.events().await?.into_iter().map(|stored| stored.event);
        model.start_chat().resume(self.journal(), events)
    }

    /// The history of the conversation: what its next request would send before the message.
    pub async fn contents(&self) -> Result<Vec<Content>> {
        Ok(self.silent_chat().await?.history().to_vec())
    }

    /// Everything that happened, in order, what was taken back included.
    pub async fn log(&self) -> Result<Vec<Event>> {
        let events = self.events().await?;
        Ok(events.into_iter().map(|stored| stored.event).collect())
    }

    /// Makes a new session that begins as this one is now, or as it was after its first `at` events, and
    /// goes its own way. Nothing is copied. An empty name is replaced by its number.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] if the name is taken, or if there are fewer events.
    pub async fn fork(&self, name: &str, at: Option<u64>) -> Result<Self> {
        let place = Place::Fork {
            parent: self.id,
            at: at.map(|at| i64::try_from(at).unwrap_or(i64::MAX)),
        };
        store::insert(&self.database, name, place, Vec::new()).await
    }

    /// Gives it another name; an empty one is replaced by its number.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] if the name is taken or cannot be one.
    pub async fn rename(&self, name: &str) -> Result<()> {
        let new = names::checked(name)?.map(str::to_owned);
        let id = self.id;
        let renamed = self.write(move |mut transaction| {
            let new = new.clone();
            Box::pin(async move {
                keys::guard(&mut transaction).await?;
                names::write(&mut transaction, id, new.as_deref()).await
            })
        });
        match renamed.await? {
            true => Ok(()),
            false => Err(self.gone()),
        }
    }

    /// Takes back the last turn, or the unfinished one, as
    /// [`rewind`](generativeai::ChatSession::rewind) does; `false` if there is none.
    ///
    /// A chat of this session that is open elsewhere has a conflict then: there, `rewind` is the way.
    pub async fn undo(&self) -> Result<bool> {
        let mut chat = self.silent_chat().await?;
        let undone = chat.rewind().is_some();
        chat.save().await?;
        Ok(undone)
    }

    /// Puts back what was taken back last, as [`restore`](generativeai::ChatSession::restore) does;
    /// `false` if there is nothing.
    pub async fn redo(&self) -> Result<bool> {
        let mut chat = self.silent_chat().await?;
        let redone = chat.restore();
        chat.save().await?;
        Ok(redone)
    }

    /// Deletes it, and all that only it needs. What forks of it share with it stays with them.
    pub async fn delete(&self) -> Result<()> {
        let id = self.id;
        self.write(move |mut transaction| {
            Box::pin(async move { delete(&mut transaction, id).await })
        })
        .await
    }

    pub(crate) async fn events(&self) -> Result<Vec<Stored>> {
        let id = self.id;
        let read = self.read(move |mut transaction| {
            Box::pin(async move { read::events(&mut transaction, id).await })
        });
        read.await?.ok_or_else(|| self.gone())
    }

    fn journal(&self) -> SessionJournal {
        SessionJournal {
            database: Arc::clone(&self.database),
            session: self.id,
        }
    }

    /// The conversation without anybody to answer.
    async fn silent_chat(&self) -> Result<ChatSession> {
        self.chat(&GenerativeModel::new("none")).await
    }

    fn gone(&self) -> Error {
        let message = format!("there is no session {} any more", self.id);
        Error::new(ErrorKind::NotFound, message)
    }

    async fn read<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'a> Fn(Transaction<'a>) -> BoxFuture<'a, Result<T, Fault>>,
        W: Send + Sync + 'static,
    {
        let what = format!("session {} cannot be read", self.id);
        self.database.read(what, work).await
    }

    async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'a> Fn(Transaction<'a>) -> BoxFuture<'a, Result<T, Fault>>,
        W: Send + Sync + 'static,
    {
        let what = format!("session {} cannot be written", self.id);
        self.database.write(what, work).await
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The time of day, to be shown.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

async fn delete(transaction: &mut Transaction<'_>, session: i64) -> Result<(), Fault> {
    let mark = "UPDATE session SET deleted = 1, name = NULL, title = NULL WHERE id = $1";
    let mark = transaction.sql(mark).bind(session);
    transaction.run(mark).await?;
    let mut next = Some(session);
    while let Some(id) = next {
        next = prune(transaction, id).await?;
    }
    let orphans = "DELETE FROM blob WHERE hash NOT IN (SELECT hash FROM media)";
    let orphans = transaction.sql(orphans);
    transaction.run(orphans).await?;
    Ok(())
}

/// Removes what nobody needs of a session that is deleted; its parent, if it went itself.
async fn prune(transaction: &mut Transaction<'_>, session: i64) -> Result<Option<i64>, Fault> {
    let find = "SELECT parent FROM session WHERE id = $1 AND deleted = 1";
    let find = transaction.sql(find).bind(session);
    let Some(row) = transaction.first(find).await? else {
        return Ok(None);
    };
    let parent: Option<i64> = row.try_get(0)?;
    let forks = "SELECT parent_seq FROM session WHERE parent = $1 ORDER BY parent_seq DESC LIMIT 1";
    let forks = transaction.sql(forks).bind(session);
    let row = transaction.first(forks).await?;
    let shared: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
    for rest in [
        "DELETE FROM media WHERE session_id = $1 AND seq > $2",
        "DELETE FROM said WHERE session_id = $1 AND seq > $2",
        "DELETE FROM event WHERE session_id = $1 AND seq > $2",
    ] {
        let rest = transaction.sql(rest).bind(session);
        transaction.run(rest.bind(shared.unwrap_or(0))).await?;
    }
    if shared.is_some() {
        return Ok(None);
    }
    let row = transaction.sql("DELETE FROM session WHERE id = $1");
    transaction.run(row.bind(session)).await?;
    Ok(parent)
}
