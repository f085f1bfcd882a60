//! Creating sessions: new ones, imported ones and forks.

use generativeai::{Error, ErrorKind, Event};
use sqlx::Row;

use crate::append::append;
use crate::database::Database;
use crate::error::{Result, TransactionError};
use crate::record::{EventId, Record};
use crate::session_row::{self, SessionRow};
use crate::transaction::{Transaction, now, params};
use crate::{key_table, names, random};

/// Initial content of a new session.
#[derive(Clone, Copy)]
pub(crate) enum Origin {
    /// No parent: the session starts with the events passed to [`create`], which only an import has.
    Empty,
    /// The first `at` events of its parent, or all of them.
    Fork { parent: i64, at: Option<i64> },
}

/// A session to create.
struct NewSession {
    /// Idempotency token. If the reply to the commit is lost, the retry finds the session by its token, instead of
    /// creating a second one.
    token: EventId,
    name: Option<String>,
    origin: Origin,
    records: Vec<Record>,
}

/// Creates a session with these events, and returns its number.
///
/// # Errors
/// [`ErrorKind::Request`] if the name is invalid or taken, or the parent has fewer events than the fork.
/// [`ErrorKind::NotFound`] if the parent was deleted.
pub(crate) async fn create(
    database: &Database,
    name: &str,
    origin: Origin,
    events: Vec<(EventId, Event)>,
) -> Result<i64, Error> {
    let records = events
        .into_iter()
        .map(|(id, event)| Record::new(id, event, &database.encryption));
    let new = NewSession {
        token: random::bytes()?,
        name: names::validate(name)?,
        origin,
        records: records.collect::<Result<_, _>>()?,
    };
    let context = "the session cannot be created";
    let created = database.write(context, new, |tx, new| {
        Box::pin(async {
            let session = insert(tx, new).await?;
            session.ok_or_else(|| names::taken(new.name.as_deref().unwrap_or_default()).into())
        })
    });
    created.await
}

/// Finds a session by its name, or creates an empty one with this name.
///
/// Concurrent callers get the same session, in one program or several: names are unique in the table. The second insert
/// conflicts, its transaction is retried, and the retry finds the session of the first.
pub(crate) async fn find_or_create(database: &Database, name: &str) -> Result<i64, Error> {
    let context = "the session cannot be opened";
    let input = (names::required(name)?, random::bytes()?);
    let found = database.write(context, input, |tx, (name, token)| {
        Box::pin(async {
            if let Some(session) = names::find(tx, name).await? {
                return Ok(session);
            }
            let new = NewSession {
                token: *token,
                name: Some(name.clone()),
                origin: Origin::Empty,
                records: Vec::new(),
            };
            // In PostgreSQL, another program may have created the session after `find`. SQLite has one writer at a
            // time.
            insert(tx, &new).await?.ok_or(TransactionError::Raced)
        })
    });
    found.await
}

/// Inserts a session with its events. Returns `None` if another session has the name.
async fn insert(tx: &mut Transaction<'_>, new: &NewSession) -> Result<Option<i64>> {
    key_table::check_key_generation(tx).await?;
    // An earlier attempt may have been committed, although the reply to its commit was lost.
    let select = "SELECT id FROM session WHERE token = $1";
    if let Some(row) = tx.fetch_optional(select, params![&new.token[..]]).await? {
        return Ok(Some(row.try_get("id")?));
    }
    let (parent, length) = match new.origin {
        Origin::Empty => (None, 0),
        Origin::Fork { parent, at } => (Some(parent), forked_length(tx, parent, at).await?),
    };
    let row = SessionRow {
        token: new.token.to_vec(),
        length,
        parent,
        parent_seq: length,
        is_deleted: false,
    };
    let Some(session) = insert_row(tx, &row, new.name.as_deref()).await? else {
        return Ok(None);
    };
    if !new.records.is_empty() {
        append(tx, session, 0, &new.records).await?;
    }
    Ok(Some(session))
}

/// Returns the number of events that a fork shares with its parent.
async fn forked_length(tx: &mut Transaction<'_>, parent: i64, at: Option<i64>) -> Result<i64> {
    // Locks the parent until the fork is committed: a concurrent deletion would remove the events that they share.
    let length = match session_row::read(tx, parent).await? {
        Some(row) if !row.is_deleted => row.length,
        _ => {
            let message = format!("session {parent} no longer exists");
            return Err(Error::new(ErrorKind::NotFound, message).into());
        }
    };
    match at {
        Some(at) if at > length => {
            let message = format!("session {parent} has only {length} events");
            Err(Error::new(ErrorKind::Request, message).into())
        }
        at => Ok(at.unwrap_or(length)),
    }
}

/// Inserts the row of a session. Returns the number that the database assigned, or `None` if another session has the
/// name.
///
/// The checksum and the encrypted name depend on that number, so a second statement writes them.
async fn insert_row(
    tx: &mut Transaction<'_>,
    row: &SessionRow,
    name: Option<&str>,
) -> Result<Option<i64>> {
    let encryption = tx.encryption;
    let lookup = name.map(|name| names::lookup_value(encryption, name));
    let (token, length, parent, parent_seq) = (&*row.token, row.length, row.parent, row.parent_seq);
    let no_sum = Vec::<u8>::new();
    // `ON CONFLICT`, since in PostgreSQL an error would abort the transaction. `touched` orders the sessions by their
    // last use. SQLite has no sequences, but its writers run one at a time, so the maximum serves as one.
    let insert = tx.kind.choose(
        "INSERT INTO session
           (token, name, length, parent, parent_seq, sum, created_at, changed_at, touched)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7,
           (SELECT COALESCE(MAX(touched), 0) + 1 FROM session))
         ON CONFLICT (name) DO NOTHING RETURNING id",
        "INSERT INTO session
           (token, name, length, parent, parent_seq, sum, created_at, changed_at, touched)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, nextval('session_touch'))
         ON CONFLICT (name) DO NOTHING RETURNING id",
    );
    let values = params![token, lookup, length, parent, parent_seq, no_sum, now()];
    let Some(inserted) = tx.fetch_optional(insert, values).await? else {
        return Ok(None);
    };
    let session = inserted.try_get("id")?;
    let sum = row.checksum(encryption, session);
    let title = names::title(encryption, session, name)?;
    let update = "UPDATE session SET sum = $1, title = $2, cipher = $3 WHERE id = $4";
    tx.execute(
        update,
        params![sum, title, encryption.key_number(), session],
    )
    .await?;
    Ok(Some(session))
}
