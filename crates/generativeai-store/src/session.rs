//! A session: a conversation in a store, and what can be done with it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use generativeai::protocol::Content;
use generativeai::{ChatSession, Error, ErrorKind, Event, GenerativeModel, Result};
use sqlx::AnyConnection;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::append::SessionJournal;
use crate::database::{Database, Kind};
use crate::fault::Fault;
use crate::read::{self, Stored};
use crate::store::{self, Place};

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
    pub(crate) fn read(row: &AnyRow) -> Result<Self, Fault> {
        let time = |at: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(at.max(0) as u64);
        let id: i64 = row.try_get(0)?;
        let name: Option<String> = row.try_get(1)?;
        Ok(Self {
            id,
            name: name.unwrap_or_else(|| id.to_string()),
            events: row.try_get::<i64, _>(2)?.max(0) as u64,
            parent: row.try_get(3)?,
            created: time(row.try_get(4)?),
            changed: time(row.try_get(5)?),
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
        let (kind, id) = (self.database.kind, self.id);
        let found = self.read(move |connection| {
            Box::pin(async move {
                let select = "SELECT id, name, length, parent, created_at, changed_at FROM session
                    WHERE id = $1 AND deleted = 0";
                let row = kind.sql(select).bind(id).fetch_optional(connection).await?;
                row.as_ref().map(SessionInfo::read).transpose()
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
        let taken = store::checked(name)?;
        let (kind, id) = (self.database.kind, self.id);
        let new = taken.map(str::to_owned);
        let renamed = self.write(move |connection| {
            let new = new.clone();
            Box::pin(async move {
                let update = "UPDATE session SET name = $1 WHERE id = $2 AND deleted = 0";
                let update = kind
                    .sql(update)
                    .bind(new)
                    .bind(id)
                    .execute(connection)
                    .await;
                match update.map_err(Fault::from) {
                    Err(fault) if fault.is_double() => Ok(None),
                    updated => Ok(Some(updated?.rows_affected() > 0)),
                }
            })
        });
        match renamed.await? {
            Some(true) => Ok(()),
            Some(false) => Err(self.gone()),
            None => Err(store::name_taken(name)),
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
        let (kind, id) = (self.database.kind, self.id);
        self.write(move |connection| Box::pin(delete(kind, connection, id)))
            .await
    }

    pub(crate) async fn events(&self) -> Result<Vec<Stored>> {
        let (kind, id) = (self.database.kind, self.id);
        let read = self
            .read(move |connection| Box::pin(read::events(kind, connection, id)))
            .await?;
        read.ok_or_else(|| self.gone())
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
        W: for<'a> Fn(
            &'a mut AnyConnection,
        ) -> futures_util::future::BoxFuture<'a, Result<T, Fault>>,
        W: Send + Sync + 'static,
    {
        let what = format!("session {} cannot be read", self.id);
        self.database.read(what, work).await
    }

    async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'a> Fn(
            &'a mut AnyConnection,
        ) -> futures_util::future::BoxFuture<'a, Result<T, Fault>>,
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

async fn delete(kind: Kind, connection: &mut AnyConnection, session: i64) -> Result<(), Fault> {
    let mark = "UPDATE session SET deleted = 1, name = NULL WHERE id = $1";
    kind.sql(mark)
        .bind(session)
        .execute(&mut *connection)
        .await?;
    let mut next = Some(session);
    while let Some(id) = next {
        next = prune(kind, connection, id).await?;
    }
    let orphans = "DELETE FROM blob WHERE hash NOT IN (SELECT hash FROM media)";
    kind.sql(orphans).execute(connection).await?;
    Ok(())
}

/// Removes what nobody needs of a session that is deleted; its parent, if it went itself.
async fn prune(
    kind: Kind,
    connection: &mut AnyConnection,
    session: i64,
) -> Result<Option<i64>, Fault> {
    let find = "SELECT parent FROM session WHERE id = $1 AND deleted = 1";
    let row = kind
        .sql(find)
        .bind(session)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let parent: Option<i64> = row.try_get(0)?;
    let forks = "SELECT MAX(parent_seq) FROM session WHERE parent = $1";
    let row = kind
        .sql(forks)
        .bind(session)
        .fetch_one(&mut *connection)
        .await?;
    let shared: Option<i64> = row.try_get(0)?;
    for rest in [
        "DELETE FROM media WHERE session_id = $1 AND seq > $2",
        "DELETE FROM said WHERE session_id = $1 AND seq > $2",
        "DELETE FROM event WHERE session_id = $1 AND seq > $2",
    ] {
        let rest = kind.sql(rest).bind(session).bind(shared.unwrap_or(0));
        rest.execute(&mut *connection).await?;
    }
    if shared.is_some() {
        return Ok(None);
    }
    let row = "DELETE FROM session WHERE id = $1";
    kind.sql(row).bind(session).execute(connection).await?;
    Ok(parent)
}
