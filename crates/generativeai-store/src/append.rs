//! Writing: entries go behind those a writer knows of, all or none, and only once.

use std::sync::Arc;

use generativeai::{BoxFuture, Entry, Error, ErrorKind, Journal, Result};
use sqlx::AnyConnection;
use sqlx::Row;

use crate::database::{Database, Kind};
use crate::fault::Fault;
use crate::read;
use crate::record::{Record, row_sum};
use crate::session::now;

/// A session as the journal of a chat.
#[derive(Debug)]
pub(crate) struct SessionJournal {
    pub(crate) database: Arc<Database>,
    pub(crate) session: i64,
}

impl Journal for SessionJournal {
    fn append(&self, after: u64, entries: Vec<Entry>) -> BoxFuture<Result<()>> {
        let (database, session) = (Arc::clone(&self.database), self.session);
        Box::pin(async move {
            let what = format!("session {session} cannot be written");
            let records: Result<Vec<Record>, Fault> = entries.iter().map(Record::of).collect();
            let records = Arc::new(records.map_err(|fault| fault.explain(&what))?);
            let kind = database.kind;
            let written = database.write(what, move |connection| {
                let records = Arc::clone(&records);
                Box::pin(
                    async move { append(kind, connection, session, after as i64, &records).await },
                )
            });
            written.await
        })
    }
}

/// Appends records behind the first `after` events of a session. Those that stand there already, by
/// their ids, are not written again.
pub(crate) async fn append(
    kind: Kind,
    connection: &mut AnyConnection,
    session: i64,
    after: i64,
    records: &[Record],
) -> Result<(), Fault> {
    let row = match read::row(kind, connection, session, true).await? {
        Some(row) if !row.is_deleted => row,
        _ => return Err(conflict(session, "was deleted")),
    };
    let written = already(kind, connection, session, after, row.length, records).await?;
    if written == records.len() {
        return Ok(());
    }
    let mut seq = row.length;
    for record in &records[written..] {
        seq += 1;
        insert(kind, connection, session, seq, record).await?;
    }
    let update = kind.choose(
        "UPDATE session SET length = $1, sum = $2, changed_at = $3,
           touched = (SELECT COALESCE(MAX(touched), 0) + 1 FROM session) WHERE id = $4",
        "UPDATE session SET length = $1, sum = $2, changed_at = $3,
           touched = nextval('session_touch') WHERE id = $4",
    );
    let sum = row_sum(&row.token, seq, row.parent, row.parent_seq);
    let update = kind
        .sql(update)
        .bind(seq)
        .bind(sum)
        .bind(now())
        .bind(session);
    update.execute(connection).await?;
    Ok(())
}

/// How many of the records stand behind the first `after` events already.
async fn already(
    kind: Kind,
    connection: &mut AnyConnection,
    session: i64,
    after: i64,
    length: i64,
    records: &[Record],
) -> Result<usize, Fault> {
    let later = usize::try_from(length - after).unwrap_or(usize::MAX);
    if later == 0 {
        return Ok(0);
    }
    if later <= records.len() {
        let ids = "SELECT id FROM event WHERE session_id = $1 AND seq > $2 ORDER BY seq";
        let ids = kind.sql(ids).bind(session).bind(after);
        let rows = ids.fetch_all(connection).await?;
        let ids: Result<Vec<Vec<u8>>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        if ids?
            .iter()
            .eq(records[..later].iter().map(|record| &record.id))
        {
            return Ok(later);
        }
    }
    Err(conflict(session, "was gone on with by somebody else"))
}

fn conflict(session: i64, what: &str) -> Fault {
    let message = format!("session {session} {what}: open it anew, or fork it");
    Fault::Ours(Error::new(ErrorKind::Conflict, message))
}

async fn insert(
    kind: Kind,
    connection: &mut AnyConnection,
    session: i64,
    seq: i64,
    record: &Record,
) -> Result<(), Fault> {
    let event = "INSERT INTO event (session_id, seq, id, body, sum) VALUES ($1, $2, $3, $4, $5)";
    let event = kind.sql(event).bind(session).bind(seq);
    let event = event.bind(record.id.clone()).bind(record.body.clone());
    let event = event.bind(record.sum(session, seq));
    event.execute(&mut *connection).await?;
    for (hash, data) in &record.media {
        let blob = "INSERT INTO blob (hash, data) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING";
        let blob = kind
            .sql(blob)
            .bind(hash.clone())
            .bind(data.as_bytes().to_vec());
        blob.execute(&mut *connection).await?;
        let media = "INSERT INTO media (session_id, seq, hash) VALUES ($1, $2, $3)";
        let media = kind.sql(media).bind(session).bind(seq).bind(hash.clone());
        media.execute(&mut *connection).await?;
    }
    if !record.text.is_empty() {
        let said = kind.choose(
            "INSERT INTO said (session_id, seq, text) VALUES ($1, $2, $3)",
            "INSERT INTO said (session_id, seq, text, words)
               VALUES ($1, $2, $3, to_tsvector('simple', $4))",
        );
        let mut said = kind.sql(said).bind(session).bind(seq);
        said = said.bind(record.text.clone());
        if kind == Kind::Postgres {
            said = said.bind(record.text.to_lowercase());
        }
        said.execute(connection).await?;
    }
    Ok(())
}
