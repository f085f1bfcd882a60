//! `Transaction`: a transaction of either database, and the SQL that differs between the two.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::stream::BoxStream;
use sqlx::any::{Any, AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{AnyConnection, Error};

use crate::encryption::Encryption;

/// The parameters of a statement.
pub(crate) type Params = AnyArguments;

/// Encodes values as the [`Params`] of a statement: `$1`, `$2` and so on.
macro_rules! params {
    () => {
        $crate::transaction::Params::default()
    };
    ($($value:expr),+ $(,)?) => {{
        let mut params = $crate::transaction::Params::default();
        $(sqlx::Arguments::add(&mut params, $value).map_err(sqlx::Error::Encode)?;)+
        params
    }};
}
pub(crate) use params;

/// Adds a lock of the rows to a query, if its transaction writes. In SQLite a writing transaction is alone.
macro_rules! for_update {
    ($tx:expr, $select:literal) => {
        match ($tx.kind, $tx.access) {
            ($crate::transaction::DatabaseKind::Postgres, $crate::transaction::Access::Write) => {
                concat!($select, " FOR UPDATE")
            }
            _ => $select,
        }
    };
}
pub(crate) use for_update;

/// The database system of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    /// A file, or memory. It has one writer at a time; a transaction that writes is alone.
    Sqlite,
    /// A server. Transactions that write run concurrently, and lock the rows they depend on.
    Postgres,
}

/// Access of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads one snapshot of the database.
    Read,
    /// Reads and writes.
    Write,
}

impl DatabaseKind {
    /// Returns the statement that begins a transaction.
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

    /// Returns the statement for this database, where the two need different ones.
    pub(crate) fn choose(self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }
}

/// A transaction on a connection of the pool.
///
/// Parameters are bound in order, and columns are read by name.
pub(crate) struct Transaction<'a> {
    /// SQLite or PostgreSQL, for statements that differ.
    pub(crate) kind: DatabaseKind,
    /// Whether the transaction writes.
    pub(crate) access: Access,
    /// Encryption of the values of the store.
    pub(crate) encryption: &'a Encryption,
    /// The connection, inside the transaction.
    pub(crate) connection: &'a mut AnyConnection,
}

impl Transaction<'_> {
    /// Runs a statement. Returns the number of rows that it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        params: Params,
    ) -> Result<u64, Error> {
        let query = self.query(sql, params);
        let done = query.execute(&mut *self.connection).await?;
        Ok(done.rows_affected())
    }

    /// Returns the first row of a query, if any.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: &'static str,
        params: Params,
    ) -> Result<Option<AnyRow>, Error> {
        let query = self.query(sql, params);
        query.fetch_optional(&mut *self.connection).await
    }

    /// Returns all rows of a query.
    pub(crate) async fn fetch_all(
        &mut self,
        sql: &'static str,
        params: Params,
    ) -> Result<Vec<AnyRow>, Error> {
        let query = self.query(sql, params);
        query.fetch_all(&mut *self.connection).await
    }

    /// Returns the rows of a query one by one, so that they need not be in memory together.
    pub(crate) fn fetch(
        &mut self,
        sql: &'static str,
        params: Params,
    ) -> BoxStream<'_, Result<AnyRow, Error>> {
        let query = self.query(sql, params);
        query.fetch(&mut *self.connection)
    }

    /// Builds a query.
    fn query(&self, sql: &'static str, params: Params) -> Query<'static, Any, Params> {
        // Named statements of PostgreSQL belong to a connection. They fail behind a pooler such as
        // PgBouncer, which switches connections between transactions.
        sqlx::query_with(sql, params).persistent(self.kind == DatabaseKind::Sqlite)
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
