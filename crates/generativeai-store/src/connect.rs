//! Connecting: a pool of connections to a database whose tables are up to date.

use std::time::Duration;

use generativeai::Result;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection};
use tokio::time::timeout;

use crate::error::TransactionError;
use crate::retry::{RETRY_TIME, retry, with_time_limit};
use crate::schema;
use crate::transaction::DatabaseKind;

/// The number of connections of a pool. SQLite has one writer at a time, so more would mostly wait.
const CONNECTIONS: u32 = 4;
/// Time after which an idle connection is closed.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// Connects to a database, and creates or migrates its tables.
pub(crate) async fn connect(kind: DatabaseKind, url: &str) -> Result<AnyPool> {
    let context = "the store cannot be opened";
    let failed = |error: sqlx::Error| TransactionError::from(error).into_error(context);
    let options: AnyConnectOptions = url.parse().map_err(failed)?;
    let options = options.disable_statement_logging();
    // A database in memory exists once for each connection, and disappears with it: the pool has one
    // connection and never closes it.
    let in_memory = url.ends_with(":memory:");
    if !in_memory {
        retry(context, || migrate(kind, &options)).await?;
    }
    let pool = AnyPoolOptions::new()
        .max_connections(if in_memory { 1 } else { CONNECTIONS })
        .acquire_timeout(RETRY_TIME)
        .idle_timeout((!in_memory).then_some(IDLE_TIME))
        .max_lifetime(None::<Duration>)
        .after_connect(move |connection, _| Box::pin(configure(kind, connection)))
        // `migrate` has just connected, so an unreachable database was reported already.
        .connect_lazy_with(options);
    if in_memory {
        let mut connection = pool.acquire().await.map_err(failed)?;
        let migrated = schema::migrate(kind, &mut connection).await;
        migrated.map_err(|error| error.into_error(context))?;
    }
    Ok(pool)
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
        schema::needs_migration(&mut connection).await
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
