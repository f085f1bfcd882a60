//! Several writers at once.

use std::time::Duration;

use generativeai::{ErrorKind, GenerativeModel};
use generativeai_store::Store;
use tokio::task::JoinSet;

use crate::support::child::{address, command};
use crate::support::{Place, assert_kind, counting, poll_times, stored};

#[tokio::test]
async fn whoever_writes_second_gets_a_conflict_and_can_open_anew_or_fork() {
    for place in Place::all().await {
        let session = place.open().await.new_session("one").await.unwrap();
        let other = place.open().await.session("one").await.unwrap();
        let mut first = session.chat(&counting(1)).await.unwrap();
        let mut second = other.chat(&counting(1)).await.unwrap();
        first.send_message("first").await.unwrap();

        assert_kind(second.send_message("second").await, ErrorKind::Conflict);
        assert_kind(second.send_message("second").await, ErrorKind::Conflict);

        let fork = other.fork("fork", Some(0)).await.unwrap();
        let mut forked = fork.chat(&counting(1)).await.unwrap();
        forked.send_message("second").await.unwrap();
        assert_eq!(stored(&fork).await, ["second", "0"]);
        let mut again = session.chat(&counting(1)).await.unwrap();
        again.send_message("third").await.unwrap();
        assert_eq!(stored(&session).await, ["first", "0", "third", "0"]);
    }
}

#[tokio::test]
async fn a_conflict_in_the_middle_of_a_turn_leaves_the_reply_in_memory() {
    for place in Place::all().await {
        let session = place.open().await.new_session("one").await.unwrap();
        let mut chat = session.chat(&counting(2)).await.unwrap();
        let mut reply = chat.send_message("a").stream();
        reply.next().await.unwrap().unwrap();
        session.undo().await.unwrap();
        assert!(reply.next().await.is_none());
        drop(reply);

        assert_eq!(chat.history().len(), 2);
        assert_eq!(chat.unsaved().unwrap().kind(), ErrorKind::Conflict);
        assert_kind(chat.send_message("b").await, ErrorKind::Conflict);
        assert!(stored(&session).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_writers_of_two_hundred_appends_each_store_all_exactly_once() {
    const WRITERS: usize = 50;
    const TURNS: usize = 100; // of two appends
    for place in [Some(Place::in_memory_disk()), Place::postgres().await]
        .into_iter()
        .flatten()
    {
        let mut stores = Vec::new();
        for _ in 0..5 {
            stores.push(place.open().await);
        }
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let store = stores[writer % 5].clone();
            writers.spawn(async move {
                let session = store.new_session(&format!("w{writer}")).await.unwrap();
                let mut chat = session.chat(&counting(TURNS)).await.unwrap();
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
            assert_eq!(stored(&session).await, expected);
        }
        let all = (WRITERS * TURNS * 2) as i64;
        assert_eq!(place.count("SELECT COUNT(*) FROM event").await, all);
        let sparse = "SELECT COUNT(*) FROM session WHERE length <>
            (SELECT MAX(seq) FROM event WHERE session_id = session.id)";
        assert_eq!(place.count(sparse).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_one_session_that_open_anew_after_a_conflict_lose_nothing() {
    for place in Place::all().await {
        let store = place.open().await;
        store.new_session("one").await.unwrap();
        let mut writers = JoinSet::new();
        for writer in 0..8 {
            let store = store.clone();
            writers.spawn(async move { until_all_said(&store, &writer.to_string()).await });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
        assert_all_said(&store, 8).await;
    }
}

#[tokio::test]
async fn processes_that_write_one_session_lose_nothing_either() {
    if let Some(address) = address() {
        let store = Store::open(&address).await.unwrap();
        until_all_said(&store, &std::process::id().to_string()).await;
        return;
    }
    for place in Place::plain().await {
        let store = place.open().await;
        store.new_session("one").await.unwrap();
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let test = "writers::processes_that_write_one_session_lose_nothing_either";
                command(test, &place.address).spawn().unwrap()
            })
            .collect();
        for mut writer in writers {
            assert!(writer.wait().unwrap().success());
        }
        assert_all_said(&store, 4).await;
    }
}

async fn until_all_said(store: &Store, writer: &str) {
    for turn in 0..5 {
        until_said(store, &format!("{writer} {turn}")).await;
    }
}

/// Each writer has said its five messages once.
async fn assert_all_said(store: &Store, writers: usize) {
    let said = stored(&store.session("one").await.unwrap()).await;
    let mut messages: Vec<&String> = said.iter().step_by(2).collect();
    messages.sort();
    messages.dedup();
    assert_eq!((messages.len(), said.len()), (5 * writers, 10 * writers));
}

/// Says a message in the session that all write, opening it anew as often as somebody else was first.
///
/// A turn is opened and completed by two writes: who comes between takes the turn over.
async fn until_said(store: &Store, message: &str) {
    loop {
        let session = store.session("one").await.unwrap();
        let mut chat = session.chat(&counting(1)).await.unwrap();
        let sent = chat.send_message(message).await;
        match (sent, chat.unsaved()) {
            (Ok(_), None) => return,
            (Err(error), _) => assert_eq!(error.kind(), ErrorKind::Conflict),
            (Ok(_), Some(error)) => assert_eq!(error.kind(), ErrorKind::Conflict),
        }
    }
}

#[tokio::test]
async fn a_message_dropped_at_any_await_is_no_conflict_with_itself() {
    for place in Place::all().await {
        let session = place.open().await.new_session("").await.unwrap();
        let model = counting(1_000);
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
        // One that was dropped while its outcome was written is complete, and nobody saw it.
        assert!(chat.history().len() >= 2 * (40 + done));
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_changes_no_order() {
    for place in Place::all().await {
        let store = place.open().await;
        for name in ["old", "new"] {
            let session = store.new_session(name).await.unwrap();
            let mut chat = session.chat(&counting(2)).await.unwrap();
            chat.send_message("a").await.unwrap();
            // Whoever writes next has a clock ten years behind.
            place
                .execute("UPDATE session SET changed_at = changed_at + 315360000")
                .await;
            chat.send_message("b").await.unwrap();
            assert!(chat.unsaved().is_none());
            assert_eq!(stored(&session).await, ["a", "0", "b", "1"]);
        }
        let names: Vec<String> = store
            .list()
            .await
            .unwrap()
            .into_iter()
            .map(|s| s.name)
            .collect();
        assert_eq!(names, ["new", "old"]);
    }
}

#[tokio::test]
async fn a_chat_with_its_store_works_on_after_the_runtime_of_the_store_ended_and_says_so() {
    let place = Place::sqlite();
    let address = place.address.clone();
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
