//! A transaction, and how either database is spoken to in it.

use sqlx::any::{Any, AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{AnyConnection, Error};

use crate::seal::Seal;

/// A statement that is being put together.
pub(crate) type Sql = Query<'static, Any, AnyArguments>;

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub(crate) fn begin_writing(self) -> &'static str {
        match self {
            // Without it a transaction that reads first may find, when it writes, that it cannot.
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    pub(crate) fn begin_reading(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

/// A transaction in a store.
pub(crate) struct Transaction<'a> {
    pub(crate) kind: Kind,
    pub(crate) seal: &'a Seal,
    pub(crate) connection: &'a mut AnyConnection,
}

impl Transaction<'_> {
    pub(crate) fn sql(&self, text: &'static str) -> Sql {
        // Named statements of PostgreSQL do not survive a pooler that changes connections.
        sqlx::query(text).persistent(self.kind == Kind::Sqlite)
    }

    /// One of two statements.
    pub(crate) fn either(&self, sqlite: &'static str, postgres: &'static str) -> Sql {
        self.sql(match self.kind {
            Kind::Sqlite => sqlite,
            Kind::Postgres => postgres,
        })
    }

    /// Runs a statement; gives how many rows it changed.
    pub(crate) async fn run(&mut self, sql: Sql) -> Result<u64, Error> {
        let done = sql.execute(&mut *self.connection).await?;
        Ok(done.rows_affected())
    }

    /// The first row of a query, if it has one.
    pub(crate) async fn first(&mut self, sql: Sql) -> Result<Option<AnyRow>, Error> {
        sql.fetch_optional(&mut *self.connection).await
    }

    /// All rows of a query.
    pub(crate) async fn all(&mut self, sql: Sql) -> Result<Vec<AnyRow>, Error> {
        sql.fetch_all(&mut *self.connection).await
    }
}
