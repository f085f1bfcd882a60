//! Rotating the key of an encrypted store.

use generativeai::ErrorKind;
use generativeai::protocol::content::Blob;
use generativeai_store::{Session, Store};
use sqlx::{AnyConnection, Connection};

use crate::support::{TestDatabase, assert_kind, counting_model, key, poll_times, stored_texts};

/// The number of turns of a session.
const TURNS: usize = 20;
/// The number of copies of the session: far more events than one transaction of a rotation encrypts.
const COPIES: usize = 40;

/// Creates a store with copies of a session that has a picture, and with a fork of the session, which is
/// deleted. Returns the fork.
async fn filled(database: &TestDatabase) -> Session {
    let store = database.open().await;
    let session = store.new_session("one").await.unwrap();
    let mut chat = session.chat(&counting_model(TURNS)).await.unwrap();
    for turn in 0..TURNS - 1 {
        chat.send_message(turn.to_string()).await.unwrap();
    }
    let picture = Blob::new("image/png", vec![1; 5_000]);
    chat.send_message(picture).await.unwrap();
    assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
    let mut lines = Vec::new();
    session.export_jsonl(&mut lines).await.unwrap();
    for _ in 0..COPIES {
        store.import_jsonl("", &lines[..]).await.unwrap();
    }
    let fork = session.fork("fork", None).await.unwrap();
    session.delete().await.unwrap();
    fork
}

#[tokio::test]
async fn a_rotated_store_keeps_its_contents_and_no_longer_opens_with_the_old_key() {
    for database in TestDatabase::encrypted().await {
        let contents = filled(&database).await.contents().await.unwrap();

        let store = Store::rotate_key(&database.address, &key(1), &key(2))
            .await
            .unwrap();
        let session = store.session("fork").await.unwrap();
        assert_eq!(session.contents().await.unwrap(), contents);
        let mut chat = session.chat(&counting_model(1)).await.unwrap();
        chat.send_message("on").await.unwrap();
        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
        let old = Store::open_encrypted(&database.address, &key(1)).await;
        assert_kind(old, ErrorKind::Authentication);
        for rest in [
            "cipher WHERE number = 1",
            "event WHERE cipher = 1",
            "blob WHERE cipher = 1",
        ] {
            assert_eq!(database.count(rest).await, 0, "{rest}");
        }
        // Again, as after a crash at the end of the rotation.
        let store = Store::rotate_key(&database.address, &key(1), &key(2))
            .await
            .unwrap();
        assert_eq!(store.list().await.unwrap()[0].name, "fork");
    }
}

#[tokio::test]
async fn a_rotation_dropped_at_any_await_can_be_resumed_and_loses_nothing() {
    for database in TestDatabase::encrypted().await {
        let contents = filled(&database).await.contents().await.unwrap();
        let (old, new) = (key(1), key(2));
        let (mut polls, mut half_way) = (1, 0);
        loop {
            let changing = Store::rotate_key(&database.address, &old, &new);
            if poll_times(Box::pin(changing), polls).await {
                break;
            }
            polls += 1;
            if database.count("event WHERE cipher = 2").await == 0 {
                continue;
            }
            let mut attempts = Vec::new();
            for one in [&old, &new] {
                attempts.push(Store::open_encrypted(&database.address, one).await);
            }
            for (old, new) in [(1, 3), (3, 2)] {
                attempts.push(Store::rotate_key(&database.address, &key(old), &key(new)).await);
            }
            // The transaction that ran when the rotation was dropped may have completed it since.
            if database.count("cipher").await == 2 {
                half_way += 1;
                for attempt in attempts {
                    let error = assert_kind(attempt, ErrorKind::Authentication);
                    assert!(error.to_string().contains("was interrupted"), "{error}");
                }
            }
        }

        assert!(half_way > 0);
        let store = Store::open_encrypted(&database.address, &key(2))
            .await
            .unwrap();
        let session = store.session("fork").await.unwrap();
        assert_eq!(session.contents().await.unwrap(), contents);
    }
}

#[tokio::test]
async fn a_chat_that_is_open_during_a_rotation_continues_unsaved() {
    for database in TestDatabase::encrypted().await {
        let store = database.open().await;
        let session = store.new_session("one").await.unwrap();
        let mut chat = session.chat(&counting_model(3)).await.unwrap();
        chat.send_message("a").await.unwrap();

        let changed = Store::rotate_key(&database.address, &key(1), &key(2))
            .await
            .unwrap();
        chat.send_message("b").await.unwrap();
        let error = chat.unsaved().unwrap();
        assert_eq!(error.kind(), ErrorKind::Authentication, "{error:?}");
        assert_eq!(chat.history().len(), 4);
        assert_kind(store.new_session("x").await, ErrorKind::Authentication);
        assert_kind(session.rename("x").await, ErrorKind::Authentication);
        assert_kind(session.contents().await, ErrorKind::Authentication);
        let session = changed.session("one").await.unwrap();
        assert_eq!(stored_texts(&session).await, ["a", "0"]);
    }
}

#[tokio::test]
async fn a_session_deleted_during_a_rotation_stays_deleted() {
    let Some(mut database) = TestDatabase::postgres().await else {
        return;
    };
    database.key = Some(key(1));
    let store = database.open().await;
    store.new_session("one").await.unwrap();
    let mut other = AnyConnection::connect(&database.address).await.unwrap();
    let mut deleting = other.begin().await.unwrap();
    let delete = "UPDATE session SET deleted = 1, name = NULL, title = NULL WHERE id = 1";
    sqlx::raw_sql(delete).execute(&mut *deleting).await.unwrap();

    let address = database.address.clone();
    let changing = tokio::spawn(async move {
        Store::rotate_key(&address, &key(1), &key(2)).await.unwrap();
    });
    let waiting = "pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while database.count(waiting).await == 0 {
        tokio::task::yield_now().await;
    }
    deleting.commit().await.unwrap();
    changing.await.unwrap();

    assert_eq!(database.count("session WHERE title IS NOT NULL").await, 0);
}

#[tokio::test]
async fn a_damaged_event_does_not_stop_a_rotation_and_stays_an_error() {
    for database in TestDatabase::encrypted().await {
        let store = database.open().await;
        for name in ["one", "two"] {
            let session = store.new_session(name).await.unwrap();
            let mut chat = session.chat(&counting_model(1)).await.unwrap();
            chat.send_message("a").await.unwrap();
        }
        let damage = "UPDATE event SET body = substr(body, 1, 40) WHERE session_id = 1 AND seq = 2";
        database.execute(damage).await;

        let store = Store::rotate_key(&database.address, &key(1), &key(2))
            .await
            .unwrap();
        let one = store.session("one").await.unwrap();
        let error = assert_kind(one.contents().await, ErrorKind::Corrupt);
        let named = "event 2 of session 1 cannot be authenticated";
        assert!(error.to_string().starts_with(named), "{error}");
        assert_eq!(
            stored_texts(&store.session("two").await.unwrap()).await,
            ["a", "0"]
        );
    }
}

#[tokio::test]
async fn rotating_a_plain_store_or_with_a_wrong_key_is_refused() {
    for database in TestDatabase::plain().await {
        database.open().await;
        let changed = Store::rotate_key(&database.address, &key(1), &key(2)).await;
        assert_kind(changed, ErrorKind::Configuration);

        database.open().await;
        let address = &database.address;
        Store::open_encrypted(address, &key(1)).await.unwrap();
        let changed = Store::rotate_key(address, &key(3), &key(2)).await;
        assert_kind(changed, ErrorKind::Authentication);
        Store::open_encrypted(address, &key(1)).await.unwrap();
    }
}
