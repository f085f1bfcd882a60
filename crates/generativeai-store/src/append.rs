//! Appending events to a session: all or none, and each one once.

use generativeai::{Error, ErrorKind};
use sqlx::Row;

use crate::cipher::Field;
use crate::error::{Result, TransactionError};
use crate::record::{Record, checksum};
use crate::session_row::{self, SessionRow};
use crate::transaction::{DatabaseKind, Transaction, now, params};
use crate::{key_table, media};

/// Appends records after the first `after` events of a session.
///
/// Records written by an earlier attempt, whose reply was lost, are recognised by their ids and not written again.
///
/// # Errors
/// [`ErrorKind::Conflict`] if the session has other events there, or was deleted.
pub(crate) async fn append(
    tx: &mut Transaction<'_>,
    session: i64,
    after: i64,
    records: &[Record],
) -> Result<()> {
    // A plain store needs no check: it cannot become encrypted while it has a session.
    if tx.encryption.is_on() {
        key_table::check_key_generation(tx).await?;
    }
    // The lock on the row makes the comparison of the length and its update one step.
    let row = match session_row::read(tx, session).await? {
        Some(row) if !row.is_deleted => row,
        _ => {
            let problem = "was deleted: import the history into a new session";
            return Err(conflict(session, problem));
        }
    };
    let written = count_written(tx, session, after, row.length, records).await?;
    if written == records.len() {
        return Ok(());
    }
    let mut length = row.length;
    for record in &records[written..] {
        length += 1;
        insert(tx, session, length, record).await?;
    }
    let row = SessionRow { length, ..row };
    // In SQLite a writing transaction is alone, so `MAX` is safe. In PostgreSQL two of them would get the same number.
    let update = tx.kind.choose(
        "UPDATE session SET length = $1, sum = $2, changed_at = $3,
           touched = (SELECT COALESCE(MAX(touched), 0) + 1 FROM session) WHERE id = $4",
        "UPDATE session SET length = $1, sum = $2, changed_at = $3,
           touched = nextval('session_touch') WHERE id = $4",
    );
    let sum = row.checksum(tx.encryption, session);
    tx.execute(update, params![length, sum, now(), session])
        .await?;
    Ok(())
}

/// Counts the records that already follow the first `after` events.
///
/// # Errors
/// [`ErrorKind::Conflict`] if anything else follows them.
async fn count_written(
    tx: &mut Transaction<'_>,
    session: i64,
    after: i64,
    length: i64,
    records: &[Record],
) -> Result<usize> {
    // A negative number means that the session is shorter than the writer knows, which is a conflict as well.
    let newer = usize::try_from(length - after).unwrap_or(usize::MAX);
    if newer == 0 {
        return Ok(0);
    }
    if newer <= records.len() {
        let select = "SELECT id FROM event WHERE session_id = $1 AND seq > $2 ORDER BY seq";
        let rows = tx.fetch_all(select, params![session, after]).await?;
        let ids: Result<Vec<Vec<u8>>, _> = rows.iter().map(|row| row.try_get("id")).collect();
        let expected = records[..newer].iter().map(|record| &record.id);
        if ids?.iter().eq(expected) {
            return Ok(newer);
        }
    }
    Err(conflict(
        session,
        "was modified by another writer: reload it or fork it",
    ))
}

/// Builds the error for a session that differs from the writer's state. `problem` ends with advice.
fn conflict(session: i64, problem: &str) -> TransactionError {
    let message = format!("session {session} {problem}");
    Error::new(ErrorKind::Conflict, message).into()
}

/// Writes an event with its media and its text.
async fn insert(tx: &mut Transaction<'_>, session: i64, seq: i64, record: &Record) -> Result<()> {
    let id = record.id.as_slice();
    let field = Field::Event { session, seq, id };
    let body = tx.encryption.encrypt(field, record.body.clone())?;
    let sum = checksum(tx.encryption, session, seq, id, &body);
    let key = tx.encryption.key_number();
    let insert = "INSERT INTO event (session_id, seq, id, body, sum, cipher)
        VALUES ($1, $2, $3, $4, $5, $6)";
    tx.execute(insert, params![session, seq, id, body, sum, key])
        .await?;
    for media in &record.media {
        media::insert(tx, session, seq, media).await?;
    }
    if !record.text.is_empty() {
        index(tx, session, seq, &record.text).await?;
    }
    Ok(())
}

/// Adds the text of an event to the search index. In SQLite a trigger on the table `said` does it.
async fn index(tx: &mut Transaction<'_>, session: i64, seq: i64, text: &str) -> Result<()> {
    match tx.kind {
        DatabaseKind::Sqlite => {
            let insert = "INSERT INTO said (session_id, seq, text) VALUES ($1, $2, $3)";
            tx.execute(insert, params![session, seq, text]).await?
        }
        DatabaseKind::Postgres => {
            let insert = "INSERT INTO said (session_id, seq, text, words)
                VALUES ($1, $2, $3, to_tsvector('simple', $4))";
            // Lower case by Unicode. PostgreSQL's own depends on the locale of the database.
            let lower = text.to_lowercase();
            tx.execute(insert, params![session, seq, text, lower])
                .await?
        }
    };
    Ok(())
}
