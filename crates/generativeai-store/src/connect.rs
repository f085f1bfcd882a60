//! Connecting: a pool of connections to a database whose tables are up to date.

use std::time::Duration;

use generativeai::Result;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection};
use tokio::time::timeout;

use crate::error::TransactionError;
use crate::retry::{RETRY_TIME, retry, with_time_limit};
use crate::transaction::DatabaseKind;
use crate::{location, schema};

/// The number of connections of a pool. SQLite has one writer at a time, so more would mostly wait.
const CONNECTIONS: u32 = 4;
/// Time after which an idle connection is closed.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// Connections to a database.
pub(crate) struct Connections {
    pub(crate) pool: AnyPool,
    /// Idle connection that keeps a database in memory while the pool has none: after a failed commit, the pool closes
    /// its connection.
    pub(crate) memory: Option<AnyConnection>,
}

/// Connects to a database, and creates or migrates its tables.
pub(crate) async fn connect(kind: DatabaseKind, url: &str) -> Result<Connections> {
    let context = "the store cannot be opened";
    let failed = |error: sqlx::Error| TransactionError::from(error).into_error(context);
    let options: AnyConnectOptions = url.parse().map_err(failed)?;
    let options = options.disable_statement_logging();
    let memory = if url.ends_with(location::IN_MEMORY) {
        Some(
            AnyConnection::connect_with(&options)
                .await
                .map_err(failed)?,
        )
    } else {
        None
    };
    retry(context, || migrate(kind, &options)).await?;
    let pool = AnyPoolOptions::new()
        // Connections to a database in memory lock its tables, and do not wait for each other.
        .max_connections(if memory.is_some() { 1 } else { CONNECTIONS })
        .acquire_timeout(RETRY_TIME)
        .idle_timeout(IDLE_TIME)
        .max_lifetime(None::<Duration>)
        .after_connect(move |connection, _| Box::pin(configure(kind, connection)))
        // `migrate` has just connected, so an unreachable database was reported already.
        .connect_lazy_with(options);
    Ok(Connections { pool, memory })
}

/// Prepares a database that may be new.
///
/// It uses a connection outside the pool, since a pool retries a failed connection until its timeout and
/// drops the error.
async fn migrate(kind: DatabaseKind, options: &AnyConnectOptions) -> Result<(), TransactionError> {
    let mut connection = timeout(RETRY_TIME, AnyConnection::connect_with(options))
        .await
        .map_err(|_| sqlx::Error::PoolTimedOut)??;
    let needs_migration = with_time_limit(async {
        if kind == DatabaseKind::Sqlite {
            // Stored in the file, unlike the settings of `configure`.
            sqlx::raw_sql("PRAGMA journal_mode = WAL")
                .execute(&mut connection)
                .await?;
        }
        configure(kind, &mut connection).await?;
        schema::needs_migration(kind, &mut connection).await
    });
    if needs_migration.await? {
        // Without a time limit: the store may be large.
        schema::migrate(kind, &mut connection).await?;
    }
    connection.close().await?;
    Ok(())
}

/// Applies the settings that SQLite keeps for each connection.
///
/// `synchronous = FULL` syncs the log with every commit; with less a power cut loses the last commits. `busy_timeout`
/// waits for writers in other processes. Those in this process wait in the queue of `Database`.
async fn configure(kind: DatabaseKind, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    if kind == DatabaseKind::Sqlite {
        sqlx::raw_sql("PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000")
            .execute(connection)
            .await?;
    }
    Ok(())
}
