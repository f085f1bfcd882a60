//! The tables and their migrations: SQL scripts, one for each version of a database.
//!
//! # Adding a column to `session`
//!
//! 1. Write the scripts of a new version in `schema/`, which also set the column of existing rows. Add them to
//!    [`SQLITE`] and [`POSTGRES`], and a store of that version to `tests/fixtures` (CONTRIBUTING.md states how).
//! 2. Write it in `create::insert_row`, and where it changes: in `append`, or in `names`.
//! 3. If users see it, add it to [`SessionInfo`](crate::SessionInfo), to the query and to `decode` in `info`, and to
//!    `session_list.rs` of the program.
//! 4. If events depend on it, add it to [`SessionRow`](crate::session_row::SessionRow). Checksums of existing rows do not
//!    cover it.
//! 5. If it contains something that a user wrote, clear it in `delete::delete`: the row of a deleted session remains
//!    while forks share its events.
//! 6. If it is encrypted, add it to [`Field`](crate::cipher::Field) and to `rotate`. The key number in the column
//!    `cipher` belongs to `title` alone so far. Statements that write `title` and `cipher` must write the new column too.
//! 7. If an export contains it, add it to `transfer::Header` as an optional member.
//! 8. State in SECURITY.md what an encrypted store reveals of it, and whether a change is detected.

use generativeai::{Error, ErrorKind};
use sqlx::{AnyConnection, Connection, Row};

use crate::error::{Result, TransactionError};
use crate::transaction::{Access, DatabaseKind};

/// The migrations of SQLite. The first creates version 1, each later one brings a version to the next.
///
/// The statements of a released script never change: stores in use were created by them. Each database has its own
/// number of versions, since a new version locks older programs out.
const SQLITE: [&str; 3] = [
    include_str!("schema/1.sqlite.sql"),
    include_str!("schema/2.sqlite.sql"),
    include_str!("schema/3.sqlite.sql"),
];

/// The migrations of PostgreSQL, under the same rules.
const POSTGRES: [&str; 4] = [
    include_str!("schema/1.postgres.sql"),
    include_str!("schema/2.postgres.sql"),
    include_str!("schema/3.postgres.sql"),
    include_str!("schema/4.postgres.sql"),
];

/// Returns the migrations of a database.
fn migrations(kind: DatabaseKind) -> &'static [&'static str] {
    match kind {
        DatabaseKind::Sqlite => &SQLITE,
        DatabaseKind::Postgres => &POSTGRES,
    }
}

/// The key of the advisory lock that migrations of PostgreSQL take. Its value is arbitrary, and the same
/// in every version of this crate.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7305820117)";

/// Returns whether the tables are missing or older than this crate. Takes no lock: usually no migration is needed.
///
/// # Errors
/// [`ErrorKind::TooNew`] if a newer version of this crate migrated the tables.
pub(crate) async fn needs_migration(
    kind: DatabaseKind,
    connection: &mut AnyConnection,
) -> Result<bool> {
    match version(connection).await {
        Ok(version) => is_old(kind, version),
        // The table with the version is missing. A real failure comes back when the migration begins.
        Err(_) => Ok(true),
    }
}

/// Creates the tables, or brings them to the newest version, in one transaction.
///
/// Programs that migrate at the same time wait for each other; the first one does the work.
pub(crate) async fn migrate(kind: DatabaseKind, connection: &mut AnyConnection) -> Result<()> {
    let mut transaction = connection.begin_with(kind.begin(Access::Write)).await?;
    if kind == DatabaseKind::Postgres {
        // In SQLite BEGIN IMMEDIATE is the lock.
        sqlx::raw_sql(LOCK).execute(&mut *transaction).await?;
    }
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        .execute(&mut *transaction)
        .await?;
    let version = version(&mut transaction).await?;
    if is_old(kind, version)? {
        for script in &migrations(kind)[version..] {
            sqlx::raw_sql(*script).execute(&mut *transaction).await?;
        }
        sqlx::raw_sql("DELETE FROM schema_version")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
            .bind(migrations(kind).len() as i64)
            .persistent(false)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Reads the version of the tables; 0 if there are none.
///
/// The statement is not a named one: with PostgreSQL these fail behind a pooler.
async fn version(connection: &mut AnyConnection) -> Result<usize> {
    let row = sqlx::query("SELECT version FROM schema_version")
        .persistent(false)
        .fetch_optional(connection)
        .await?;
    let version: i64 = row.map_or(Ok(0), |row| row.try_get("version"))?;
    usize::try_from(version)
        .map_err(|_| TransactionError::corrupt("the version of the tables is negative"))
}

/// Returns whether tables of a version have to be migrated.
///
/// # Errors
/// [`ErrorKind::TooNew`] for a version that this crate does not know.
fn is_old(kind: DatabaseKind, version: usize) -> Result<bool> {
    let newest = migrations(kind).len();
    if version > newest {
        let message = format!(
            "the store has schema version {version}, this program supports versions up to \
             {newest}: update the program"
        );
        return Err(Error::new(ErrorKind::TooNew, message).into());
    }
    Ok(version < newest)
}
