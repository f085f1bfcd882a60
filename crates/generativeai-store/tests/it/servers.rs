//! PostgreSQL servers that restart, terminate connections, are locked, or cannot be reached.

use std::path::Path;
use std::process::Command;

use generativeai::ErrorKind;
use generativeai_store::Store;
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::support::{
    TestDatabase, assert_kind, counting_model, execute, postgres_server, stored_texts,
};

/// A PostgreSQL server for one test, which may restart it.
struct Server {
    folder: TempDir,
    address: String,
}

impl Server {
    /// Starts a server. Returns `None`, with a warning, if PostgreSQL is not installed.
    fn start() -> Option<Self> {
        postgres_server()?;
        let folder = tempfile::tempdir().unwrap();
        let address = script("start", folder.path()).trim().to_owned();
        Some(Self { folder, address })
    }

    fn restart(&self) {
        script("restart", self.folder.path());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        script("stop", self.folder.path());
    }
}

fn script(what: &str, folder: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres");
    let done = Command::new(script).arg(what).arg(folder).output().unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{what}: {errors}");
    String::from_utf8(done.stdout).unwrap()
}

/// Writes turns and reports each one, until the receiver is dropped. Returns the number of turns.
async fn write_turns(store: Store, name: &str, reports: UnboundedSender<()>) -> usize {
    let session = store.new_session(name).await.unwrap();
    let mut chat = session.chat(&counting_model(10_000)).await.unwrap();
    let mut turns = 0;
    while reports.send(()).is_ok() {
        chat.send_message(turns.to_string()).await.unwrap();
        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
        turns += 1;
    }
    turns
}

async fn assert_stored(store: &Store, name: &str, turns: usize) {
    let texts = stored_texts(&store.session(name).await.unwrap()).await;
    let expected: Vec<String> = (0..turns)
        .flat_map(|turn| [turn, turn])
        .map(|n| n.to_string())
        .collect();
    assert_eq!(texts, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn restarting_the_server_during_writes_loses_no_turn_and_duplicates_none() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = Store::open(&server.address).await.unwrap();
    let (reports, mut turns) = unbounded_channel();
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let (store, reports) = (store.clone(), reports.clone());
        writers.spawn(async move {
            let name = format!("w{writer}");
            let turns = write_turns(store, &name, reports).await;
            (name, turns)
        });
    }
    let restarts = tokio::task::spawn_blocking(move || {
        for _ in 0..5 {
            (0..50).for_each(|_| turns.blocking_recv().unwrap());
            server.restart();
        }
        (0..50).for_each(|_| turns.blocking_recv().unwrap());
        server
    });
    let _server = restarts.await.unwrap();

    let mut all = 0;
    while let Some(done) = writers.join_next().await {
        let (name, turns) = done.unwrap();
        assert_stored(&store, &name, turns).await;
        all += turns;
    }
    assert!(all >= 300, "{all}");
}

/// Returns the name of a database on the server of the tests.
fn name_of(database: &TestDatabase) -> &str {
    let name = database.address.rsplit('/').next().unwrap();
    name.trim_end_matches('?')
}

#[tokio::test(flavor = "multi_thread")]
async fn terminating_connections_loses_no_turn_and_duplicates_none() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let store = database.open().await;
    let (reports, mut turns) = unbounded_channel();
    let writer = tokio::spawn(write_turns(store.clone(), "one", reports));
    let server = postgres_server().unwrap();
    let name = name_of(&database);
    let terminate = format!(
        "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = '{name}'"
    );
    for _ in 0..60 {
        turns.recv().await.unwrap();
        execute(&server, &terminate).await;
    }
    drop(turns);

    let turns = writer.await.unwrap();
    assert!(turns >= 60, "{turns}");
    assert_stored(&store, "one", turns).await;
}

/// After a failover, the connections of a pool may lead to a server that has become read-only.
#[tokio::test]
async fn a_write_on_a_read_only_connection_is_retried_on_a_new_one() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let session = database.open().await.new_session("one").await.unwrap();
    let server = postgres_server().unwrap();
    let setting = format!(
        "ALTER DATABASE {} SET default_transaction_read_only =",
        name_of(&database)
    );
    execute(&server, &format!("{setting} on")).await;
    let store = database.open().await;
    let read_only = store.session("one").await.unwrap();
    let mut chat = read_only.chat(&counting_model(1)).await.unwrap();
    execute(&server, &format!("{setting} off")).await;

    chat.send_message("a").await.unwrap();
    assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
    assert_eq!(stored_texts(&session).await, ["a", "0"]);
}

#[tokio::test]
async fn the_wait_for_a_locked_table_is_limited_and_the_store_works_afterwards() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let store = database.open().await;
    let session = store.new_session("one").await.unwrap();
    let mut chat = session.chat(&counting_model(3)).await.unwrap();
    chat.send_message("a").await.unwrap();
    let mut other = AnyConnection::connect(&database.address).await.unwrap();
    let mut lock = other.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE session IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();

    // From here on the clock advances whenever all tasks wait.
    tokio::time::pause();
    let mut readers = JoinSet::new();
    for _ in 0..20 {
        let session = session.clone();
        readers.spawn(async move { session.info().await.map(drop) });
    }
    while let Some(read) = readers.join_next().await {
        assert_kind(read.unwrap(), ErrorKind::Storage);
    }
    chat.send_message("b").await.unwrap();
    assert_eq!(chat.unsaved().unwrap().kind(), ErrorKind::Storage);
    tokio::time::resume();
    lock.rollback().await.unwrap();

    chat.send_message("c").await.unwrap();
    assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
    assert_eq!(stored_texts(&session).await, ["a", "0", "b", "1", "c", "2"]);
}

#[tokio::test]
async fn the_error_for_an_unreachable_server_does_not_contain_the_password() {
    let address = "postgres://somebody:sesame@127.0.0.1:1/chats";
    tokio::time::pause();
    let error = assert_kind(Store::open(address).await, ErrorKind::Storage);

    let mut shown = format!("{error:#?}");
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(source) = cause {
        shown.push_str(&source.to_string());
        cause = source.source();
    }
    assert!(!shown.contains("sesame"), "{shown}");
}
