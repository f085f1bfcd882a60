//! Deleting a session, with the events and media that no other session needs.

use sqlx::Row;

use crate::error::TransactionError;
use crate::transaction::Transaction;

/// Deletes a session. Deleting it twice is not an error.
///
/// A session with forks keeps its row and the events that they share, marked as deleted, until the last
/// fork is deleted.
pub(crate) async fn delete(tx: &mut Transaction<'_>, session: i64) -> Result<(), TransactionError> {
    tx.sql("UPDATE session SET deleted = 1, name = NULL, title = NULL WHERE id = $1")
        .bind(session)
        .execute(&mut *tx.connection)
        .await?;
    let mut next = Some(session);
    while let Some(id) = next {
        next = prune(tx, id).await?;
    }
    Ok(())
}

/// Deletes a session unless an event was appended at or after `before`, in seconds since 1970. Returns
/// whether the session is deleted, now or by an earlier attempt.
pub(crate) async fn delete_if_older(
    tx: &mut Transaction<'_>,
    session: i64,
    before: i64,
) -> Result<bool, TransactionError> {
    let row = tx
        .sql_for(
            "SELECT changed_at FROM session WHERE id = $1 AND deleted = 0",
            "SELECT changed_at FROM session WHERE id = $1 AND deleted = 0 FOR UPDATE",
        )
        .bind(session)
        .fetch_optional(&mut *tx.connection)
        .await?;
    if let Some(row) = row
        && row.try_get::<i64, _>("changed_at")? >= before
    {
        return Ok(false);
    }
    delete(tx, session).await?;
    Ok(true)
}

/// Removes the rows of a deleted session that no fork shares.
///
/// If nothing is left of it, returns its parent, which may have been kept for this session alone.
async fn prune(tx: &mut Transaction<'_>, session: i64) -> Result<Option<i64>, TransactionError> {
    let row = tx
        .sql("SELECT parent FROM session WHERE id = $1 AND deleted = 1")
        .bind(session)
        .fetch_optional(&mut *tx.connection)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let longest_fork = tx
        .sql("SELECT parent_seq FROM session WHERE parent = $1 ORDER BY parent_seq DESC LIMIT 1")
        .bind(session)
        .fetch_optional(&mut *tx.connection)
        .await?;
    let shared: i64 = longest_fork
        .as_ref()
        .map_or(Ok(0), |fork| fork.try_get("parent_seq"))?;
    let media = tx
        .sql("SELECT DISTINCT hash FROM media WHERE session_id = $1 AND seq > $2")
        .bind(session)
        .bind(shared)
        .fetch_all(&mut *tx.connection)
        .await?;
    for table in [
        "DELETE FROM media WHERE session_id = $1 AND seq > $2",
        "DELETE FROM said WHERE session_id = $1 AND seq > $2",
        "DELETE FROM event WHERE session_id = $1 AND seq > $2",
    ] {
        tx.sql(table)
            .bind(session)
            .bind(shared)
            .execute(&mut *tx.connection)
            .await?;
    }
    for row in &media {
        let hash: String = row.try_get("hash")?;
        tx.sql(
            "DELETE FROM blob WHERE hash = $1
             AND NOT EXISTS (SELECT 1 FROM media WHERE media.hash = blob.hash)",
        )
        .bind(hash)
        .execute(&mut *tx.connection)
        .await?;
    }
    if longest_fork.is_some() {
        return Ok(None);
    }
    tx.sql("DELETE FROM session WHERE id = $1")
        .bind(session)
        .execute(&mut *tx.connection)
        .await?;
    Ok(row.try_get("parent")?)
}
