//! `Transaction`: a transaction of either database, and the SQL that differs between the two.

use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::AnyConnection;
use sqlx::any::{Any, AnyArguments};
use sqlx::query::Query;

use crate::encryption::Encryption;

/// An SQL statement with its parameters.
pub(crate) type Statement = Query<'static, Any, AnyArguments>;

/// The database system of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    Sqlite,
    Postgres,
}

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl DatabaseKind {
    /// The statement that begins a transaction.
    pub(crate) fn begin(self, access: Access) -> &'static str {
        match (self, access) {
            (Self::Sqlite, Access::Read) => "BEGIN",
            // Takes the write lock at once. After a plain BEGIN the first write fails with SQLITE_BUSY if
            // another connection has committed since the first read, and waiting does not help.
            (Self::Sqlite, Access::Write) => "BEGIN IMMEDIATE",
            // All statements read one snapshot, as in SQLite.
            (Self::Postgres, Access::Read) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            (Self::Postgres, Access::Write) => "BEGIN",
        }
    }
}

/// A transaction on a connection of the pool.
///
/// Queries read their columns by name. Parameters are bound in the order of `$1`, `$2`, …
pub(crate) struct Transaction<'a> {
    pub(crate) kind: DatabaseKind,
    pub(crate) encryption: &'a Encryption,
    pub(crate) connection: &'a mut AnyConnection,
}

impl Transaction<'_> {
    /// Prepares a statement that both databases accept.
    pub(crate) fn sql(&self, text: &'static str) -> Statement {
        // Named statements of PostgreSQL belong to a connection. They fail behind a pooler such as
        // PgBouncer, which switches connections between transactions.
        sqlx::query(text).persistent(self.kind == DatabaseKind::Sqlite)
    }

    /// Prepares the statement for the database in use.
    pub(crate) fn sql_for(&self, sqlite: &'static str, postgres: &'static str) -> Statement {
        self.sql(match self.kind {
            DatabaseKind::Sqlite => sqlite,
            DatabaseKind::Postgres => postgres,
        })
    }
}

/// Returns the time in seconds since 1970, for the columns that are shown to users.
///
/// The order of events and sessions never depends on it: clocks of different machines differ.
pub(crate) fn now() -> i64 {
    to_seconds(SystemTime::now())
}

/// Converts a time to whole seconds since 1970; 0 for earlier times.
pub(crate) fn to_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
