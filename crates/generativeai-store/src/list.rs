//! Listing sessions: all of them, those of a prefix, or page by page.

use std::fmt;

use futures_util::TryStreamExt;
use generativeai::{BoxFuture, Result};

use crate::database::Database;
use crate::error::TransactionError;
use crate::info::{self, SessionInfo, select_info};
use crate::names;
use crate::store::Store;
use crate::transaction::{DatabaseKind, Transaction, params};

impl Store {
    /// Lists sessions, the most recently written first. All of them, unless [`prefix`](ListSessions::prefix) or
    /// [`limit`](ListSessions::limit) is called.
    ///
    /// # Errors
    /// In an encrypted store [`Corrupt`](generativeai::ErrorKind::Corrupt) if a name is damaged: the message contains
    /// the number of the session. [Find](Self::session_by_id) it by that number, and
    /// [rename](crate::Session::rename) it.
    ///
    /// ```
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// store.new_session("hills").await?;
    /// store.new_session("mountains").await?;
    /// let names: Vec<String> = store.list().await?.into_iter().map(|info| info.name).collect();
    /// assert_eq!(names, ["mountains", "hills"]);
    /// # Ok(()) }
    /// ```
    pub fn list(&self) -> ListSessions {
        ListSessions {
            database: self.database.clone(),
            prefix: String::new(),
            before: i64::MAX,
            limit: usize::MAX,
        }
    }
}

/// A list of sessions to request, from [`Store::list`]. `.await` reads it.
///
/// ```
/// use generativeai_store::Store;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let store = Store::open("sqlite::memory:").await?;
/// for name in ["user-17/hills", "user-2/lakes", "user-17/mountains", "user-17/valleys"] {
///     store.new_session(name).await?;
/// }
///
/// // The first page of a user, and the next one.
/// let page = store.list().prefix("user-17/").limit(2).await?;
/// assert_eq!([&page[0].name, &page[1].name], ["user-17/valleys", "user-17/mountains"]);
/// let next = store.list().prefix("user-17/").limit(2).start_after(page[1].position).await?;
/// assert_eq!(next.len(), 1); // fewer than the limit: the last page
/// assert_eq!(next[0].name, "user-17/hills");
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "nothing is read until it is awaited"]
pub struct ListSessions {
    database: Database,
    /// The beginning of the names of the sessions. If it is empty, sessions without a name are listed too.
    prefix: String,
    /// The positions of the sessions are less than this.
    before: i64,
    /// The maximum number of sessions.
    limit: usize,
}

impl ListSessions {
    /// Lists only sessions whose names begin with `prefix`, such as `user-17/`. Case matters, and no character is a
    /// wildcard. Sessions without a name have no prefix. An empty prefix lists all sessions.
    ///
    /// End the prefix with a character that separates it from the rest: `user-1` is also the beginning of `user-17`.
    ///
    /// The database finds the names by an index, so the time depends on the number of sessions with the prefix, not on
    /// the size of the store. An [encrypted](Store::open_encrypted) store has no such index: it decrypts the names of
    /// all sessions.
    ///
    /// # Errors
    /// In an encrypted store [`Corrupt`](generativeai::ErrorKind::Corrupt) if the name of any session is damaged, also
    /// of one without the prefix.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Lists at most `limit` sessions.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Continues a list after the session with this [position](SessionInfo::position): the last one of the page before.
    ///
    /// No session is listed twice. A session that is written between two pages moves to the front of the list, so the
    /// later pages do not contain it.
    pub fn start_after(mut self, position: u64) -> Self {
        self.before = i64::try_from(position).unwrap_or(i64::MAX);
        self
    }
}

impl IntoFuture for ListSessions {
    type Output = Result<Vec<SessionInfo>>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let context = "the store cannot be read";
            let database = self.database.clone();
            let listed = database.read(context, self, |tx, list| Box::pin(read(tx, list)));
            listed.await
        })
    }
}

/// Omits the prefix: a name may be confidential.
impl fmt::Debug for ListSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListSessions")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Reads the sessions of a list.
async fn read(
    tx: &mut Transaction<'_>,
    list: &ListSessions,
) -> Result<Vec<SessionInfo>, TransactionError> {
    let ListSessions {
        prefix,
        before,
        limit,
        ..
    } = list;
    // PostgreSQL accepts no NUL characters in a parameter, and no name has one.
    if prefix.contains('\0') {
        return Ok(Vec::new());
    }
    let encryption = tx.encryption;
    let rows = i64::try_from(*limit).unwrap_or(i64::MAX);
    let select = select_info!("AND touched < $1 ORDER BY touched DESC LIMIT $2");
    let mut rows = if prefix.is_empty() {
        tx.fetch(select, params![*before, rows])
    } else if encryption.is_on() {
        // Encrypted names are compared below.
        tx.fetch(select, params![*before, i64::MAX])
    } else {
        let upper_bound = names::upper_bound(prefix);
        let select = select_by_prefix(tx.kind);
        tx.fetch(select, params![&**prefix, upper_bound, *before, rows])
    };
    let mut sessions = Vec::new();
    while sessions.len() < *limit
        && let Some(row) = rows.try_next().await?
    {
        let session = info::decode(encryption, &row)?;
        // A session without a name is called by its number, which has no prefix.
        let is_named = || session.name != session.id.to_string();
        if prefix.is_empty() || (session.name.starts_with(prefix) && is_named()) {
            sessions.push(session);
        }
    }
    Ok(sessions)
}

/// Returns the query for the sessions whose names are between `$1` and `$2` by their bytes.
///
/// The plus signs hide `touched` from the planner. By the index of `touched`, the query would read all sessions of the
/// store if fewer than `$4` have the prefix, and the planner cannot know that.
fn select_by_prefix(kind: DatabaseKind) -> &'static str {
    kind.choose(
        select_info!(
            "AND name >= $1 AND name <= $2 AND +touched < $3 ORDER BY +touched DESC LIMIT $4"
        ),
        // The index `session_name` has this collation. The one of the database may ignore punctuation.
        select_info!(
            "AND name COLLATE \"C\" >= $1 AND name COLLATE \"C\" <= $2 AND +touched < $3
             ORDER BY +touched DESC LIMIT $4"
        ),
    )
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;

    #[tokio::test]
    async fn sqlite_finds_the_names_of_a_prefix_by_their_index() {
        let database = Database::open("sqlite::memory:", None).await.unwrap();
        let plan = database.read("it fails", (), |tx, ()| {
            Box::pin(async {
                let explain = format!("EXPLAIN QUERY PLAN {}", select_by_prefix(tx.kind));
                let params = params!["a", "b", 9, 9];
                let rows = tx.fetch_all(explain.leak(), params).await?;
                let details: Result<Vec<String>, _> =
                    rows.iter().map(|row| row.try_get("detail")).collect();
                Ok(details?)
            })
        });

        let plan = plan.await.unwrap();
        let index = "SEARCH session USING INDEX sqlite_autoindex_session_2 (name>? AND name<?)";
        assert_eq!(plan[0], index, "{plan:?}");
    }
}
