//! Forks: sessions that share their first events.

use generativeai::ErrorKind;
use generativeai::protocol::content::Blob;
use tokio::task::JoinSet;

use crate::support::{TestDatabase, assert_kind, counting_model, stored_texts};

#[tokio::test]
async fn a_fork_is_independent_and_copies_no_events() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let trunk = store.new_session("trunk").await.unwrap();
        let mut chat = trunk.chat(&counting_model(2)).await.unwrap();
        chat.send_message("a").await.unwrap();
        chat.send_message("b").await.unwrap();
        let rows = database.count("event").await;

        let whole = trunk.fork("whole", None).await.unwrap();
        let early = trunk.fork("", Some(2)).await.unwrap();
        let twig = whole.fork("twig", Some(1)).await.unwrap();
        assert_eq!(database.count("event").await, rows);
        assert_eq!(whole.info().await.unwrap().parent, Some(trunk.id()));

        let mut forked = early.chat(&counting_model(1)).await.unwrap();
        forked.send_message("c").await.unwrap();
        chat.rewind();
        chat.save().await.unwrap();
        assert_eq!(stored_texts(&early).await, ["a", "0", "c", "0"]);
        assert_eq!(stored_texts(&whole).await, ["a", "0", "b", "1"]);
        assert_eq!(stored_texts(&trunk).await, ["a", "0"]);
        let twig = twig.chat(&counting_model(0)).await.unwrap();
        assert!(twig.history().is_empty() && twig.unfinished().is_some());

        assert_kind(trunk.fork("late", Some(6)).await, ErrorKind::Request);
    }
}

#[tokio::test]
async fn deleting_a_session_keeps_the_events_its_forks_share_and_removes_the_rest() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let trunk = store.new_session("trunk").await.unwrap();
        let mut chat = trunk.chat(&counting_model(2)).await.unwrap();
        chat.send_message("shared").await.unwrap();
        chat.send_message("private").await.unwrap();
        let branch = trunk.fork("branch", Some(2)).await.unwrap();
        let twig = branch.fork("twig", None).await.unwrap();

        trunk.delete().await.unwrap();
        trunk.delete().await.unwrap();
        assert_eq!(stored_texts(&branch).await, ["shared", "0"]);
        assert_eq!(database.count("event").await, 2);
        let indexed = if database.key.is_some() { 0 } else { 2 };
        assert_eq!(database.count("said").await, indexed);
        assert_kind(trunk.chat(&counting_model(0)).await, ErrorKind::NotFound);
        assert_kind(trunk.fork("no", None).await, ErrorKind::NotFound);
        assert_kind(chat.send_message("?").await, ErrorKind::Conflict);

        branch.delete().await.unwrap();
        assert_eq!(stored_texts(&twig).await, ["shared", "0"]);
        twig.delete().await.unwrap();
        for table in ["event", "said", "media", "session"] {
            assert_eq!(database.count(table).await, 0, "{table}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_share_events_and_media_and_are_deleted_at_once_leave_nothing() {
    let picture = Blob::new("image/png", vec![7; 5_000]);
    for database in TestDatabase::all().await {
        let store = database.open().await;
        for _ in 0..20 {
            let mut sessions = vec![
                store.new_session("").await.unwrap(),
                store.new_session("").await.unwrap(),
            ];
            for session in &sessions {
                let mut chat = session.chat(&counting_model(1)).await.unwrap();
                chat.send_message(picture.clone()).await.unwrap();
            }
            for parent in [0, 0, 2] {
                let fork = sessions[parent].fork("", None).await.unwrap();
                let mut chat = fork.chat(&counting_model(1)).await.unwrap();
                chat.send_message(picture.clone()).await.unwrap();
                sessions.push(fork);
            }
            let mut deletions = JoinSet::new();
            for session in sessions {
                deletions.spawn(async move { session.delete().await });
            }
            while let Some(deleted) = deletions.join_next().await {
                deleted.unwrap().unwrap();
            }
        }
        for table in ["event", "media", "blob", "session"] {
            assert_eq!(database.count(table).await, 0, "{table}");
        }
    }
}
