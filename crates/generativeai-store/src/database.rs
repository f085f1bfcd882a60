//! The database: connections, transactions, and trying again what passes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use generativeai::{Error, ErrorKind, Result};
use sqlx::any::{Any, AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::fault::Fault;
use crate::key::Key;
use crate::seal::Seal;
use crate::transaction::{Kind, Transaction};
use crate::{keys, place, schema};

/// How long work that others are in the way of is tried again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a transaction may take: after that the database counts as gone.
const LIMIT: Duration = Duration::from_secs(60);
/// The pause before the first new attempt; each one after it is twice as long.
const PAUSE: Duration = Duration::from_millis(20);

/// A database of sessions.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) kind: Kind,
    pub(crate) seal: Seal,
    pool: AnyPool,
    /// SQLite has one writer at a time: those of this process wait here, first come, first served.
    writing: Mutex<()>,
    runtime: Handle,
}

impl Database {
    /// Opens a database with its key, if it has one.
    pub(crate) async fn open(address: &str, key: Option<&Key>) -> Result<Arc<Self>> {
        let this = Self::connect(address).await?;
        let what = "the store cannot be opened";
        let given = key.cloned();
        let known = this.read(what.to_owned(), move |mut transaction| {
            let key = given.clone();
            Box::pin(async move { keys::unlock(&mut transaction, key.as_ref()).await })
        });
        let seal = match (known.await?, key.cloned()) {
            (Some(seal), _) => seal,
            (None, None) => Seal::default(),
            (None, Some(key)) => {
                let made = this.write(what.to_owned(), move |mut transaction| {
                    let key = key.clone();
                    Box::pin(async move { keys::encrypt(&mut transaction, &key).await })
                });
                made.await?
            }
        };
        Ok(this.with(seal))
    }

    /// The same database, read and written another way.
    pub(crate) fn with(&self, seal: Seal) -> Arc<Self> {
        Arc::new(Self {
            kind: self.kind,
            seal,
            pool: self.pool.clone(),
            writing: Mutex::new(()),
            runtime: self.runtime.clone(),
        })
    }

    /// Brings the tables up to date, and reads no row of them.
    pub(crate) async fn connect(address: &str) -> Result<Arc<Self>> {
        sqlx::any::install_default_drivers();
        let Ok(runtime) = Handle::try_current() else {
            let message = "a store is opened within a tokio runtime";
            return Err(Error::new(ErrorKind::Configuration, message));
        };
        let (kind, url) = place::read_address(address)?;
        let connected = runtime.spawn(Self::pool(kind, url));
        let pool = connected.await.map_err(stopped)??;
        Ok(Arc::new(Self {
            kind,
            seal: Seal::default(),
            pool,
            writing: Mutex::new(()),
            runtime,
        }))
    }

    async fn pool(kind: Kind, url: String) -> Result<AnyPool> {
        let what = "the store cannot be opened";
        let told = |error: sqlx::Error| Fault::from(error).explain(what);
        let options: AnyConnectOptions = url.parse().map_err(told)?;
        let options = options.disable_statement_logging();
        patiently(what, || Box::pin(prepare(kind, &options))).await?;
        let in_memory = url.ends_with(":memory:");
        let pool = AnyPoolOptions::new()
            .max_connections(if in_memory { 1 } else { 4 })
            .acquire_timeout(PATIENCE)
            .idle_timeout((!in_memory).then_some(Duration::from_secs(60)))
            .max_lifetime(None::<Duration>)
            .after_connect(move |connection, _| Box::pin(set_up(kind, connection)))
            .connect_lazy_with(options);
        if in_memory {
            let mut connection = pool.acquire().await.map_err(told)?;
            let migrated = schema::migrate(kind, &mut connection).await;
            migrated.map_err(|fault| fault.explain(what))?;
        }
        Ok(pool)
    }

    /// Does work in a transaction of its own, in a task of its own: it ends well or not at all, even if
    /// nobody waits for it any longer.
    ///
    /// It may be done more than once, also after it came off: the answer may have been lost.
    pub(crate) async fn write<T, W>(self: &Arc<Self>, what: String, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'a> Fn(Transaction<'a>) -> BoxFuture<'a, Result<T, Fault>>,
        W: Send + Sync + 'static,
    {
        let this = Arc::clone(self);
        let task = async move {
            // Taken before each attempt, so that the pauses in between are for others.
            let attempt = || async {
                let _turn = match this.kind {
                    Kind::Sqlite => Some(this.writing.lock().await),
                    Kind::Postgres => None,
                };
                this.once(this.kind.begin_writing(), &work).await
            };
            patiently(&what, || Box::pin(in_time(attempt()))).await
        };
        self.runtime.spawn(task).await.map_err(stopped)?
    }

    /// Does work that only reads, on one state of the database.
    pub(crate) async fn read<T, W>(self: &Arc<Self>, what: String, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'a> Fn(Transaction<'a>) -> BoxFuture<'a, Result<T, Fault>>,
        W: Send + Sync + 'static,
    {
        let this = Arc::clone(self);
        let task = async move {
            let begin = this.kind.begin_reading();
            patiently(&what, || Box::pin(in_time(this.once(begin, &work)))).await
        };
        self.runtime.spawn(task).await.map_err(stopped)?
    }

    async fn once<T, W>(&self, begin: &'static str, work: &W) -> Result<T, Fault>
    where
        W: for<'a> Fn(Transaction<'a>) -> BoxFuture<'a, Result<T, Fault>>,
    {
        let mut held = Held {
            connection: self.pool.acquire().await?,
            is_sound: false,
        };
        let mut transaction = held.connection.begin_with(begin).await?;
        let done = work(Transaction {
            kind: self.kind,
            seal: &self.seal,
            connection: &mut transaction,
        });
        let done = done.await;
        let ended = match &done {
            Ok(_) => transaction.commit().await,
            Err(_) => transaction.rollback().await,
        };
        held.is_sound = ended.is_ok();
        let done = done?;
        ended?;
        Ok(done)
    }
}

/// A connection with a transaction on it. One whose transaction did not end well, or was dropped, does not
/// go back to the pool: SQLite may have ended it by itself, and the driver would not know.
struct Held {
    connection: PoolConnection<Any>,
    is_sound: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.is_sound {
            self.connection.close_on_drop();
        }
    }
}

/// Prepares a database that may be new, on a connection of its own: that of a pool would be tried over
/// and over, and its error be lost.
async fn prepare(kind: Kind, options: &AnyConnectOptions) -> Result<(), Fault> {
    let mut connection = timeout(PATIENCE, AnyConnection::connect_with(options))
        .await
        .map_err(|_| sqlx::Error::PoolTimedOut)??;
    let is_behind = in_time(async {
        if kind == Kind::Sqlite {
            sqlx::raw_sql("PRAGMA journal_mode = WAL")
                .execute(&mut connection)
                .await?;
        }
        set_up(kind, &mut connection).await?;
        schema::is_behind(&mut connection).await
    });
    if is_behind.await? {
        // As long as it takes: a store may be large.
        schema::migrate(kind, &mut connection).await?;
    }
    connection.close().await?;
    Ok(())
}

async fn set_up(kind: Kind, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    if kind == Kind::Sqlite {
        sqlx::raw_sql("PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000")
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Tries work until it comes off, fails for good, or patience ends.
async fn patiently<'a, T>(
    what: &str,
    work: impl Fn() -> BoxFuture<'a, Result<T, Fault>>,
) -> Result<T> {
    let start = Instant::now();
    let mut pause = PAUSE;
    loop {
        match work().await {
            Err(fault) if fault.passes() && start.elapsed() + pause < PATIENCE => {
                sleep(pause).await;
                pause *= 2;
            }
            done => return done.map_err(|fault| fault.explain(what)),
        }
    }
}

/// Gives work up that takes too long.
async fn in_time<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(LIMIT, work).await.unwrap_or(Err(Fault::Overdue))
}

/// The task of some work ended before the work did.
fn stopped(error: tokio::task::JoinError) -> Error {
    let message = "the runtime in which the store was opened has ended";
    Error::new(ErrorKind::Storage, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_takes_too_long_ends_and_says_so() {
        let work =
            || -> BoxFuture<'_, Result<(), Fault>> { Box::pin(in_time(std::future::pending())) };
        let start = Instant::now();
        let error = patiently("it cannot be done", work).await.unwrap_err();

        assert_eq!(start.elapsed().as_secs(), LIMIT.as_secs());
        assert_eq!(error.kind(), ErrorKind::Storage);
        let told = "it cannot be done: the database took more than a minute";
        assert_eq!(error.to_string(), told);
    }
}
