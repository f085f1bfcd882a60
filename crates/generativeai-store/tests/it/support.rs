//! Support for the tests: new databases of both kinds, and chats to write into them.

pub(crate) mod child;
pub(crate) mod disk;
pub(crate) mod watch;

use std::env;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use generativeai::testing::Scripted;
use generativeai::{ChatSession, Error, ErrorKind, GenerativeModel};
use generativeai_store::{Key, Session, Store};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Connection, Row};
use tempfile::TempDir;

/// The variable with the address of a PostgreSQL server, in which the tests create databases.
const POSTGRES: &str = "GENERATIVEAI_TEST_POSTGRES";

/// An SQLite store of each schema version. CONTRIBUTING.md states how to make one.
const SQLITE_STORES: [&str; 3] = [
    include_str!("../fixtures/v1.sqlite.sql"),
    include_str!("../fixtures/v2.sqlite.sql"),
    include_str!("../fixtures/v3.sqlite.sql"),
];

/// A PostgreSQL store of each schema version.
const POSTGRES_STORES: [&str; 4] = [
    include_str!("../fixtures/v1.postgres.sql"),
    include_str!("../fixtures/v2.postgres.sql"),
    include_str!("../fixtures/v3.postgres.sql"),
    include_str!("../fixtures/v4.postgres.sql"),
];

/// A database for one test.
pub(crate) struct TestDatabase {
    pub(crate) address: String,
    /// The key that the store is opened with.
    pub(crate) key: Option<Key>,
    _folder: Option<TempDir>,
}

impl TestDatabase {
    pub(crate) fn sqlite() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    /// Returns an existing SQLite file.
    pub(crate) fn at(file: &Path) -> Self {
        Self {
            address: format!("sqlite:{}", file.display()),
            key: None,
            _folder: None,
        }
    }

    fn within(folder: TempDir) -> Self {
        let database = Self::at(&folder.path().join("chats.sqlite"));
        Self {
            _folder: Some(folder),
            ..database
        }
    }

    /// Returns a file in RAM where possible. It survives a killed process, and syncing it takes no time.
    pub(crate) fn in_ram() -> Self {
        let memory = Path::new("/dev/shm");
        Self::within(match memory.is_dir() {
            true => tempfile::tempdir_in(memory).unwrap(),
            false => tempfile::tempdir().unwrap(),
        })
    }

    /// Returns a new PostgreSQL database; `None`, with a warning, if there is no server.
    pub(crate) async fn postgres() -> Option<Self> {
        let server = postgres_server()?;
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{count}", std::process::id());
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        let (before, query) = server.split_once('?').unwrap_or((&server, ""));
        let host = before.rsplit_once('/').unwrap().0;
        Some(Self {
            address: format!("{host}/{name}?{query}"),
            key: None,
            _folder: None,
        })
    }

    /// Returns a plain database of each kind.
    pub(crate) async fn plain() -> Vec<Self> {
        std::iter::once(Self::sqlite())
            .chain(Self::postgres().await)
            .collect()
    }

    /// Returns an encrypted database of each kind.
    pub(crate) async fn encrypted() -> Vec<Self> {
        let mut databases = Self::plain().await;
        for database in &mut databases {
            database.key = Some(key(1));
        }
        databases
    }

    /// Returns a plain and an encrypted database of each kind.
    pub(crate) async fn all() -> Vec<Self> {
        let mut databases = Self::plain().await;
        databases.extend(Self::encrypted().await);
        databases
    }

    pub(crate) async fn open(&self) -> Store {
        let opened = match &self.key {
            Some(key) => Store::open_encrypted(&self.address, key).await,
            None => Store::open(&self.address).await,
        };
        opened.unwrap()
    }

    /// Runs SQL that changes the tables.
    pub(crate) async fn execute(&self, sql: &str) {
        execute(&self.address, sql).await;
    }

    /// Loads the fixture of a schema version; nothing for version 0.
    pub(crate) async fn fixture(&self, version: usize) {
        if let Some(path) = self.address.strip_prefix("sqlite:") {
            std::fs::write(path, "").unwrap();
        }
        if version > 0 {
            self.execute(self.fixtures()[version - 1]).await;
        }
    }

    /// Returns a store of each schema version, the newest last.
    pub(crate) fn fixtures(&self) -> &'static [&'static str] {
        match self.address.starts_with("sqlite:") {
            true => &SQLITE_STORES,
            false => &POSTGRES_STORES,
        }
    }

    /// Returns whether a query succeeds.
    pub(crate) async fn accepts(&self, sql: &str) -> bool {
        let mut connection = AnyConnection::connect(&self.address).await.unwrap();
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(false);
        let done = query.fetch_all(&mut connection).await;
        connection.close().await.unwrap();
        done.is_ok()
    }

    /// Returns the statement that turns foreign keys off, for tests that damage rows.
    pub(crate) fn without_foreign_keys(&self) -> &'static str {
        match self.address.starts_with("sqlite:") {
            true => "PRAGMA foreign_keys = OFF;",
            false => "",
        }
    }

    /// Formats bytes as an SQL literal.
    pub(crate) fn literal(&self, bytes: &[u8]) -> String {
        let digits = hex::encode(bytes);
        match self.address.starts_with("sqlite:") {
            true => format!("X'{digits}'"),
            false => format!("'\\x{digits}'"),
        }
    }

    /// Returns the text that a query selects, empty if it selects no row.
    pub(crate) async fn text(&self, sql: &str) -> String {
        let row = self.first(sql).await;
        row.map_or(String::new(), |row| row.try_get(0).unwrap_or_default())
    }

    /// Returns the bytes that a query selects.
    pub(crate) async fn bytes(&self, sql: &str) -> Vec<u8> {
        self.first(sql).await.unwrap().get(0)
    }

    /// Counts the rows of a table, or those for which a condition holds: `event WHERE seq = 2`.
    pub(crate) async fn count(&self, rows: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {rows}");
        self.first(&sql).await.unwrap().get(0)
    }

    /// Returns the version of the tables.
    pub(crate) async fn version(&self) -> i64 {
        let sql = "SELECT version FROM schema_version";
        self.first(sql).await.unwrap().get(0)
    }

    /// Returns the first row of a query.
    async fn first(&self, sql: &str) -> Option<AnyRow> {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&self.address).await.unwrap();
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(false);
        let row = match self.address.starts_with("sqlite:") {
            true => query.fetch_optional(&mut connection).await.unwrap(),
            false => {
                // A pooler may switch connections between statements, but not in a transaction.
                let mut transaction = connection.begin().await.unwrap();
                let row = query.fetch_optional(&mut *transaction).await.unwrap();
                transaction.commit().await.unwrap();
                row
            }
        };
        connection.close().await.unwrap();
        row
    }
}

/// Returns the address of the PostgreSQL server, if any.
pub(crate) fn postgres_server() -> Option<String> {
    static WARNED: OnceLock<()> = OnceLock::new();
    let server = env::var(POSTGRES).ok();
    if server.is_none() {
        WARNED.get_or_init(|| {
            let message = format!(
                "NOT TESTED: PostgreSQL. {POSTGRES} is not set; scripts/test starts a server and sets it"
            );
            // The test harness captures `eprintln!`, but not this.
            let mut stderr = std::io::stderr();
            std::io::Write::write_all(&mut stderr, format!("\n{message}\n\n").as_bytes()).unwrap();
        });
    }
    server
}

pub(crate) async fn execute(address: &str, sql: &str) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(address).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// Returns a fixed key.
pub(crate) fn key(number: u8) -> Key {
    Key::from_bytes([number; 32])
}

pub(crate) fn model(script: Scripted) -> GenerativeModel {
    GenerativeModel::new("m").backend(script)
}

/// Returns a model that answers `0`, `1`, …, up to a number of answers.
pub(crate) fn counting_model(answers: usize) -> GenerativeModel {
    let script = Scripted::default();
    model((0..answers).fold(script, |script, answer| {
        script.then_text(answer.to_string())
    }))
}

pub(crate) fn texts(chat: &ChatSession) -> Vec<String> {
    let contents = chat.history().iter();
    let text =
        |part: &generativeai::protocol::content::Part| part.as_text().unwrap_or("?").to_owned();
    contents.map(|content| text(&content.parts[0])).collect()
}

/// Lists the names of the sessions of a store.
pub(crate) async fn names(store: &Store) -> Vec<String> {
    let sessions = store.list().await.unwrap().into_iter();
    sessions.map(|session| session.name).collect()
}

/// Reads the texts of the history that a session has stored.
pub(crate) async fn stored_texts(session: &Session) -> Vec<String> {
    texts(&session.chat(&counting_model(0)).await.unwrap())
}

/// Polls a future whenever it is woken, up to a number of times. Returns whether it was ready.
pub(crate) async fn poll_times<F: Future + Unpin>(mut future: F, polls: usize) -> bool {
    use std::task::Poll;
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match std::pin::Pin::new(&mut future).poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            // Returns without waiting for another wake-up.
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

pub(crate) fn assert_kind<T: std::fmt::Debug>(done: Result<T, Error>, kind: ErrorKind) -> Error {
    let error = done.unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    error
}
