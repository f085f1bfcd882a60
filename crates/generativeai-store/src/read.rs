//! Reading the events of a session: its own, and those it shares with what it was forked from.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use generativeai::Event;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::fault::Fault;
use crate::record::{blobs_mut, event_sum, hash_of, json_fault, media_hash};
use crate::seal::{Seal, Slot};
use crate::transaction::Transaction;

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

impl Row {
    /// What tells that the row was damaged; with a key, also that it is that of another session.
    pub(crate) fn sum(&self, seal: &Seal, session: i64) -> Vec<u8> {
        let place = [self.length, self.parent.unwrap_or(0), self.parent_seq];
        let place = place.map(i64::to_le_bytes).concat();
        match seal.key() {
            Some(_) => {
                let session = session.to_le_bytes();
                seal.sum("session", &[&session, &self.token, &place])
            }
            None => seal.sum("session", &[&self.token, &place]),
        }
    }
}

/// Reads the row of a session, if it is there; `locked` keeps others from writing the session.
pub(crate) async fn row(
    transaction: &mut Transaction<'_>,
    session: i64,
    locked: bool,
) -> Result<Option<Row>, Fault> {
    let plain = "SELECT token, length, parent, parent_seq, deleted, sum FROM session WHERE id = $1";
    let for_update = "SELECT token, length, parent, parent_seq, deleted, sum FROM session
        WHERE id = $1 FOR UPDATE";
    // In SQLite a transaction that writes is alone from its beginning.
    let find = transaction.either(plain, if locked { for_update } else { plain });
    let Some(found) = transaction.first(find.bind(session)).await? else {
        return Ok(None);
    };
    let row = Row {
        token: found.try_get(0)?,
        length: found.try_get(1)?,
        parent: found.try_get(2)?,
        parent_seq: found.try_get(3)?,
        is_deleted: found.try_get::<i64, _>(4)? != 0,
    };
    if row.sum(transaction.seal, session) != found.try_get::<Vec<u8>, _>(5)? {
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
    transaction: &mut Transaction<'_>,
    session: i64,
) -> Result<Option<Vec<Stored>>, Fault> {
    let Some(path) = path(transaction, session).await? else {
        return Ok(None);
    };
    let mut events = Vec::new();
    for segment in &path {
        read(transaction, segment, &mut events).await?;
    }
    bring_media(transaction, session, &mut events).await?;
    Ok(Some(events))
}

/// Where the events of a session are, first to last.
async fn path(
    transaction: &mut Transaction<'_>,
    session: i64,
) -> Result<Option<Vec<Segment>>, Fault> {
    let mut path = Vec::new();
    let (mut next, mut end) = (Some(session), i64::MAX);
    while let Some(id) = next {
        let row = row(transaction, id, false).await?;
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
    transaction: &mut Transaction<'_>,
    segment: &Segment,
    events: &mut Vec<Stored>,
) -> Result<(), Fault> {
    let &Segment { session, from, to } = segment;
    let select = "SELECT seq, id, body, sum, cipher FROM event
        WHERE session_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq";
    let select = transaction.sql(select).bind(session).bind(from).bind(to);
    let seal = transaction.seal;
    let mut rows = select.fetch(&mut *transaction.connection);
    let mut last = from;
    while let Some(row) = rows.try_next().await? {
        let seq: i64 = row.try_get(0)?;
        last += 1;
        if seq != last {
            return Err(damaged(session, last, "is not there"));
        }
        events.push(stored(seal, session, &row)?);
    }
    if last != to {
        return Err(damaged(session, last + 1, "is not there"));
    }
    Ok(())
}

/// Reads an event from its row: `seq`, `id`, `body`, `sum` and `cipher`.
pub(crate) fn stored(seal: &Seal, session: i64, row: &AnyRow) -> Result<Stored, Fault> {
    let seq: i64 = row.try_get(0)?;
    let unread = |_| damaged(session, seq, "cannot be read");
    let id: Vec<u8> = row.try_get(1).map_err(unread)?;
    let body: Vec<u8> = row.try_get(2).map_err(unread)?;
    let sum: Vec<u8> = row.try_get(3).map_err(unread)?;
    if event_sum(seal, session, seq, &id, &body) != sum {
        return Err(damaged(session, seq, "does not have its checksum"));
    }
    let slot = Slot::Event {
        session,
        seq,
        id: &id,
    };
    let body = seal.open(slot, row.try_get(4).map_err(unread)?, body)?;
    let event = serde_json::from_slice(&body).map_err(|error| {
        damaged(
            session,
            seq,
            &format!("cannot be read: {}", json_fault(&error)),
        )
    })?;
    Ok(Stored { seq, id, event })
}

fn damaged(session: i64, seq: i64, how: &str) -> Fault {
    Fault::corrupt(format!("event {seq} of session {session} {how}"))
}

/// Puts the media that are kept apart into the events.
async fn bring_media(
    transaction: &mut Transaction<'_>,
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
                let data = media(transaction, &hash).await.map_err(|fault| {
                    let what = format!("has lost its media {hash}");
                    damaged(session, stored.seq, &what).because(fault)
                })?;
                known.insert(hash.clone(), data);
            }
            blob.data = known.get(&hash).cloned();
        }
    }
    Ok(())
}

/// The media with a hash, as they were.
async fn media(transaction: &mut Transaction<'_>, hash: &str) -> Result<String, Fault> {
    let find = transaction.sql("SELECT data, cipher FROM blob WHERE hash = $1");
    let row = transaction.first(find.bind(hash.to_owned())).await?;
    let row = row.ok_or_else(|| Fault::corrupt("they are not there".to_owned()))?;
    let seal = transaction.seal;
    let unread = |_| Fault::corrupt("they cannot be read".to_owned());
    let (data, key) = (
        row.try_get(0).map_err(unread)?,
        row.try_get(1).map_err(unread)?,
    );
    let data = seal.open(Slot::Media { hash }, key, data)?;
    let data = String::from_utf8(data).ok();
    let data = data.filter(|data| media_hash(seal, data) == hash);
    data.ok_or_else(|| Fault::corrupt("they are not what was written".to_owned()))
}
