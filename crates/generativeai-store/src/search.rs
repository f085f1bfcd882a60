//! Searching what was said.

use generativeai::Result;
use sqlx::Row;

use crate::fault::Fault;
use crate::store::Store;
use crate::transaction::{Kind, Transaction};
use crate::{names, scan};

/// The most hits a search gives.
pub(crate) const MOST: usize = 1_000;

/// A message or reply in which all words were found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hit {
    /// The name of its session; its number if it has none.
    pub session: String,
    /// The number of its session.
    pub id: i64,
    /// The number of the event, from 1: a [fork](crate::Session::fork) at it begins with it.
    pub event: u64,
    /// What is said there.
    pub text: String,
}

impl Store {
    /// Finds messages and replies that have all these words, the newest first; 1,000 at most.
    ///
    /// Large and small letters are the same. What was taken back is found as well, thoughts are not; of a
    /// message the first 256 KiB are searched. What a fork shares is found in the session it was said in.
    ///
    /// An [encrypted](Self::open_encrypted) store is read from end to end for it, one session after the
    /// other, the one written last first.
    ///
    /// # Errors
    /// In an encrypted store [`Corrupt`](generativeai::ErrorKind::Corrupt) if an event or a name is damaged:
    /// the message has the number of the session. A name is mended as in [`list`](Self::list).
    pub async fn search(&self, words: &str) -> Result<Vec<Hit>> {
        let words = words.replace('\0', " ");
        if words.trim().is_empty() {
            return Ok(Vec::new());
        }
        let what = "the store cannot be searched".to_owned();
        if self.database.seal.key().is_some() {
            return scan::search(&self.database, &what, &words).await;
        }
        let found = self.database.read(what, move |mut transaction| {
            let words = words.clone();
            Box::pin(async move { indexed(&mut transaction, &words).await })
        });
        found.await
    }
}

/// Searches by the index of the database.
async fn indexed(transaction: &mut Transaction<'_>, words: &str) -> Result<Vec<Hit>, Fault> {
    // Each word in quotes: nothing in it has a meaning of its own.
    let quoted = |word: &str| format!("\"{}\"", word.replace('"', "\"\""));
    let words = match transaction.kind {
        Kind::Sqlite => {
            let words: Vec<String> = words.split_whitespace().map(quoted).collect();
            words.join(" ")
        }
        Kind::Postgres => words.to_lowercase(),
    };
    let find = transaction.either(
        "SELECT session.name, session.id, said.seq, said.text
         FROM said_words JOIN said ON said.id = said_words.rowid
           JOIN session ON session.id = said.session_id
         WHERE said_words MATCH $1 AND session.deleted = 0
         ORDER BY said.id DESC LIMIT $2",
        "SELECT session.name, session.id, said.seq, said.text
         FROM said JOIN session ON session.id = said.session_id
         WHERE said.words @@ plainto_tsquery('simple', $1)
           AND session.deleted = 0
         ORDER BY said.id DESC LIMIT $2",
    );
    let rows = transaction.all(find.bind(words).bind(MOST as i64)).await?;
    let hits = rows.iter().map(|row| {
        let id: i64 = row.try_get(1)?;
        Ok(Hit {
            session: names::read(transaction.seal, id, row)?,
            id,
            event: row.try_get::<i64, _>(2)?.max(0) as u64,
            text: row.try_get(3)?,
        })
    });
    hits.collect()
}
