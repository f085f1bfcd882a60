//! Reading the events of a session: its own, and those it shares with the sessions it was forked from.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use generativeai::{Event, Reason};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::cipher::Field;
use crate::encryption::Encryption;
use crate::error::{Result, TransactionError};
use crate::media;
use crate::record::{checksum, describe_json_error};
use crate::session_row;
use crate::transaction::{Transaction, params};

/// A stored event, with its position.
pub(crate) struct StoredEvent {
    /// The number of the event, from 1. It has no gaps.
    pub(crate) seq: i64,
    /// The id: 16 bytes, unless the row is damaged.
    pub(crate) id: Vec<u8>,
    /// The event.
    pub(crate) event: Event,
}

/// Reads all events of a session in order. Returns `None` if the session does not exist.
///
/// # Errors
/// [`Corrupt`](generativeai::ErrorKind::Corrupt) if an event is missing or was changed: none is skipped.
pub(crate) async fn read_all(
    tx: &mut Transaction<'_>,
    session: i64,
) -> Result<Option<Vec<StoredEvent>>> {
    let Some(mut events) = read_without_media(tx, session).await? else {
        return Ok(None);
    };
    let mut cache = HashMap::new();
    for StoredEvent { seq, event, .. } in &mut events {
        media::attach(tx, event, &mut cache)
            .await
            .map_err(|error| {
                damaged(session, *seq, "has missing or damaged media").with_source(error)
            })?;
    }
    Ok(Some(events))
}

/// Reads all events of a session in order, with references instead of large media. Rounds that a fork took over
/// [are dropped](drop_copied_rounds).
pub(crate) async fn read_without_media(
    tx: &mut Transaction<'_>,
    session: i64,
) -> Result<Option<Vec<StoredEvent>>> {
    let Some(segments) = segments(tx, session).await? else {
        return Ok(None);
    };
    let mut events = Vec::new();
    let mut inherited = 0;
    for segment in &segments {
        read_segment(tx, segment, &mut events).await?;
        if segment.session != session {
            inherited = events.len();
        }
    }
    drop_copied_rounds(events.iter_mut().map(|stored| &mut stored.event), inherited);
    Ok(Some(events))
}

/// Drops the rounds of calls that were copied from another session before they started: those among the first `copied`
/// events. The original decides about these calls. If the copy did so as well, an approved call would run twice.
///
/// The events of the rounds are replaced, not removed, since a journal counts its events.
pub(crate) fn drop_copied_rounds<'a>(events: impl Iterator<Item = &'a mut Event>, copied: usize) {
    let mut round = Vec::new();
    for (index, event) in events.enumerate() {
        match event {
            Event::Called { .. } if index < copied => round = vec![event],
            Event::Decided { .. } if !round.is_empty() => round.push(event),
            // The calls run in the original only, or their turn is over. An undone turn is not: it can be redone.
            Event::Started
            | Event::Opened { .. }
            | Event::Added { .. }
            | Event::Replaced { .. } => round.clear(),
            _ => {}
        }
    }
    for event in round {
        *event = Event::Unfinished {
            reason: Reason::Interrupted,
            received: None,
        };
    }
}

/// Decodes an event from the columns `seq`, `id`, `body`, `sum` and `cipher` of its row. Its media are
/// still references.
pub(crate) fn decode(encryption: &Encryption, session: i64, row: &AnyRow) -> Result<StoredEvent> {
    let seq: i64 = row.try_get("seq")?;
    let unreadable = |_| damaged(session, seq, "cannot be read");
    let id: Vec<u8> = row.try_get("id").map_err(unreadable)?;
    let body: Vec<u8> = row.try_get("body").map_err(unreadable)?;
    let sum: Vec<u8> = row.try_get("sum").map_err(unreadable)?;
    if checksum(encryption, session, seq, &id, &body) != sum {
        return Err(damaged(session, seq, "does not match its checksum"));
    }
    let field = Field::Event {
        session,
        seq,
        id: &id,
    };
    let key_number = row.try_get("cipher").map_err(unreadable)?;
    let body = encryption.decrypt(field, key_number, body)?;
    let event = serde_json::from_slice(&body).map_err(|error| {
        let problem = describe_json_error(&error);
        damaged(session, seq, &format!("cannot be read: {problem}"))
    })?;
    Ok(StoredEvent { seq, id, event })
}

/// A range of events that are stored under one session: those after `from`, up to and including `to`.
struct Segment {
    session: i64,
    from: i64,
    to: i64,
}

/// Follows the parents of a session, and returns where its events are stored, in order.
async fn segments(tx: &mut Transaction<'_>, session: i64) -> Result<Option<Vec<Segment>>> {
    let mut segments = Vec::new();
    let (mut next, mut end) = (Some(session), i64::MAX);
    while let Some(id) = next {
        let row = match session_row::read(tx, id).await? {
            // A deleted ancestor still holds the events that its forks share.
            Some(row) if id != session || !row.is_deleted => row,
            _ if id == session => return Ok(None),
            _ => {
                let message = format!("session {session} is a fork of {id}, which is missing");
                return Err(TransactionError::corrupt(message));
            }
        };
        next = row.parent;
        // A fork may end before its parent itself branched off. Then the parent contributes no events.
        let (from, to) = (row.parent_seq, end.min(row.length));
        if from < to {
            segments.push(Segment {
                session: id,
                from,
                to,
            });
        }
        end = end.min(from);
    }
    segments.reverse();
    Ok(Some(segments))
}

/// Reads the events of one segment. A gap in their numbers is an error.
async fn read_segment(
    tx: &mut Transaction<'_>,
    &Segment { session, from, to }: &Segment,
    events: &mut Vec<StoredEvent>,
) -> Result<()> {
    let encryption = tx.encryption;
    let select = "SELECT seq, id, body, sum, cipher FROM event
        WHERE session_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq";
    let mut rows = tx.fetch(select, params![session, from, to]);
    let mut last = from;
    while let Some(row) = rows.try_next().await? {
        last += 1;
        if row.try_get::<i64, _>("seq")? != last {
            return Err(damaged(session, last, "is missing"));
        }
        events.push(decode(encryption, session, &row)?);
    }
    match last == to {
        true => Ok(()),
        false => Err(damaged(session, last + 1, "is missing")),
    }
}

/// Builds the error for a damaged event. Its message begins with the position of the event.
fn damaged(session: i64, seq: i64, problem: &str) -> TransactionError {
    TransactionError::corrupt(format!("event {seq} of session {session} {problem}"))
}
