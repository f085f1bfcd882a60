//! A store: a database of sessions.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use generativeai::protocol::Content;
use generativeai::{Error, ErrorKind, Event, Result};
use sqlx::AnyConnection;
use sqlx::Row;

use crate::append;
use crate::database::{Database, Kind};
use crate::fault::Fault;
use crate::place;
use crate::read;
use crate::record::{Record, row_sum};
use crate::session::{Session, SessionInfo, now};

/// How many contents of a conversation that is taken over make an event.
const TOGETHER: usize = 64;

/// A database of sessions: a file of SQLite, or PostgreSQL. A clone is the same store.
#[derive(Clone)]
pub struct Store {
    pub(crate) database: Arc<Database>,
}

/// Where a new session begins.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    New,
    Fork { parent: i64, at: Option<i64> },
}

impl Store {
    /// Opens a store: `sqlite:PATH`, `sqlite::memory:` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    ///
    /// A file that is not there is made, readable by its owner alone; tables of an older version are
    /// brought to the newest. An address of PostgreSQL on another machine should end in
    /// `?sslmode=verify-full`: by itself the connection is encrypted if the server offers it, and the
    /// server's certificate is not checked, as with libpq.
    ///
    /// A store in memory is gone with its last handle, and its sessions with it.
    ///
    /// # Errors
    /// [`ErrorKind::TooNew`] if a newer version of this library wrote it, [`ErrorKind::Corrupt`] if it is
    /// no database, [`ErrorKind::Storage`] if it cannot be opened, [`ErrorKind::Configuration`] if the
    /// address is none, or if there is no tokio runtime.
    pub async fn open(address: &str) -> Result<Self> {
        let database = Database::open(address).await?;
        Ok(Self { database })
    }

    /// Opens the user's own store: `generativeai/chats.sqlite` in the folder that `XDG_DATA_HOME` names,
    /// else in that of the system (`~/.local/share`).
    pub async fn open_default() -> Result<Self> {
        let file = place::default_file()?;
        let Some(path) = file.to_str() else {
            let message = "the data folder's path is not Unicode: set XDG_DATA_HOME to another";
            return Err(Error::new(ErrorKind::Configuration, message));
        };
        Self::open(&format!("sqlite:{path}")).await
    }

    /// Makes a session. An empty name is replaced by its number.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] if the name is taken, is a number, or has more than 200 characters or
    /// control characters.
    pub async fn new_session(&self, name: &str) -> Result<Session> {
        insert(&self.database, name, Place::New, Vec::new()).await
    }

    /// Makes a session of a conversation that was kept elsewhere.
    pub async fn import_contents(
        &self,
        name: &str,
        contents: impl IntoIterator<Item = impl Into<Content>>,
    ) -> Result<Session> {
        let contents: Vec<Content> = contents.into_iter().map(Into::into).collect();
        let events = contents.chunks(TOGETHER).map(|contents| Event::Added {
            contents: contents.to_vec(),
        });
        let events = events.map(|event| (new_id(), event)).collect();
        insert(&self.database, name, Place::New, events).await
    }

    /// Finds a session by its name or number.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none.
    pub async fn session(&self, name: &str) -> Result<Session> {
        let kind = self.database.kind;
        let number: Option<i64> = name.parse().ok();
        let wanted = name.to_owned();
        let found = self
            .database
            .read("the store cannot be read".to_owned(), move |connection| {
                let wanted = wanted.clone();
                Box::pin(async move {
                    let found = match number {
                        Some(number) => {
                            let find = "SELECT id FROM session WHERE id = $1 AND deleted = 0";
                            kind.sql(find).bind(number)
                        }
                        None => {
                            let find = "SELECT id FROM session WHERE name = $1 AND deleted = 0";
                            kind.sql(find).bind(wanted)
                        }
                    };
                    let row = found.fetch_optional(connection).await?;
                    Ok(row.map(|row| row.try_get::<i64, _>(0)).transpose()?)
                })
            });
        let id = found.await?.ok_or_else(|| {
            let message = format!("there is no session `{name}`");
            Error::new(ErrorKind::NotFound, message)
        })?;
        Ok(Session {
            database: Arc::clone(&self.database),
            id,
        })
    }

    /// All sessions, the one written last first.
    pub async fn list(&self) -> Result<Vec<SessionInfo>> {
        let kind = self.database.kind;
        let all = self
            .database
            .read("the store cannot be read".to_owned(), move |connection| {
                Box::pin(async move {
                    let all = "SELECT id, name, length, parent, created_at, changed_at FROM session
                    WHERE deleted = 0 ORDER BY touched DESC";
                    let rows = kind.sql(all).fetch_all(connection).await?;
                    rows.iter().map(SessionInfo::read).collect()
                })
            });
        all.await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("kind", &self.database.kind)
            .finish_non_exhaustive()
    }
}

/// A number that no other has.
pub(crate) fn new_id() -> Vec<u8> {
    // The keys of a hasher are drawn by chance.
    let draw = || RandomState::new().hash_one(()).to_be_bytes();
    [draw(), draw()].concat()
}

/// A name that a session may have; `None` if it is empty.
pub(crate) fn checked(name: &str) -> Result<Option<&str>> {
    let wrong = if name.chars().count() > 200 {
        "has more than 200 characters"
    } else if name.chars().any(char::is_control) {
        "has control characters"
    } else if !name.is_empty() && name.parse::<i64>().is_ok() {
        "is a number"
    } else {
        return Ok(Some(name).filter(|name| !name.is_empty()));
    };
    let message = format!("the name of a session {wrong}: choose another");
    Err(Error::new(ErrorKind::Request, message))
}

pub(crate) fn name_taken(name: &str) -> Error {
    let message = format!("there is a session `{name}` already: choose another name");
    Error::new(ErrorKind::Request, message)
}

/// Makes a session with these events.
pub(crate) async fn insert(
    database: &Arc<Database>,
    name: &str,
    place: Place,
    events: Vec<(Vec<u8>, Event)>,
) -> Result<Session> {
    let what = "a session cannot be made";
    let records = events
        .into_iter()
        .map(|(id, event)| Record::new(id, &event));
    let records: Result<Vec<Record>, Fault> = records.collect();
    let records = Arc::new(records.map_err(|fault| fault.explain(what))?);
    let (kind, token) = (database.kind, new_id());
    let wanted = checked(name)?.map(str::to_owned);
    let made = database.write(what.to_owned(), move |connection| {
        let (token, wanted, records) = (token.clone(), wanted.clone(), Arc::clone(&records));
        Box::pin(async move {
            match row(kind, connection, token, wanted, place).await {
                Err(fault) if fault.is_double() => Ok(None),
                made => {
                    let (id, is_new) = made?;
                    if is_new && !records.is_empty() {
                        append::append(kind, connection, id, 0, &records).await?;
                    }
                    Ok(Some(id))
                }
            }
        })
    });
    Ok(Session {
        database: Arc::clone(database),
        id: made.await?.ok_or_else(|| name_taken(name))?,
    })
}

/// Makes the row of a session, and says whether it is new: it is not if the answer to a former attempt
/// was lost.
async fn row(
    kind: Kind,
    connection: &mut AnyConnection,
    token: Vec<u8>,
    name: Option<String>,
    place: Place,
) -> Result<(i64, bool), Fault> {
    let find = "SELECT id FROM session WHERE token = $1";
    let find = kind.sql(find).bind(token.clone());
    if let Some(row) = find.fetch_optional(&mut *connection).await? {
        return Ok((row.try_get(0)?, false));
    }
    let (parent, length) = match place {
        Place::New => (None, 0),
        Place::Fork { parent, at } => {
            let row = read::row(kind, connection, parent, true).await?;
            let Some(row) = row.filter(|row| !row.is_deleted) else {
                let message = format!("there is no session {parent} any more");
                return Err(Error::new(ErrorKind::NotFound, message).into());
            };
            let length = row.length;
            if at.is_some_and(|at| at > length) {
                let message = format!("session {parent} has only {length} events");
                return Err(Error::new(ErrorKind::Request, message).into());
            }
            (Some(parent), at.unwrap_or(length))
        }
    };
    let insert = kind.choose(
        "INSERT INTO session
           (token, name, length, parent, parent_seq, sum, created_at, changed_at, touched)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
           (SELECT COALESCE(MAX(touched), 0) + 1 FROM session)) RETURNING id",
        "INSERT INTO session
           (token, name, length, parent, parent_seq, sum, created_at, changed_at, touched)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, nextval('session_touch')) RETURNING id",
    );
    // A fork begins where it leaves its parent.
    let (parent_seq, sum) = (length, row_sum(&token, length, parent, length));
    let insert = kind
        .sql(insert)
        .bind(token)
        .bind(name)
        .bind(length)
        .bind(parent);
    let insert = insert.bind(parent_seq).bind(sum).bind(now()).bind(now());
    let row = insert.fetch_one(connection).await?;
    Ok((row.try_get(0)?, true))
}
