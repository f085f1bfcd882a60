//! A PostgreSQL that goes away, comes back, throws us out, or has no time.

use std::path::Path;
use std::process::Command;

use generativeai::ErrorKind;
use generativeai_store::Store;
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::support::{Place, assert_kind, counting, execute, postgres_server, stored};

/// A server of one test alone, which it may restart.
struct Server {
    folder: TempDir,
    address: String,
}

impl Server {
    /// Starts one; `None` if there is no PostgreSQL, of which the support has told.
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

/// Writes turns until nobody listens, each of which it tells; gives how many were acknowledged.
async fn write_on(store: Store, name: &str, told: UnboundedSender<()>) -> usize {
    let session = store.new_session(name).await.unwrap();
    let mut chat = session.chat(&counting(10_000)).await.unwrap();
    let mut said = 0;
    while told.send(()).is_ok() {
        chat.send_message(said.to_string()).await.unwrap();
        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
        said += 1;
    }
    said
}

async fn assert_said(store: &Store, name: &str, turns: usize) {
    let said = stored(&store.session(name).await.unwrap()).await;
    let expected: Vec<String> = (0..turns)
        .flat_map(|turn| [turn, turn])
        .map(|n| n.to_string())
        .collect();
    assert_eq!(said, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_restarted_in_mid_write_costs_no_turn_and_makes_none_twice() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = Store::open(&server.address).await.unwrap();
    let (told, mut turns) = unbounded_channel();
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let (store, told) = (store.clone(), told.clone());
        writers.spawn(async move {
            let name = format!("w{writer}");
            let turns = write_on(store, &name, told).await;
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
        assert_said(&store, &name, turns).await;
        all += turns;
    }
    assert!(all >= 300, "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_terminated_cost_no_turn_and_make_none_twice() {
    let Some(place) = Place::postgres().await else {
        return;
    };
    let store = place.open().await;
    let (told, mut turns) = unbounded_channel();
    let writer = tokio::spawn(write_on(store.clone(), "one", told));
    let server = postgres_server().unwrap();
    let name = place
        .address
        .rsplit('/')
        .next()
        .unwrap()
        .trim_end_matches('?');
    let throw_out = format!(
        "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = '{name}'"
    );
    for _ in 0..60 {
        turns.recv().await.unwrap();
        execute(&server, &throw_out).await;
    }
    drop(turns);

    let turns = writer.await.unwrap();
    assert!(turns >= 60, "{turns}");
    assert_said(&store, "one", turns).await;
}

#[tokio::test]
async fn a_database_that_is_locked_is_waited_for_only_so_long_and_works_again_after() {
    let Some(place) = Place::postgres().await else {
        return;
    };
    let store = place.open().await;
    let session = store.new_session("one").await.unwrap();
    let mut chat = session.chat(&counting(3)).await.unwrap();
    chat.send_message("a").await.unwrap();
    let mut other = AnyConnection::connect(&place.address).await.unwrap();
    let mut lock = other.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE session IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();

    // From here on time flies whenever all wait.
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
    assert_eq!(stored(&session).await, ["a", "0", "b", "1", "c", "2"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_that_shows_no_password() {
    let address = "postgres://somebody:sesame@127.0.0.1:1/chats";
    tokio::time::pause();
    let error = assert_kind(Store::open(address).await, ErrorKind::Storage);

    let mut told = format!("{error:?}");
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(why) = cause {
        told.push_str(&why.to_string());
        cause = why.source();
    }
    assert!(!told.contains("sesame"), "{told}");
}
