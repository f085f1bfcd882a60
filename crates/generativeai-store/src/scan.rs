//! Searching where there is no index: every session of an encrypted store is read.

use std::sync::Arc;

use futures_util::TryStreamExt;
use generativeai::Result;
use sqlx::Row;

use crate::database::Database;
use crate::fault::Fault;
use crate::names;
use crate::read;
use crate::record;
use crate::search::{Hit, MOST};
use crate::transaction::Transaction;

/// Finds what has all these words, the session written last first. Each session is read by itself: all of
/// them may take longer than a transaction should.
pub(crate) async fn search(database: &Arc<Database>, what: &str, words: &str) -> Result<Vec<Hit>> {
    let wanted: Vec<Vec<String>> = words.split_whitespace().map(tokens).collect();
    let mut hits = Vec::new();
    if wanted.iter().all(Vec::is_empty) {
        return Ok(hits);
    }
    let wanted = Arc::new(wanted);
    let all = database.read(what.to_owned(), |mut transaction| {
        Box::pin(async move { sessions(&mut transaction).await })
    });
    for (id, session) in all.await? {
        let wanted = Arc::clone(&wanted);
        let left = MOST - hits.len();
        let found = database.read(what.to_owned(), move |mut transaction| {
            let wanted = Arc::clone(&wanted);
            Box::pin(async move { found(&mut transaction, id, &wanted, left).await })
        });
        hits.extend(found.await?.into_iter().map(|(event, text)| Hit {
            session: session.clone(),
            id,
            event,
            text,
        }));
        if hits.len() == MOST {
            break;
        }
    }
    Ok(hits)
}

/// The numbers and names of all sessions.
async fn sessions(transaction: &mut Transaction<'_>) -> Result<Vec<(i64, String)>, Fault> {
    let all = "SELECT id, name, title, cipher FROM session WHERE deleted = 0 ORDER BY touched DESC";
    let all = transaction.sql(all);
    let rows = transaction.all(all).await?;
    let sessions = rows.iter().map(|row| {
        let id = row.try_get(0)?;
        Ok((id, names::read(transaction.seal, id, row)?))
    });
    sessions.collect()
}

/// The numbers and texts of the events of a session that have all phrases, the newest first.
async fn found(
    transaction: &mut Transaction<'_>,
    session: i64,
    wanted: &[Vec<String>],
    most: usize,
) -> Result<Vec<(u64, String)>, Fault> {
    let own = "SELECT seq, id, body, sum, cipher FROM event WHERE session_id = $1
        ORDER BY seq DESC";
    let own = transaction.sql(own).bind(session);
    let mut rows = own.fetch(&mut *transaction.connection);
    let mut found = Vec::new();
    while found.len() < most
        && let Some(row) = rows.try_next().await?
    {
        let stored = read::stored(transaction.seal, session, &row)?;
        let text = record::words(&stored.event);
        if has_all(&tokens(&text), wanted) {
            found.push((stored.seq.max(0) as u64, text));
        }
    }
    Ok(found)
}

/// The words of a text, in small letters.
fn tokens(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Whether a text has each of the phrases: a word like `1,345` is two that follow each other.
fn has_all(text: &[String], wanted: &[Vec<String>]) -> bool {
    let has = |phrase: &Vec<String>| {
        phrase.is_empty() || text.windows(phrase.len()).any(|words| words == phrase)
    };
    wanted.iter().all(has)
}
