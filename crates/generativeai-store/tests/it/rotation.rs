//! Encrypted stores that get another key.

use generativeai::ErrorKind;
use generativeai::protocol::content::Blob;
use generativeai_store::{Session, Store};
use sqlx::{AnyConnection, Connection};

use crate::support::{Place, assert_kind, counting, key, poll_times, stored};

/// Turns of a session.
const TURNS: usize = 20;
/// How often it is there: many more events than are encrypted anew in one transaction.
const COPIES: usize = 40;

/// A store with a session that has a picture, copies of it, and a fork of it when it is deleted; gives the
/// fork.
async fn filled(place: &Place) -> Session {
    let store = place.open().await;
    let session = store.new_session("one").await.unwrap();
    let mut chat = session.chat(&counting(TURNS)).await.unwrap();
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
async fn a_store_with_a_new_key_has_all_that_was_said_and_the_old_key_opens_it_no_more() {
    for place in Place::encrypted().await {
        let contents = filled(&place).await.contents().await.unwrap();

        let store = Store::rotate_key(&place.address, &key(1), &key(2))
            .await
            .unwrap();
        let session = store.session("fork").await.unwrap();
        assert_eq!(session.contents().await.unwrap(), contents);
        let mut chat = session.chat(&counting(1)).await.unwrap();
        chat.send_message("on").await.unwrap();
        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
        let old = Store::open_encrypted(&place.address, &key(1)).await;
        assert_kind(old, ErrorKind::Authentication);
        for table in [
            "cipher WHERE number = 1",
            "event WHERE cipher = 1",
            "blob WHERE cipher = 1",
        ] {
            let rest = format!("SELECT COUNT(*) FROM {table}");
            assert_eq!(place.count(&rest).await, 0, "{table}");
        }
        // Once more, as after a crash at the very end.
        let store = Store::rotate_key(&place.address, &key(1), &key(2))
            .await
            .unwrap();
        assert_eq!(store.list().await.unwrap()[0].name, "fork");
    }
}

#[tokio::test]
async fn a_change_of_keys_dropped_at_any_await_is_gone_on_with_and_loses_nothing() {
    for place in Place::encrypted().await {
        let contents = filled(&place).await.contents().await.unwrap();
        let (old, new) = (key(1), key(2));
        let (mut polls, mut half_way) = (1, 0);
        loop {
            let changing = Store::rotate_key(&place.address, &old, &new);
            if poll_times(Box::pin(changing), polls).await {
                break;
            }
            polls += 1;
            let anew = "SELECT COUNT(*) FROM event WHERE cipher = 2";
            if place.count(anew).await == 0 {
                continue;
            }
            let mut attempts = Vec::new();
            for one in [&old, &new] {
                attempts.push(Store::open_encrypted(&place.address, one).await);
            }
            for (old, new) in [(1, 3), (3, 2)] {
                attempts.push(Store::rotate_key(&place.address, &key(old), &key(new)).await);
            }
            // What was begun when it was dropped may have gone on meanwhile, to the end.
            if place.count("SELECT COUNT(*) FROM cipher").await == 2 {
                half_way += 1;
                for attempt in attempts {
                    let error = assert_kind(attempt, ErrorKind::Authentication);
                    assert!(error.to_string().contains("is being changed"), "{error}");
                }
            }
        }

        assert!(half_way > 0);
        let store = Store::open_encrypted(&place.address, &key(2))
            .await
            .unwrap();
        let session = store.session("fork").await.unwrap();
        assert_eq!(session.contents().await.unwrap(), contents);
    }
}

#[tokio::test]
async fn a_chat_that_is_open_while_the_key_changes_loses_nothing_and_says_that_it_is_not_saved() {
    for place in Place::encrypted().await {
        let store = place.open().await;
        let session = store.new_session("one").await.unwrap();
        let mut chat = session.chat(&counting(3)).await.unwrap();
        chat.send_message("a").await.unwrap();

        let changed = Store::rotate_key(&place.address, &key(1), &key(2))
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
        assert_eq!(stored(&session).await, ["a", "0"]);
    }
}

#[tokio::test]
async fn a_session_deleted_while_the_key_changes_stays_deleted() {
    let Some(mut place) = Place::postgres().await else {
        return;
    };
    place.key = Some(key(1));
    let store = place.open().await;
    store.new_session("one").await.unwrap();
    let mut other = AnyConnection::connect(&place.address).await.unwrap();
    let mut deleting = other.begin().await.unwrap();
    let delete = "UPDATE session SET deleted = 1, name = NULL, title = NULL WHERE id = 1";
    sqlx::raw_sql(delete).execute(&mut *deleting).await.unwrap();

    let address = place.address.clone();
    let changing = tokio::spawn(async move {
        Store::rotate_key(&address, &key(1), &key(2)).await.unwrap();
    });
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while place.count(waiting).await == 0 {
        tokio::task::yield_now().await;
    }
    deleting.commit().await.unwrap();
    changing.await.unwrap();

    let titles = "SELECT COUNT(*) FROM session WHERE title IS NOT NULL";
    assert_eq!(place.count(titles).await, 0);
}

#[tokio::test]
async fn a_damaged_event_does_not_keep_a_store_from_a_new_key_and_stays_an_error() {
    for place in Place::encrypted().await {
        let store = place.open().await;
        for name in ["one", "two"] {
            let session = store.new_session(name).await.unwrap();
            let mut chat = session.chat(&counting(1)).await.unwrap();
            chat.send_message("a").await.unwrap();
        }
        let damage = "UPDATE event SET body = substr(body, 1, 40) WHERE session_id = 1 AND seq = 2";
        place.execute(damage).await;

        let store = Store::rotate_key(&place.address, &key(1), &key(2))
            .await
            .unwrap();
        let one = store.session("one").await.unwrap();
        let error = assert_kind(one.contents().await, ErrorKind::Corrupt);
        let named = "event 2 of session 1 cannot be authenticated";
        assert!(error.to_string().starts_with(named), "{error}");
        assert_eq!(
            stored(&store.session("two").await.unwrap()).await,
            ["a", "0"]
        );
    }
}

#[tokio::test]
async fn the_key_of_a_plain_store_or_by_a_wrong_one_is_not_changed() {
    for place in Place::plain().await {
        place.open().await;
        let changed = Store::rotate_key(&place.address, &key(1), &key(2)).await;
        assert_kind(changed, ErrorKind::Configuration);

        place.open().await;
        let address = &place.address;
        Store::open_encrypted(address, &key(1)).await.unwrap();
        let changed = Store::rotate_key(address, &key(3), &key(2)).await;
        assert_kind(changed, ErrorKind::Authentication);
        Store::open_encrypted(address, &key(1)).await.unwrap();
    }
}
