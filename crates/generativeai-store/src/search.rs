//! Searching messages and replies: by the index of the database, or by reading an encrypted store.

use std::fmt;

use futures_util::TryStreamExt;
use generativeai::{BoxFuture, Result};
use sqlx::Row;

use crate::contents::searchable_text;
use crate::error::TransactionError;
use crate::store::Store;
use crate::transaction::{DatabaseKind, Transaction, params};
use crate::{events, names};

/// The maximum number of hits of a search.
const MAX_HITS: usize = 1_000;

/// A message or reply that contains all words of a [search](Store::search).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hit {
    /// The name of the session, or its number as text if it has no name.
    pub session: String,
    /// The number of the session.
    pub id: i64,
    /// The number of the event in the session, from 1. `session.fork(name, Some(event))` creates a fork
    /// that ends with this event, `Some(event - 1)` one that ends before it.
    pub event: u64,
    /// The text of the event, without thoughts, up to 256 KiB.
    pub text: String,
}

impl Store {
    /// Finds messages, replies and summaries that contain all these words, in any order. `.await` returns the newest
    /// first, 1,000 at most. [`prefix`](SearchMessages::prefix) selects the sessions of one user.
    ///
    /// Case is ignored, and a word matches whole words only. Accents are significant, except in a plain SQLite store,
    /// whose index ignores them: there `nevis` finds `Névis`, too. Messages of undone turns are found as well; thoughts
    /// are not. Only the first 256 KiB of a message are searched. Events that forks share are found once, in the session
    /// they were written in.
    ///
    /// An [encrypted](Self::open_encrypted) store has no index. It is read completely, one session after
    /// the other, the last written first; the time grows with the store.
    ///
    /// # Errors
    /// In an encrypted store [`Corrupt`](generativeai::ErrorKind::Corrupt) if an event or a name is
    /// damaged: the message contains the number of the session.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// # let session = store.new_session("mountains").await?;
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("1,345 metres."));
    /// session.chat(&model).await?.send_message("How tall is Ben Nevis?").await?;
    /// let hits = store.search("nevis tall").await?;
    /// assert_eq!((hits[0].session.as_str(), hits[0].event), ("mountains", 1));
    /// assert_eq!(hits[0].text, "How tall is Ben Nevis?");
    /// # Ok(()) }
    /// ```
    pub fn search(&self, words: &str) -> SearchMessages {
        SearchMessages {
            store: self.clone(),
            // PostgreSQL accepts no NUL characters in a parameter.
            words: words.replace('\0', " "),
            prefix: String::new(),
            limit: MAX_HITS,
        }
    }
}

/// A search to run, from [`Store::search`]. `.await` runs it.
///
/// ```
/// use generativeai::protocol::content::Content;
/// use generativeai_store::Store;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let store = Store::open("sqlite::memory:").await?;
/// for name in ["user-1/hills", "user-17/hills"] {
///     store.import_contents(name, [Content::user("How tall is Ben Nevis?")]).await?;
/// }
/// let hits = store.search("nevis").prefix("user-17/").limit(50).await?;
/// assert_eq!(hits.len(), 1);
/// assert_eq!(hits[0].session, "user-17/hills");
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "nothing is searched until it is awaited"]
pub struct SearchMessages {
    store: Store,
    words: String,
    /// The beginning of the names of the sessions.
    prefix: String,
    /// The maximum number of hits.
    limit: usize,
}

impl SearchMessages {
    /// Searches only sessions whose names begin with `prefix`. The names are compared as in a
    /// [list](crate::ListSessions::prefix).
    ///
    /// The index finds the words in all sessions first, so the time depends on the number of their hits in the store.
    ///
    /// # Errors
    /// In an [encrypted](Store::open_encrypted) store [`Corrupt`](generativeai::ErrorKind::Corrupt) if the name of any
    /// session is damaged, also of one without the prefix.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Returns at most `limit` hits, and at most 1,000.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.min(MAX_HITS);
        self
    }
}

impl IntoFuture for SearchMessages {
    type Output = Result<Vec<Hit>>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            if self.words.trim().is_empty() || self.prefix.contains('\0') {
                return Ok(Vec::new());
            }
            let database = self.store.database.clone();
            if database.encryption.is_on() {
                return scan(&self).await;
            }
            let context = "the store cannot be searched";
            let found = database.read(context, self, |tx, search| {
                Box::pin(search_index(tx, search))
            });
            found.await
        })
    }
}

/// Omits the words and the prefix: they may be confidential.
impl fmt::Debug for SearchMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SearchMessages")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Searches by reading every session. Each session is read in a separate transaction, since reading all of them may
/// exceed the time limit of a transaction.
async fn scan(search: &SearchMessages) -> Result<Vec<Hit>> {
    let store = &search.store;
    let phrases: Vec<Vec<String>> = search.words.split_whitespace().map(tokenize).collect();
    let mut hits = Vec::new();
    if phrases.iter().all(Vec::is_empty) {
        return Ok(hits);
    }
    let context = "the store cannot be searched";
    for session in store.list().prefix(&search.prefix).await? {
        let input = (session.id, phrases.clone(), search.limit - hits.len());
        let found = store
            .database
            .read(context, input, |tx, (id, phrases, limit)| {
                Box::pin(scan_session(tx, *id, phrases, *limit))
            });
        hits.extend(found.await?.into_iter().map(|(event, text)| Hit {
            session: session.name.clone(),
            id: session.id,
            event,
            text,
        }));
        if hits.len() == search.limit {
            break;
        }
    }
    Ok(hits)
}

/// Searches by the full-text index of the database.
async fn search_index(
    tx: &mut Transaction<'_>,
    search: &SearchMessages,
) -> Result<Vec<Hit>, TransactionError> {
    let (words, prefix) = (&search.words, &search.prefix);
    let words = match tx.kind {
        // Each word as a quoted string: inside quotes no character is an operator of FTS5.
        DatabaseKind::Sqlite => words
            .split_whitespace()
            .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
            .collect::<Vec<_>>()
            .join(" "),
        // As in the index: lower case by Unicode, whatever the locale of the database.
        DatabaseKind::Postgres => words.to_lowercase(),
    };
    let select = tx.kind.choose(
        "SELECT session.id, session.name, said.seq, said.text
         FROM said_words JOIN said ON said.id = said_words.rowid
           JOIN session ON session.id = said.session_id
         WHERE said_words MATCH $1 AND session.deleted = 0
           AND ($3 = '' OR session.name BETWEEN $3 AND $4)
         ORDER BY said.id DESC LIMIT $2",
        "SELECT session.id, session.name, said.seq, said.text
         FROM said JOIN session ON session.id = said.session_id
         WHERE said.words @@ plainto_tsquery('simple', $1) AND session.deleted = 0
           AND ($3 = '' OR session.name COLLATE \"C\" BETWEEN $3 AND $4)
         ORDER BY said.id DESC LIMIT $2",
    );
    let values = params![
        words,
        search.limit as i64,
        &**prefix,
        names::upper_bound(prefix)
    ];
    let rows = tx.fetch_all(select, values).await?;
    rows.iter()
        .map(|row| {
            let id = row.try_get("id")?;
            Ok(Hit {
                session: names::read(tx.encryption, id, row)?,
                id,
                event: row.try_get::<i64, _>("seq")?.max(0) as u64,
                text: row.try_get("text")?,
            })
        })
        .collect()
}

/// Returns number and text of the events of a session that contain all phrases, newest first.
async fn scan_session(
    tx: &mut Transaction<'_>,
    session: i64,
    phrases: &[Vec<String>],
    limit: usize,
) -> Result<Vec<(u64, String)>, TransactionError> {
    let encryption = tx.encryption;
    let select = "SELECT seq, id, body, sum, cipher FROM event
        WHERE session_id = $1 ORDER BY seq DESC";
    let mut rows = tx.fetch(select, params![session]);
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.try_next().await?
    {
        let stored = events::decode(encryption, session, &row)?;
        let text = searchable_text(&stored.event);
        if contains_all(&tokenize(&text), phrases) {
            found.push((stored.seq.max(0) as u64, text));
        }
    }
    Ok(found)
}

/// Splits the text into words in lower case, at the same places as the indexes of the databases do.
fn tokenize(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Returns whether the text contains each phrase. A word such as `1,345` is a phrase of two words.
fn contains_all(text: &[String], phrases: &[Vec<String>]) -> bool {
    phrases.iter().all(|phrase| {
        phrase.is_empty() || text.windows(phrase.len()).any(|window| window == phrase)
    })
}
