//! A store: a database of sessions.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use generativeai::protocol::content::Content;
use generativeai::{Error, ErrorKind, Event, Result};
use sqlx::Row;

use crate::database::Database;
use crate::fault::Fault;
use crate::key::Key;
use crate::record::Record;
use crate::session::{Session, SessionInfo, now};
use crate::transaction::Transaction;
use crate::{append, keys, names, place, read};

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
    /// [`ErrorKind::Authentication`] if it is [encrypted](Self::open_encrypted), [`ErrorKind::TooNew`] if a
    /// newer version of this library wrote it, [`ErrorKind::Corrupt`] if it is no database,
    /// [`ErrorKind::Storage`] if it cannot be opened, [`ErrorKind::Configuration`] if the address is none,
    /// or if there is no tokio runtime.
    pub async fn open(address: &str) -> Result<Self> {
        let database = Database::open(address, None).await?;
        Ok(Self { database })
    }

    /// Opens an encrypted store. One that is new becomes encrypted, for good, with this key.
    ///
    /// Encrypted are the messages and replies, media, the names of sessions, and all else that quotes
    /// them; how many there are, how long, when and in which session can still be seen. What of these is
    /// changed, exchanged or cut short is an error when it is read; `SECURITY.md` says what is not noticed,
    /// as an older copy. [`search`](Self::search) has no index then: it reads and decrypts every session,
    /// and so takes time that grows with the store. [`rotate_key`](Self::rotate_key) changes the key.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`ErrorKind::Authentication`] if the key is not that of the store,
    /// or the store's own row of it is damaged, [`ErrorKind::Configuration`] if the store is not
    /// encrypted and has sessions: export them, and import them into a new one.
    pub async fn open_encrypted(address: &str, key: &Key) -> Result<Self> {
        let database = Database::open(address, Some(key)).await?;
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

    /// Opens the [user's own store](Self::open_default) if there is one; makes none.
    pub async fn find_default() -> Result<Option<Self>> {
        match place::default_file()?.exists() {
            true => Self::open_default().await.map(Some),
            false => Ok(None),
        }
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
    /// [`ErrorKind::NotFound`] if there is none; in an encrypted store [`ErrorKind::Corrupt`] if its name
    /// is damaged. By its number it is found then, and can be [renamed](Session::rename).
    pub async fn session(&self, name: &str) -> Result<Session> {
        let number: Option<i64> = name.parse().ok();
        let wanted = names::found_by(&self.database.seal, name);
        let what = "the store cannot be read".to_owned();
        let found = self.database.read(what, move |mut transaction| {
            let wanted = wanted.clone();
            Box::pin(async move {
                let find = match number {
                    Some(number) => {
                        let find = "SELECT id FROM session WHERE id = $1 AND deleted = 0";
                        transaction.sql(find).bind(number)
                    }
                    None => {
                        let find = "SELECT id, name, title, cipher FROM session
                            WHERE name = $1 AND deleted = 0";
                        transaction.sql(find).bind(wanted)
                    }
                };
                let Some(row) = transaction.first(find).await? else {
                    return Ok(None);
                };
                let id: i64 = row.try_get(0)?;
                // By its number a session is found whatever became of its name.
                if number.is_none() {
                    names::read(transaction.seal, id, &row)?;
                }
                Ok(Some(id))
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
    ///
    /// # Errors
    /// In an encrypted store [`ErrorKind::Corrupt`] if a name is damaged: the message has the number of the
    /// session. [Find](Self::session) it by that, and [rename](Session::rename) it.
    pub async fn list(&self) -> Result<Vec<SessionInfo>> {
        let what = "the store cannot be read".to_owned();
        let all = self.database.read(what, move |mut transaction| {
            Box::pin(async move {
                let all = "SELECT id, length, parent, created_at, changed_at, name, title, cipher
                    FROM session WHERE deleted = 0 ORDER BY touched DESC";
                let all = transaction.sql(all);
                let rows = transaction.all(all).await?;
                let read = |row| SessionInfo::read(transaction.seal, row);
                rows.iter().map(read).collect()
            })
        });
        all.await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("kind", &self.database.kind)
            .field("seal", &self.database.seal)
            .finish_non_exhaustive()
    }
}

/// A number that no other has.
pub(crate) fn new_id() -> Vec<u8> {
    // The keys of a hasher are drawn by chance.
    let draw = || RandomState::new().hash_one(()).to_be_bytes();
    [draw(), draw()].concat()
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
        .map(|(id, event)| Record::new(id, &event, &database.seal));
    let records: Result<Vec<Record>, Fault> = records.collect();
    let records = Arc::new(records.map_err(|fault| fault.explain(what))?);
    let token = new_id();
    let wanted = names::checked(name)?.map(str::to_owned);
    let made = database.write(what.to_owned(), move |mut transaction| {
        let (token, wanted, records) = (token.clone(), wanted.clone(), Arc::clone(&records));
        Box::pin(async move {
            let (id, is_new) = row(&mut transaction, token, wanted, place).await?;
            if is_new && !records.is_empty() {
                append::append(&mut transaction, id, 0, &records).await?;
            }
            Ok(id)
        })
    });
    Ok(Session {
        database: Arc::clone(database),
        id: made.await?,
    })
}

/// Makes the row of a session, and says whether it is new: it is not if the answer to a former attempt
/// was lost.
async fn row(
    transaction: &mut Transaction<'_>,
    token: Vec<u8>,
    name: Option<String>,
    place: Place,
) -> Result<(i64, bool), Fault> {
    keys::guard(transaction).await?;
    let find = transaction.sql("SELECT id FROM session WHERE token = $1");
    if let Some(row) = transaction.first(find.bind(token.clone())).await? {
        return Ok((row.try_get(0)?, false));
    }
    let (parent, length) = match place {
        Place::New => (None, 0),
        Place::Fork { parent, at } => {
            let row = read::row(transaction, parent, true).await?;
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
    let insert = transaction.either(
        "INSERT INTO session (token, length, parent, parent_seq, sum, created_at, changed_at, touched)
         VALUES ($1, $2, $3, $4, $5, $6, $7,
           (SELECT COALESCE(MAX(touched), 0) + 1 FROM session)) RETURNING id",
        "INSERT INTO session (token, length, parent, parent_seq, sum, created_at, changed_at, touched)
         VALUES ($1, $2, $3, $4, $5, $6, $7, nextval('session_touch')) RETURNING id",
    );
    let row = read::Row {
        token,
        length,
        parent,
        // A fork begins where it leaves its parent.
        parent_seq: length,
        is_deleted: false,
    };
    let insert = insert
        .bind(row.token.clone())
        .bind(row.length)
        .bind(row.parent)
        .bind(row.parent_seq);
    // Its number, which is not known yet, is in the sum.
    let insert = insert.bind(Vec::new()).bind(now()).bind(now());
    let made = transaction.first(insert).await?;
    let id = made.ok_or(sqlx::Error::RowNotFound)?.try_get(0)?;
    let sum = row.sum(transaction.seal, id);
    let update = transaction.sql("UPDATE session SET sum = $1 WHERE id = $2");
    transaction.run(update.bind(sum).bind(id)).await?;
    names::write(transaction, id, name.as_deref()).await?;
    Ok((id, true))
}
