//! Searching where there is no index: every session of an encrypted store is read.

use futures_util::TryStreamExt;
use sqlx::Row;

use crate::fault::Fault;
use crate::names;
use crate::read;
use crate::record;
use crate::search::{Hit, MOST};
use crate::transaction::Transaction;

/// Finds what has all these words, the session written last first.
pub(crate) async fn search(
    transaction: &mut Transaction<'_>,
    words: &str,
) -> Result<Vec<Hit>, Fault> {
    let wanted: Vec<Vec<String>> = words.split_whitespace().map(tokens).collect();
    let mut hits = Vec::new();
    if wanted.iter().all(Vec::is_empty) {
        return Ok(hits);
    }
    let all = "SELECT id, name, title, cipher FROM session WHERE deleted = 0 ORDER BY touched DESC";
    let all = transaction.sql(all);
    for row in transaction.all(all).await? {
        let id: i64 = row.try_get(0)?;
        let session = names::read(transaction.seal, id, &row)?;
        let own = "SELECT seq, id, body, sum, cipher FROM event WHERE session_id = $1
            ORDER BY seq DESC";
        let own = transaction.sql(own).bind(id);
        let seal = transaction.seal;
        let mut rows = own.fetch(&mut *transaction.connection);
        while let Some(row) = rows.try_next().await? {
            let stored = read::stored(seal, id, &row)?;
            let text = record::words(&stored.event);
            if has_all(&tokens(&text), &wanted) {
                hits.push(Hit {
                    session: session.clone(),
                    id,
                    event: stored.seq.max(0) as u64,
                    text,
                });
            }
            if hits.len() == MOST {
                return Ok(hits);
            }
        }
    }
    Ok(hits)
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
