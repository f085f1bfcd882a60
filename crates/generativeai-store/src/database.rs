//! The database: connections, transactions, and trying again what passes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use generativeai::{Error, ErrorKind, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::any::{Any, AnyArguments, AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::fault::Fault;
use crate::{place, schema};

/// How long work that others are in the way of is tried again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long work may take in all: after that the database counts as gone.
const LIMIT: Duration = Duration::from_secs(60);
/// The pause before the first new attempt; each one after it is twice as long.
const PAUSE: Duration = Duration::from_millis(20);
/// What stands in an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

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

    fn begin_reading(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// One of two statements.
    pub(crate) fn choose(self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }

    pub(crate) fn sql(self, text: &'static str) -> Sql {
        // Named statements of PostgreSQL do not survive a pooler that changes connections.
        sqlx::query(text).persistent(self == Self::Sqlite)
    }
}

/// A database of sessions.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) kind: Kind,
    pool: AnyPool,
    /// SQLite has one writer at a time: those of this process wait here, first come, first served.
    writing: Mutex<()>,
    runtime: Handle,
}

impl Database {
    pub(crate) async fn open(address: &str) -> Result<Arc<Self>> {
        sqlx::any::install_default_drivers();
        let Ok(runtime) = Handle::try_current() else {
            let message = "a store is opened within a tokio runtime";
            return Err(Error::new(ErrorKind::Configuration, message));
        };
        let (kind, url) = read_address(address)?;
        let opened = runtime.spawn(Self::connect(kind, url, runtime.clone()));
        opened.await.map_err(stopped)?
    }

    async fn connect(kind: Kind, url: String, runtime: Handle) -> Result<Arc<Self>> {
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
        Ok(Arc::new(Self {
            kind,
            pool,
            writing: Mutex::new(()),
            runtime,
        }))
    }

    /// Does work in a transaction of its own, in a task of its own: it ends well or not at all, even if
    /// nobody waits for it any longer.
    ///
    /// It may be done more than once, also after it came off: the answer may have been lost.
    pub(crate) async fn write<T, W>(self: &Arc<Self>, what: String, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'a> Fn(&'a mut AnyConnection) -> BoxFuture<'a, Result<T, Fault>>,
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
            patiently(&what, || Box::pin(attempt())).await
        };
        self.runtime.spawn(task).await.map_err(stopped)?
    }

    /// Does work that only reads, on one state of the database.
    pub(crate) async fn read<T, W>(self: &Arc<Self>, what: String, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'a> Fn(&'a mut AnyConnection) -> BoxFuture<'a, Result<T, Fault>>,
        W: Send + Sync + 'static,
    {
        let this = Arc::clone(self);
        let task = async move {
            let begin = this.kind.begin_reading();
            patiently(&what, || Box::pin(this.once(begin, &work))).await
        };
        self.runtime.spawn(task).await.map_err(stopped)?
    }

    async fn once<T, W>(&self, begin: &'static str, work: &W) -> Result<T, Fault>
    where
        W: for<'a> Fn(&'a mut AnyConnection) -> BoxFuture<'a, Result<T, Fault>>,
    {
        let mut held = Held {
            connection: self.pool.acquire().await?,
            is_sound: false,
        };
        let mut transaction = held.connection.begin_with(begin).await?;
        let done = work(&mut transaction).await;
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

/// The kind of a database, and its address as the driver reads it.
fn read_address(address: &str) -> Result<(Kind, String)> {
    if let Some(path) = address.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path == ":memory:" {
            return Ok((Kind::Sqlite, "sqlite::memory:".to_owned()));
        }
        let file = match std::path::absolute(path) {
            Ok(file) if !path.is_empty() => file,
            _ => return Err(bad_address()),
        };
        place::prepare(&file)?;
        return Ok((Kind::Sqlite, sqlite_url(&file)?));
    }
    if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        return Ok((Kind::Postgres, address.to_owned()));
    }
    Err(bad_address())
}

pub(crate) fn sqlite_url(file: &Path) -> Result<String> {
    let Some(path) = file.to_str() else {
        let message = format!("the path `{}` is not Unicode: use another", file.display());
        return Err(Error::new(ErrorKind::Configuration, message));
    };
    Ok(format!(
        "sqlite://{}?mode=rwc",
        utf8_percent_encode(path, PLAIN)
    ))
}

/// The address is not shown: it may have a password.
fn bad_address() -> Error {
    let message = "the address of a store is `sqlite:PATH` or `postgres://USER@HOST/DATABASE`";
    Error::new(ErrorKind::Configuration, message)
}

/// Prepares a database that may be new, on a connection of its own: that of a pool would be tried over
/// and over, and its error be lost.
async fn prepare(kind: Kind, options: &AnyConnectOptions) -> Result<(), Fault> {
    let mut connection = timeout(PATIENCE, AnyConnection::connect_with(options))
        .await
        .map_err(|_| sqlx::Error::PoolTimedOut)??;
    if kind == Kind::Sqlite {
        sqlx::raw_sql("PRAGMA journal_mode = WAL")
            .execute(&mut connection)
            .await?;
    }
    set_up(kind, &mut connection).await?;
    schema::migrate(kind, &mut connection).await?;
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
        let done = timeout(LIMIT, work())
            .await
            .unwrap_or(Err(Fault::Database(sqlx::Error::PoolTimedOut)));
        match done {
            Err(fault) if fault.passes() && start.elapsed() + pause < PATIENCE => {
                sleep(pause).await;
                pause *= 2;
            }
            done => return done.map_err(|fault| fault.explain(what)),
        }
    }
}

/// The task of some work ended before the work did.
fn stopped(error: tokio::task::JoinError) -> Error {
    let message = "the runtime in which the store was opened has ended";
    Error::new(ErrorKind::Storage, message).because(error)
}
