//! `SessionRow`: the length and ancestry of a session, with their checksum.

use sqlx::Row;

use crate::encryption::Encryption;
use crate::error::{Result, TransactionError};
use crate::transaction::{Transaction, for_update, params};

/// The columns of a session that its events depend on.
pub(crate) struct SessionRow {
    /// The idempotency token of the program that created the session.
    pub(crate) token: Vec<u8>,
    /// The number of events on the path of the session, including those shared with its ancestors.
    pub(crate) length: i64,
    /// The session it was forked from.
    pub(crate) parent: Option<i64>,
    /// The last event it shares with its parent; 0 without a parent.
    pub(crate) parent_seq: i64,
    /// Whether the session was deleted. Its row is kept as long as forks share its events.
    pub(crate) is_deleted: bool,
}

impl SessionRow {
    /// Computes the checksum of the row. With a key it covers the number of the session too, so that
    /// rows of two sessions cannot be swapped.
    pub(crate) fn checksum(&self, encryption: &Encryption, session: i64) -> Vec<u8> {
        let position = [self.length, self.parent.unwrap_or(0), self.parent_seq];
        let position = position.map(i64::to_le_bytes).concat();
        match encryption.is_on() {
            true => {
                let session = session.to_le_bytes();
                encryption.checksum("session", &[&session, &self.token, &position])
            }
            false => encryption.checksum("session", &[&self.token, &position]),
        }
    }
}

/// Reads the row of a session, if it exists. If the transaction writes, other writers of the row wait until it ends.
///
/// # Errors
/// [`Corrupt`](generativeai::ErrorKind::Corrupt) if the row does not match its checksum.
pub(crate) async fn read(tx: &mut Transaction<'_>, session: i64) -> Result<Option<SessionRow>> {
    let select = for_update!(
        tx,
        "SELECT token, length, parent, parent_seq, deleted, sum FROM session WHERE id = $1"
    );
    let columns = tx.fetch_optional(select, params![session]).await?;
    let Some(columns) = columns else {
        return Ok(None);
    };
    let row = SessionRow {
        token: columns.try_get("token")?,
        length: columns.try_get("length")?,
        parent: columns.try_get("parent")?,
        parent_seq: columns.try_get("parent_seq")?,
        is_deleted: columns.try_get::<i64, _>("deleted")? != 0,
    };
    let checksum: Vec<u8> = columns.try_get("sum")?;
    if row.checksum(tx.encryption, session) != checksum {
        let message = format!("the row of session {session} does not match its checksum");
        return Err(TransactionError::corrupt(message));
    }
    Ok(Some(row))
}
