//! Deleting a session, with its events and media except those that other sessions share.

use sqlx::Row;

use crate::error::Result;
use crate::transaction::{Transaction, for_update, params};

/// Deletes a session. Deleting it twice is not an error.
///
/// A session with forks keeps its row and the events that they share, marked as deleted, until the last
/// fork is deleted.
pub(crate) async fn delete(tx: &mut Transaction<'_>, session: i64) -> Result<()> {
    // Does not verify the checksum of the row, so that a damaged session can be deleted.
    let mark = "UPDATE session SET deleted = 1, name = NULL, title = NULL WHERE id = $1";
    tx.execute(mark, params![session]).await?;
    let mut next = Some(session);
    while let Some(id) = next {
        next = prune(tx, id).await?;
    }
    Ok(())
}

/// Returns the numbers of the sessions to which nothing was appended since `before`, in seconds since 1970.
pub(crate) async fn older_than(tx: &mut Transaction<'_>, before: i64) -> Result<Vec<i64>> {
    let select = "SELECT id FROM session WHERE deleted = 0 AND changed_at < $1 ORDER BY id";
    let rows = tx.fetch_all(select, params![before]).await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

/// Deletes a session unless an event was appended at or after `before`, in seconds since 1970. Returns
/// whether the session is deleted, now or by an earlier attempt.
pub(crate) async fn delete_if_older(
    tx: &mut Transaction<'_>,
    session: i64,
    before: i64,
) -> Result<bool> {
    let select = for_update!(
        tx,
        "SELECT changed_at FROM session WHERE id = $1 AND deleted = 0"
    );
    if let Some(row) = tx.fetch_optional(select, params![session]).await?
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
async fn prune(tx: &mut Transaction<'_>, session: i64) -> Result<Option<i64>> {
    // Locked, also if the deletion of the session is not committed yet. If two forks of it, or it and a fork, are
    // deleted at once, each transaction would otherwise see the rows that the other one deletes, and keep what they
    // share.
    let select = for_update!(tx, "SELECT parent, deleted FROM session WHERE id = $1");
    let row = match tx.fetch_optional(select, params![session]).await? {
        Some(row) if row.try_get::<i64, _>("deleted")? != 0 => row,
        _ => return Ok(None),
    };
    // The longest fork decides: shorter ones share a part of its events.
    let forks = "SELECT parent_seq FROM session WHERE parent = $1 ORDER BY parent_seq DESC LIMIT 1";
    let fork = tx.fetch_optional(forks, params![session]).await?;
    let shared: i64 = fork
        .as_ref()
        .map_or(Ok(0), |fork| fork.try_get("parent_seq"))?;
    // Locked for the same reason, in the order of the hashes, so that deletions of other sessions with the media wait.
    // A fork may still deadlock with its parent: its deletion locks the media and then the parent, and a deletion of the
    // parent locks the parent and then the media. PostgreSQL detects that after a second, and one of them is retried.
    let media = for_update!(
        tx,
        "SELECT hash FROM blob WHERE hash IN
           (SELECT hash FROM media WHERE session_id = $1 AND seq > $2) ORDER BY hash"
    );
    let media = tx.fetch_all(media, params![session, shared]).await?;
    for table in [
        "DELETE FROM media WHERE session_id = $1 AND seq > $2",
        "DELETE FROM said WHERE session_id = $1 AND seq > $2",
        "DELETE FROM event WHERE session_id = $1 AND seq > $2",
    ] {
        tx.execute(table, params![session, shared]).await?;
    }
    for row in &media {
        let hash: String = row.try_get("hash")?;
        // Other sessions may contain the same media.
        let unused = "DELETE FROM blob WHERE hash = $1
            AND NOT EXISTS (SELECT 1 FROM media WHERE media.hash = blob.hash)";
        tx.execute(unused, params![hash]).await?;
    }
    if fork.is_some() {
        return Ok(None);
    }
    tx.execute("DELETE FROM session WHERE id = $1", params![session])
        .await?;
    Ok(row.try_get("parent")?)
}
