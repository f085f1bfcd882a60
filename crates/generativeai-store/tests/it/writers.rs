//! Concurrent writers.

use std::time::Duration;

use generativeai::{ErrorKind, GenerativeModel};
use generativeai_store::Store;
use tokio::task::JoinSet;

use crate::support::child::{Reports, address, command, report};
use crate::support::{TestDatabase, assert_kind, counting_model, names, poll_times, stored_texts};

#[tokio::test]
async fn the_second_writer_gets_a_conflict_and_can_reload_or_fork() {
    for database in TestDatabase::all().await {
        let session = database.open().await.new_session("one").await.unwrap();
        let other = database.open().await.session("one").await.unwrap();
        let mut first = session.chat(&counting_model(1)).await.unwrap();
        let mut second = other.chat(&counting_model(1)).await.unwrap();
        first.send_message("first").await.unwrap();

        assert_kind(second.send_message("second").await, ErrorKind::Conflict);
        assert_kind(second.send_message("second").await, ErrorKind::Conflict);

        let fork = other.fork("fork", Some(0)).await.unwrap();
        let mut forked = fork.chat(&counting_model(1)).await.unwrap();
        forked.send_message("second").await.unwrap();
        assert_eq!(stored_texts(&fork).await, ["second", "0"]);
        let mut again = session.chat(&counting_model(1)).await.unwrap();
        again.send_message("third").await.unwrap();
        assert_eq!(stored_texts(&session).await, ["first", "0", "third", "0"]);
    }
}

#[tokio::test]
async fn a_conflict_in_the_middle_of_a_turn_leaves_the_reply_in_memory() {
    for database in TestDatabase::all().await {
        let session = database.open().await.new_session("one").await.unwrap();
        let mut chat = session.chat(&counting_model(2)).await.unwrap();
        let mut reply = chat.send_message("a").stream();
        reply.next().await.unwrap().unwrap();
        session.undo().await.unwrap();
        assert!(reply.next().await.is_none());
        drop(reply);

        assert_eq!(chat.history().len(), 2);
        assert_eq!(chat.unsaved().unwrap().kind(), ErrorKind::Conflict);
        assert_kind(chat.send_message("b").await, ErrorKind::Conflict);
        assert!(stored_texts(&session).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_writers_of_two_hundred_appends_each_store_all_exactly_once() {
    const WRITERS: usize = 50;
    const TURNS: usize = 100; // two appends each
    for database in [Some(TestDatabase::in_ram()), TestDatabase::postgres().await]
        .into_iter()
        .flatten()
    {
        let mut stores = Vec::new();
        for _ in 0..5 {
            stores.push(database.open().await);
        }
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let store = stores[writer % 5].clone();
            writers.spawn(async move {
                let session = store.new_session(&format!("w{writer}")).await.unwrap();
                let mut chat = session.chat(&counting_model(TURNS)).await.unwrap();
                for turn in 0..TURNS {
                    chat.send_message(format!("{writer} {turn}")).await.unwrap();
                    assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
                }
            });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }

        for writer in 0..WRITERS {
            let session = stores[0].session(&format!("w{writer}")).await.unwrap();
            let expected: Vec<String> = (0..TURNS)
                .flat_map(|turn| [format!("{writer} {turn}"), turn.to_string()])
                .collect();
            assert_eq!(stored_texts(&session).await, expected);
        }
        let all = (WRITERS * TURNS * 2) as i64;
        assert_eq!(database.count("event").await, all);
        let sparse = "session WHERE length <>
            (SELECT MAX(seq) FROM event WHERE session_id = session.id)";
        assert_eq!(database.count(sparse).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_reload_after_a_conflict_lose_nothing() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        store.new_session("one").await.unwrap();
        let mut writers = JoinSet::new();
        for writer in 0..8 {
            let store = store.clone();
            writers.spawn(async move { send_five_with_reloads(&store, &writer.to_string()).await });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
        assert_all_stored(&store, 8).await;
    }
}

#[tokio::test]
async fn processes_that_write_one_session_lose_nothing() {
    if let Some(address) = address() {
        let store = Store::open(&address).await.unwrap();
        send_five_with_reloads(&store, &std::process::id().to_string()).await;
        return;
    }
    for database in TestDatabase::plain().await {
        let store = database.open().await;
        store.new_session("one").await.unwrap();
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let test = "writers::processes_that_write_one_session_lose_nothing";
                command(test, &database.address).spawn().unwrap()
            })
            .collect();
        for mut writer in writers {
            assert!(writer.wait().unwrap().success());
        }
        assert_all_stored(&store, 4).await;
    }
}

async fn send_five_with_reloads(store: &Store, writer: &str) {
    for turn in 0..5 {
        send_with_reloads(store, &format!("{writer} {turn}")).await;
    }
}

/// Checks that each writer has stored its five messages once.
async fn assert_all_stored(store: &Store, writers: usize) {
    let texts = stored_texts(&store.session("one").await.unwrap()).await;
    let mut messages: Vec<&String> = texts.iter().step_by(2).collect();
    messages.sort();
    messages.dedup();
    assert_eq!((messages.len(), texts.len()), (5 * writers, 10 * writers));
}

/// Sends a message in the session that all write, and reloads the session after each conflict.
///
/// A turn has two writes, and another writer may come between them: then the turn is lost to it.
async fn send_with_reloads(store: &Store, message: &str) {
    loop {
        let session = store.session("one").await.unwrap();
        let mut chat = session.chat(&counting_model(1)).await.unwrap();
        let sent = chat.send_message(message).await;
        match (sent, chat.unsaved()) {
            (Ok(_), None) => return,
            (Err(error), _) => assert_eq!(error.kind(), ErrorKind::Conflict),
            (Ok(_), Some(error)) => assert_eq!(error.kind(), ErrorKind::Conflict),
        }
    }
}

/// Row 22 of tests/field.md.
#[tokio::test]
async fn processes_that_open_the_same_new_session_all_succeed() {
    if let Some(address) = address() {
        let store = Store::open(&address).await.unwrap();
        let session = store.find_or_create("one").await.unwrap();
        report(&session.id().to_string());
        return;
    }
    for database in TestDatabase::plain().await {
        let test = "writers::processes_that_open_the_same_new_session_all_succeed";
        let processes: Vec<_> = (0..8)
            .map(|_| command(test, &database.address).spawn().unwrap())
            .collect();
        for mut process in processes {
            let reports: Vec<String> = Reports::by(&mut process).collect();
            assert_eq!(reports, ["1"]);
            assert!(process.wait().unwrap().success());
        }
        assert_eq!(database.count("session").await, 1);
    }
}

/// Row 22 of tests/field.md.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_open_the_same_new_session_all_succeed() {
    for database in TestDatabase::all().await {
        let stores = [database.open().await, database.open().await];
        for name in ["one", "two", "three"] {
            let mut tasks = JoinSet::new();
            for task in 0..8 {
                let store = stores[task % 2].clone();
                tasks.spawn(async move { store.find_or_create(name).await.unwrap().id() });
            }
            let ids = tasks.join_all().await;
            let session = stores[0].session(name).await.unwrap();
            assert_eq!(ids, [session.id(); 8]);
        }
        assert_eq!(stores[0].list().await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn a_message_dropped_at_any_await_does_not_conflict_with_the_next() {
    for database in TestDatabase::all().await {
        let session = database.open().await.new_session("").await.unwrap();
        let model = counting_model(1_000);
        let mut chat = session.chat(&model).await.unwrap();
        let mut done = 0;
        for polls in 0..40 {
            let sending = chat.send_message(format!("dropped {polls}")).into_future();
            done += usize::from(poll_times(sending, polls % 10).await);
            chat.save().await.unwrap();
            assert_eq!(chat.history(), session.contents().await.unwrap());
            chat.send_message("whole").await.unwrap();
            assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
        }
        assert!(done < 40);
        assert_eq!(chat.history(), session.contents().await.unwrap());
        // A message dropped while its outcome was being written is complete, and counted here.
        assert!(chat.history().len() >= 2 * (40 + done));
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_does_not_change_the_order() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        for name in ["old", "new"] {
            let session = store.new_session(name).await.unwrap();
            let mut chat = session.chat(&counting_model(2)).await.unwrap();
            chat.send_message("a").await.unwrap();
            // For the next writer this is a clock ten years behind.
            database
                .execute("UPDATE session SET changed_at = changed_at + 315360000")
                .await;
            chat.send_message("b").await.unwrap();
            assert!(chat.unsaved().is_none());
            assert_eq!(stored_texts(&session).await, ["a", "0", "b", "1"]);
        }
        assert_eq!(names(&store).await, ["new", "old"]);
    }
}

#[tokio::test]
async fn a_session_is_an_error_after_the_runtime_of_its_store_has_stopped() {
    let database = TestDatabase::sqlite();
    let address = database.address.clone();
    let session = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            Store::open(&address)
                .await
                .unwrap()
                .new_session("x")
                .await
                .unwrap()
        })
    })
    .join()
    .unwrap();

    assert_kind(session.info().await, ErrorKind::Storage);
    assert_kind(
        session.chat(&GenerativeModel::new("m")).await,
        ErrorKind::Storage,
    );
    tokio::time::timeout(Duration::from_secs(5), session.undo())
        .await
        .unwrap()
        .unwrap_err();
}
