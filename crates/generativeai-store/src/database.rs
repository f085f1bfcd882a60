//! `Database`: runs work in transactions, each in a task, with retries.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use generativeai::{Error, ErrorKind, Result};
use sqlx::any::Any;
use sqlx::pool::PoolConnection;
use sqlx::{AnyConnection, AnyPool, Connection};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::connect::{Connections, connect};
use crate::encryption::Encryption;
use crate::error::TransactionError;
use crate::key::Key;
use crate::retry::{retry, with_time_limit};
use crate::transaction::{Access, DatabaseKind, Transaction};
use crate::{key_table, location};

/// A function that works in a transaction. Its input is borrowed: a retry calls it again.
///
/// It is a function pointer, so a closure passed for it captures nothing, and all it needs is in the
/// input: `|tx, (id, name)| Box::pin(rename(tx, *id, name))`.
pub(crate) type Work<I, T> =
    for<'a> fn(&'a mut Transaction<'_>, &'a I) -> BoxFuture<'a, Result<T, TransactionError>>;

/// A database of sessions. A clone shares the connections.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    /// SQLite or PostgreSQL.
    pub(crate) kind: DatabaseKind,
    /// Encryption of values. Plain until the key of the store has been checked.
    pub(crate) encryption: Arc<Encryption>,
    pool: AnyPool,
    /// Keeps a database in memory. Never used, and in a mutex only since a connection is not `Sync`.
    _memory: Arc<Mutex<Option<AnyConnection>>>,
    /// SQLite has one writer at a time. Writers of this process queue here, first come, first served;
    /// SQLite's own waiting polls, and starves some of them. The value is the start of the last attempt that failed
    /// because another process has locked the database.
    write_queue: Arc<Mutex<Option<Instant>>>,
    /// The runtime that the store was opened in. The connections belong to it, so all work runs there.
    runtime: Handle,
}

impl Database {
    /// Opens a database. With a key, one that is new becomes encrypted.
    pub(crate) async fn open(address: &str, key: Option<&Key>) -> Result<Self> {
        let database = Self::connect(address).await?;
        let context = "the store cannot be opened";
        let unlocked = database.read(context, key.cloned(), |tx, key| {
            Box::pin(key_table::unlock(tx, key.as_ref()))
        });
        let encryption = match (unlocked.await?, key) {
            (Some(encryption), _) => encryption,
            (None, None) => Encryption::default(),
            (None, Some(key)) => {
                let encrypted = database.write(context, key.clone(), |tx, key| {
                    Box::pin(key_table::encrypt_new_store(tx, key))
                });
                encrypted.await?
            }
        };
        Ok(database.with_encryption(encryption))
    }

    /// Connects to a database and brings its tables up to date, without a key.
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let Ok(runtime) = Handle::try_current() else {
            let message = "a store must be opened inside a tokio runtime";
            return Err(Error::new(ErrorKind::Configuration, message));
        };
        let (kind, url) = location::parse(address)?;
        let connected = runtime.spawn(async move { connect(kind, &url).await });
        let Connections { pool, memory } = connected.await.map_err(runtime_stopped)??;
        Ok(Self {
            kind,
            encryption: Arc::default(),
            pool,
            _memory: Arc::new(Mutex::new(memory)),
            write_queue: Arc::default(),
            runtime,
        })
    }

    /// Returns the same database with another encryption.
    pub(crate) fn with_encryption(self, encryption: Encryption) -> Self {
        Self {
            encryption: Arc::new(encryption),
            ..self
        }
    }

    /// Runs work that only reads, on one snapshot of the database. `context` begins the message of an
    /// error: `session 3 cannot be read`.
    pub(crate) async fn read<I: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: impl Into<String>,
        input: I,
        work: Work<I, T>,
    ) -> Result<T> {
        self.run(Access::Read, context.into(), input, work).await
    }

    /// Runs work that writes, all of it or nothing.
    ///
    /// The work must be idempotent: it is retried when the reply to a commit is lost, and the commit may
    /// have succeeded.
    pub(crate) async fn write<I: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: impl Into<String>,
        input: I,
        work: Work<I, T>,
    ) -> Result<T> {
        self.run(Access::Write, context.into(), input, work).await
    }

    /// Runs work in a task of the store's runtime. The caller may be dropped at any time, or run in
    /// another runtime; the transaction finishes all the same, and its connection returns to the pool.
    async fn run<I: Send + Sync + 'static, T: Send + 'static>(
        &self,
        access: Access,
        context: String,
        input: I,
        work: Work<I, T>,
    ) -> Result<T> {
        let database = self.clone();
        let task = async move {
            let attempt = async || {
                let queued = Instant::now();
                // Held for one attempt only, so that other writers run during the backoff. The time in the queue does
                // not count for the limit: each writer before this one has its own.
                let mut queue = match (database.kind, access) {
                    (DatabaseKind::Sqlite, Access::Write) => {
                        Some(database.write_queue.lock().await)
                    }
                    _ => None,
                };
                let begun = Instant::now();
                // The attempt would wait for the lock in turn, and the last of a hundred writers for minutes.
                if queue.as_deref().copied().flatten() >= Some(queued) {
                    return Err(TransactionError::Busy);
                }
                let outcome = with_time_limit(database.attempt(access, &input, work)).await;
                if let Some(queue) = &mut queue
                    && outcome.as_ref().is_err_and(TransactionError::is_busy)
                {
                    **queue = Some(begun);
                }
                outcome
            };
            retry(&context, attempt).await
        };
        self.runtime.spawn(task).await.map_err(runtime_stopped)?
    }

    /// Runs work in one transaction. Commits it if the work succeeds, and rolls it back otherwise.
    async fn attempt<I, T>(
        &self,
        access: Access,
        input: &I,
        work: Work<I, T>,
    ) -> Result<T, TransactionError> {
        let mut lease = Lease {
            connection: self.pool.acquire().await?,
            is_reusable: false,
        };
        let begin = self.kind.begin(access);
        let mut transaction = lease.connection.begin_with(begin).await?;
        let mut tx = Transaction {
            kind: self.kind,
            access,
            encryption: &self.encryption,
            connection: &mut transaction,
        };
        let outcome = work(&mut tx, input).await;
        let ended = match outcome {
            Ok(_) => transaction.commit().await,
            Err(_) => transaction.rollback().await,
        };
        // After a failover this connection may lead to a read-only server, and another one not.
        let is_read_only = outcome.as_ref().is_err_and(TransactionError::is_read_only);
        lease.is_reusable = ended.is_ok() && !is_read_only;
        let value = outcome?;
        ended?;
        Ok(value)
    }
}

/// A connection borrowed from the pool.
///
/// It returns to the pool only if its transaction ended, and not on a read-only server. After an error, or when the
/// attempt was cancelled, SQLite may have rolled the transaction back already; the driver would not know, and the next
/// user of the connection would fail. Such a connection is closed.
struct Lease {
    connection: PoolConnection<Any>,
    is_reusable: bool,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_reusable {
            self.connection.close_on_drop();
        }
    }
}

/// Converts the error of a task that ended before its work did.
fn runtime_stopped(error: tokio::task::JoinError) -> Error {
    let message = "the runtime that the store was opened in has stopped";
    Error::new(ErrorKind::Storage, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::transaction::params;

    #[tokio::test]
    async fn a_database_in_memory_survives_a_failed_commit() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        let execute = |sql: &'static str| {
            database.write("it fails", sql, |tx, sql| {
                Box::pin(async { Ok(tx.execute(sql, params!()).await?) })
            })
        };
        execute("CREATE TABLE t (a)").await.unwrap();

        // The transaction has ended before its commit.
        assert!(execute("ROLLBACK").await.is_err());

        assert_eq!(execute("INSERT INTO t VALUES (1)").await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_writer_that_waited_as_long_as_a_busy_one_fails_too_and_is_retried() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        let mut queue = database.write_queue.clone().lock_owned().await;
        tokio::time::pause();

        let work = database.write("it fails", (), |_, ()| Box::pin(async { Ok(()) }));
        // Longer than the limits for an attempt and for retries: the time in the queue does not count for them.
        let busy = async {
            tokio::time::sleep(Duration::from_mins(2)).await;
            tokio::time::resume();
            *queue = Some(Instant::now());
            drop(queue);
            Instant::now()
        };
        let (written, freed) = tokio::join!(work, busy);

        written.unwrap();
        // The backoff, without jitter.
        assert!(freed.elapsed() >= Duration::from_millis(10));
    }

    #[tokio::test]
    async fn a_locked_file_is_reported_to_the_queue_of_writers() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("chats.sqlite").display());
        let database = Database::connect(&address).await.unwrap();
        let mut connection = database.pool.acquire().await.unwrap();
        let wait = sqlx::raw_sql("PRAGMA busy_timeout = 1");
        wait.execute(&mut *connection).await.unwrap();
        drop(connection);
        while database.pool.num_idle() == 0 {
            tokio::task::yield_now().await;
        }
        let mut other = AnyConnection::connect(&address).await.unwrap();
        let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();

        let work = database.write("it fails", (), |_, ()| Box::pin(async { Ok(()) }));
        let unlock = async {
            while database.write_queue.lock().await.is_none() {
                tokio::task::yield_now().await;
            }
            lock.rollback().await.unwrap();
        };
        let both = async { tokio::join!(work, unlock) };
        let (written, ()) = tokio::time::timeout(Duration::from_secs(30), both)
            .await
            .expect("the writer reports the lock");

        written.unwrap();
    }

    #[tokio::test]
    async fn a_race_keeps_the_connection_and_is_not_reported_to_the_queue_of_writers() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        let execute = |sql: &'static str| {
            database.write("it fails", sql, |tx, sql| {
                Box::pin(async { Ok(tx.execute(sql, params!()).await?) })
            })
        };
        // It belongs to the connection.
        execute("CREATE TEMP TABLE t (a)").await.unwrap();

        let is_first = AtomicBool::new(true);
        let race = database.write("it fails", is_first, |_, is_first| {
            Box::pin(async {
                match is_first.swap(false, Ordering::Relaxed) {
                    true => Err(TransactionError::Raced),
                    false => Ok(()),
                }
            })
        });
        race.await.unwrap();

        assert_eq!(execute("INSERT INTO t VALUES (1)").await.unwrap(), 1);
        assert_eq!(*database.write_queue.lock().await, None);
    }
}
