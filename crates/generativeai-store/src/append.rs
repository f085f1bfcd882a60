//! Writing: entries go behind those a writer knows of, all or none, and only once.

use std::sync::Arc;

use generativeai::{BoxFuture, Entry, Error, ErrorKind, Journal, Result};
use sqlx::Row;

use crate::database::Database;
use crate::fault::Fault;
use crate::record::{Record, event_sum};
use crate::seal::Slot;
use crate::session::now;
use crate::transaction::{Kind, Transaction};
use crate::{keys, read};

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
            let records = entries
                .iter()
                .map(|entry| Record::of(entry, &database.seal));
            let records: Result<Vec<Record>, Fault> = records.collect();
            let records = Arc::new(records.map_err(|fault| fault.explain(&what))?);
            let written = database.write(what, move |mut transaction| {
                let records = Arc::clone(&records);
                Box::pin(
                    async move { append(&mut transaction, session, after as i64, &records).await },
                )
            });
            written.await
        })
    }
}

/// Appends records behind the first `after` events of a session. Those that stand there already, by
/// their ids, are not written again.
pub(crate) async fn append(
    transaction: &mut Transaction<'_>,
    session: i64,
    after: i64,
    records: &[Record],
) -> Result<(), Fault> {
    if transaction.seal.key().is_some() {
        keys::guard(transaction).await?;
    }
    let row = match read::row(transaction, session, true).await? {
        Some(row) if !row.is_deleted => row,
        _ => return Err(conflict(session, "was deleted")),
    };
    let written = already(transaction, session, after, row.length, records).await?;
    if written == records.len() {
        return Ok(());
    }
    let mut seq = row.length;
    for record in &records[written..] {
        seq += 1;
        insert(transaction, session, seq, record).await?;
    }
    let update = transaction.either(
        "UPDATE session SET length = $1, sum = $2, changed_at = $3,
           touched = (SELECT COALESCE(MAX(touched), 0) + 1 FROM session) WHERE id = $4",
        "UPDATE session SET length = $1, sum = $2, changed_at = $3,
           touched = nextval('session_touch') WHERE id = $4",
    );
    let row = read::Row { length: seq, ..row };
    let sum = row.sum(transaction.seal, session);
    let update = update.bind(seq).bind(sum).bind(now()).bind(session);
    transaction.run(update).await?;
    Ok(())
}

/// How many of the records stand behind the first `after` events already.
async fn already(
    transaction: &mut Transaction<'_>,
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
        let ids = transaction.sql(ids).bind(session).bind(after);
        let rows = transaction.all(ids).await?;
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
    transaction: &mut Transaction<'_>,
    session: i64,
    seq: i64,
    record: &Record,
) -> Result<(), Fault> {
    let seal = transaction.seal;
    let id = &*record.id;
    let body = seal.close(Slot::Event { session, seq, id }, record.body.clone())?;
    let sum = event_sum(seal, session, seq, id, &body);
    let event = "INSERT INTO event (session_id, seq, id, body, sum, cipher)
        VALUES ($1, $2, $3, $4, $5, $6)";
    let event = transaction
        .sql(event)
        .bind(session)
        .bind(seq)
        .bind(id.to_vec());
    let event = event.bind(body).bind(sum).bind(seal.key());
    transaction.run(event).await?;
    for (hash, data) in &record.media {
        let data = seal.close(Slot::Media { hash }, data.as_bytes().to_vec())?;
        let blob = "INSERT INTO blob (hash, data, cipher) VALUES ($1, $2, $3)
            ON CONFLICT (hash) DO NOTHING";
        let blob = transaction
            .sql(blob)
            .bind(hash.clone())
            .bind(data)
            .bind(seal.key());
        transaction.run(blob).await?;
        let media = "INSERT INTO media (session_id, seq, hash) VALUES ($1, $2, $3)";
        let media = transaction
            .sql(media)
            .bind(session)
            .bind(seq)
            .bind(hash.clone());
        transaction.run(media).await?;
    }
    if !record.text.is_empty() {
        let said = transaction.either(
            "INSERT INTO said (session_id, seq, text) VALUES ($1, $2, $3)",
            "INSERT INTO said (session_id, seq, text, words)
               VALUES ($1, $2, $3, to_tsvector('simple', $4))",
        );
        let mut said = said.bind(session).bind(seq).bind(record.text.clone());
        if transaction.kind == Kind::Postgres {
            said = said.bind(record.text.to_lowercase());
        }
        transaction.run(said).await?;
    }
    Ok(())
}
