//! Reading the events of a session: its own, and those it shares with what it was forked from.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use generativeai::Event;
use sqlx::AnyConnection;
use sqlx::Row as _;

use crate::database::Kind;
use crate::fault::Fault;
use crate::record::{blobs_mut, hash_of, is_hash_of, row_sum, sum};

/// An event of a session, with its place and its id.
pub(crate) struct Stored {
    pub(crate) seq: i64,
    pub(crate) id: Vec<u8>,
    pub(crate) event: Event,
}

/// The row of a session.
pub(crate) struct Row {
    pub(crate) token: Vec<u8>,
    pub(crate) length: i64,
    pub(crate) parent: Option<i64>,
    pub(crate) parent_seq: i64,
    pub(crate) is_deleted: bool,
}

/// Reads the row of a session, if it is there; `locked` keeps others from writing the session.
pub(crate) async fn row(
    kind: Kind,
    connection: &mut AnyConnection,
    session: i64,
    locked: bool,
) -> Result<Option<Row>, Fault> {
    let plain = "SELECT token, length, parent, parent_seq, deleted, sum FROM session WHERE id = $1";
    let for_update = "SELECT token, length, parent, parent_seq, deleted, sum FROM session
        WHERE id = $1 FOR UPDATE";
    // In SQLite a transaction that writes is alone from its beginning.
    let find = if locked {
        kind.choose(plain, for_update)
    } else {
        plain
    };
    let Some(found) = kind
        .sql(find)
        .bind(session)
        .fetch_optional(connection)
        .await?
    else {
        return Ok(None);
    };
    let row = Row {
        token: found.try_get(0)?,
        length: found.try_get(1)?,
        parent: found.try_get(2)?,
        parent_seq: found.try_get(3)?,
        is_deleted: found.try_get::<i64, _>(4)? != 0,
    };
    let sum = row_sum(&row.token, row.length, row.parent, row.parent_seq);
    if sum != found.try_get::<Vec<u8>, _>(5)? {
        let message = format!("the row of session {session} does not have its checksum");
        return Err(Fault::corrupt(message));
    }
    Ok(Some(row))
}

/// Events that belong to one session: those after `from`, up to `to`.
struct Segment {
    session: i64,
    from: i64,
    to: i64,
}

/// Reads all events of a session, first to last; `None` if there is no such session.
pub(crate) async fn events(
    kind: Kind,
    connection: &mut AnyConnection,
    session: i64,
) -> Result<Option<Vec<Stored>>, Fault> {
    let Some(path) = path(kind, connection, session).await? else {
        return Ok(None);
    };
    let mut events = Vec::new();
    for segment in &path {
        read(kind, connection, segment, &mut events).await?;
    }
    bring_media(kind, connection, session, &mut events).await?;
    Ok(Some(events))
}

/// Where the events of a session are, first to last.
async fn path(
    kind: Kind,
    connection: &mut AnyConnection,
    session: i64,
) -> Result<Option<Vec<Segment>>, Fault> {
    let mut path = Vec::new();
    let (mut next, mut end) = (Some(session), i64::MAX);
    while let Some(id) = next {
        let row = row(kind, connection, id, false).await?;
        let row = match row {
            Some(row) if id != session || !row.is_deleted => row,
            _ if id == session => return Ok(None),
            _ => {
                let message = format!("session {session} stands on {id}, which is not there");
                return Err(Fault::corrupt(message));
            }
        };
        next = row.parent;
        let (from, to) = (row.parent_seq, end.min(row.length));
        if from < to {
            path.push(Segment {
                session: id,
                from,
                to,
            });
        }
        end = end.min(from);
    }
    path.reverse();
    Ok(Some(path))
}

async fn read(
    kind: Kind,
    connection: &mut AnyConnection,
    segment: &Segment,
    events: &mut Vec<Stored>,
) -> Result<(), Fault> {
    let &Segment { session, from, to } = segment;
    let select = "SELECT seq, id, body, sum FROM event
        WHERE session_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq";
    let select = kind.sql(select).bind(session).bind(from).bind(to);
    let mut rows = select.fetch(connection);
    let mut last = from;
    while let Some(row) = rows.try_next().await? {
        let seq: i64 = row.try_get(0)?;
        last += 1;
        if seq != last {
            return Err(damaged(session, last, "is not there"));
        }
        let unread = |_| damaged(session, last, "cannot be read");
        let id: Vec<u8> = row.try_get(1).map_err(unread)?;
        let body: Vec<u8> = row.try_get(2).map_err(unread)?;
        let written: Vec<u8> = row.try_get(3).map_err(unread)?;
        if sum(session, seq, &id, &body) != written {
            return Err(damaged(session, seq, "does not have its checksum"));
        }
        let event = serde_json::from_slice(&body)
            .map_err(|error| damaged(session, seq, &format!("cannot be read: {error}")))?;
        events.push(Stored { seq, id, event });
    }
    if last != to {
        return Err(damaged(session, last + 1, "is not there"));
    }
    Ok(())
}

fn damaged(session: i64, seq: i64, how: &str) -> Fault {
    Fault::corrupt(format!("event {seq} of session {session} {how}"))
}

/// Puts the media that are kept apart into the events.
async fn bring_media(
    kind: Kind,
    connection: &mut AnyConnection,
    session: i64,
    events: &mut [Stored],
) -> Result<(), Fault> {
    let mut known: HashMap<String, String> = HashMap::new();
    for stored in events {
        for blob in blobs_mut(&mut stored.event) {
            let Some(hash) = hash_of(blob).map(str::to_owned) else {
                continue;
            };
            if !known.contains_key(&hash) {
                let find = "SELECT data FROM blob WHERE hash = $1";
                let find = kind.sql(find).bind(hash.clone());
                let row = find.fetch_optional(&mut *connection).await?;
                let data = row.and_then(|row| row.try_get::<Vec<u8>, _>(0).ok());
                let data = data.filter(|data| is_hash_of(&hash, data));
                let data = data.and_then(|data| String::from_utf8(data).ok());
                let data = data.ok_or_else(|| {
                    damaged(session, stored.seq, &format!("has lost its media {hash}"))
                })?;
                known.insert(hash.clone(), data);
            }
            blob.data = known.get(&hash).cloned();
        }
    }
    Ok(())
}
