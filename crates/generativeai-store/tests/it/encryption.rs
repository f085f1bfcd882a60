//! Encrypted stores.

use std::fs;

use generativeai::ErrorKind;
use generativeai::protocol::content::Blob;
use generativeai_store::{Key, Store};
use ring::digest::{SHA256, digest};

use crate::support::{TestDatabase, assert_kind, counting_model, key, stored_texts};

/// Creates a store with sessions `one` and `two`, of two turns each.
async fn filled(database: &TestDatabase) -> Store {
    let store = database.open().await;
    for name in ["one", "two"] {
        let session = store.new_session(name).await.unwrap();
        let mut chat = session.chat(&counting_model(2)).await.unwrap();
        chat.send_message("a").await.unwrap();
        chat.send_message("b").await.unwrap();
        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
    }
    store
}

#[tokio::test]
async fn opening_with_a_wrong_key_or_without_one_is_refused() {
    for database in TestDatabase::encrypted().await {
        let session = filled(&database).await.session("one").await.unwrap();

        let wrong = Store::open_encrypted(&database.address, &key(2)).await;
        let error = assert_kind(wrong, ErrorKind::Authentication);
        let named = "the key does not open the store: it is wrong, or the stored secret is damaged";
        assert_eq!(error.to_string(), named);
        let error = assert_kind(
            Store::open(&database.address).await,
            ErrorKind::Authentication,
        );
        assert!(error.to_string().contains("is encrypted"), "{error}");
        assert_eq!(stored_texts(&session).await, ["a", "0", "b", "1"]);
    }
}

#[tokio::test]
async fn a_store_with_plain_sessions_does_not_open_with_a_key_and_is_not_changed() {
    for database in TestDatabase::plain().await {
        let store = filled(&database).await;

        let error = Store::open_encrypted(&database.address, &key(1)).await;
        let error = assert_kind(error, ErrorKind::Configuration);
        assert!(error.to_string().contains("import"), "{error}");
        assert_eq!(database.count("cipher").await, 0);
        assert_eq!(
            stored_texts(&store.session("two").await.unwrap())
                .await
                .len(),
            4
        );
    }
}

#[tokio::test]
async fn a_program_that_opened_a_store_without_a_key_cannot_write_once_it_is_encrypted() {
    for database in TestDatabase::encrypted().await {
        let plain = Store::open(&database.address).await.unwrap();
        database.open().await;

        assert_kind(plain.new_session("x").await, ErrorKind::Authentication);
        assert_eq!(database.count("session").await, 0);
    }
}

#[tokio::test]
async fn an_event_that_was_swapped_truncated_modified_or_forged_is_named_and_others_are_readable() {
    let from = |columns: &str, session, seq| {
        format!(
            "UPDATE event SET ({columns}) = (SELECT {columns} FROM event AS other
               WHERE other.session_id = {session} AND other.seq = {seq})
             WHERE session_id = 1 AND seq = 2"
        )
    };
    for damage in [
        from("body, sum", 1, 4),
        from("body, sum", 2, 2),
        "UPDATE event SET body = substr(body, 1, length(body) - 1)
            WHERE session_id = 1 AND seq = 2"
            .to_owned(),
        "UPDATE event SET body = substr(body, 1, 20) WHERE session_id = 1 AND seq = 2".to_owned(),
        "UPDATE event SET body = substr(body, 1, 3) WHERE session_id = 1 AND seq = 2".to_owned(),
        // An id that the row had before, and rows that can be written without the key.
        "UPDATE event SET id = (SELECT token FROM session WHERE id = 1)
            WHERE session_id = 1 AND seq = 2"
            .to_owned(),
        "UPDATE event SET body = '{\"restored\":null}', cipher = NULL
            WHERE session_id = 1 AND seq = 2"
            .to_owned(),
        "UPDATE event SET sum = 'x' WHERE session_id = 1 AND seq = 2".to_owned(),
    ] {
        for database in TestDatabase::encrypted().await {
            let store = filled(&database).await;
            database.execute(&damage).await;

            let one = store.session("one").await.unwrap();
            let error = assert_kind(one.chat(&counting_model(0)).await, ErrorKind::Corrupt);
            let named = "event 2 of session 1 ";
            assert!(error.to_string().starts_with(named), "{damage}: {error}");
            let two = store.session("two").await.unwrap();
            assert_eq!(stored_texts(&two).await, ["a", "0", "b", "1"], "{damage}");
        }
    }
}

#[tokio::test]
async fn an_event_encrypted_with_another_key_is_an_authentication_error() {
    for database in TestDatabase::encrypted().await {
        let store = filled(&database).await;
        database
            .execute("UPDATE event SET cipher = 7 WHERE seq = 2")
            .await;

        let one = store.session("one").await.unwrap();
        let error = assert_kind(
            one.chat(&counting_model(0)).await,
            ErrorKind::Authentication,
        );
        let named = "event 2 of session 1 is encrypted with another key";
        assert!(error.to_string().starts_with(named), "{error}");
    }
}

#[tokio::test]
async fn swapped_names_and_media_are_named() {
    for database in TestDatabase::encrypted().await {
        let store = database.open().await;
        let session = store.new_session("one").await.unwrap();
        let mut chat = session.chat(&counting_model(2)).await.unwrap();
        for shade in [1, 2] {
            let picture = Blob::new("image/png", vec![shade; 5_000]);
            chat.send_message(picture).await.unwrap();
        }
        store.new_session("two").await.unwrap();
        database
            .execute(
                "UPDATE blob SET data = (SELECT other.data FROM blob AS other
                   WHERE other.hash <> blob.hash);
                 UPDATE session SET title = (SELECT other.title FROM session AS other
                   WHERE other.id = 2) WHERE id = 1",
            )
            .await;

        let error = assert_kind(session.chat(&counting_model(0)).await, ErrorKind::Corrupt);
        let source = std::error::Error::source(&error).unwrap().to_string();
        let named = "event 1 of session 1 has missing or damaged media";
        assert!(error.to_string().starts_with(named), "{error}");
        assert!(source.contains("cannot be authenticated"), "{source}");
        let error = assert_kind(store.list().await, ErrorKind::Corrupt);
        let source = std::error::Error::source(&error).unwrap().to_string();
        let named = "the name of session 1 is damaged";
        assert!(error.to_string().starts_with(named), "{error}");
        assert!(source.contains("cannot be authenticated"), "{source}");
    }
}

#[tokio::test]
async fn swapped_rows_of_sessions_are_named() {
    for database in TestDatabase::encrypted().await {
        let store = filled(&database).await;
        let one = store.session("one").await.unwrap();
        one.fork("short", Some(2)).await.unwrap();
        one.fork("long", Some(4)).await.unwrap();
        let columns = "token, length, parent, parent_seq, sum";
        // The second statement avoids the unique constraint on tokens.
        let exchange = format!(
            "CREATE TABLE other AS SELECT * FROM session;
             UPDATE session SET token = sum WHERE id IN (3, 4);
             UPDATE session SET ({columns}) = (SELECT {columns} FROM other
               WHERE other.id = 7 - session.id) WHERE id IN (3, 4)"
        );
        database.execute(&exchange).await;

        for (name, id) in [("short", 3), ("long", 4)] {
            let session = store.session(name).await.unwrap();
            let error = assert_kind(session.contents().await, ErrorKind::Corrupt);
            let named = format!("the row of session {id} does not match its checksum");
            assert_eq!(error.to_string(), named);
        }
        assert_eq!(stored_texts(&one).await, ["a", "0", "b", "1"]);
    }
}

#[tokio::test]
async fn a_swapped_or_removed_lookup_value_of_a_name_is_detected() {
    for damage in [
        "UPDATE session SET name = 'x' WHERE id = 2;
         UPDATE session SET name = (SELECT name FROM other WHERE id = 2) WHERE id = 1;
         UPDATE session SET name = (SELECT name FROM other WHERE id = 1) WHERE id = 2",
        "UPDATE session SET name = NULL",
        "UPDATE session SET name = NULL, title = NULL",
    ] {
        for database in TestDatabase::encrypted().await {
            let store = filled(&database).await;
            database
                .execute("CREATE TABLE other AS SELECT * FROM session")
                .await;
            database.execute(damage).await;

            let error = match damage.contains("NULL") {
                true => {
                    assert_kind(store.session("one").await, ErrorKind::NotFound);
                    let one = store.session_by_id(1).await.unwrap();
                    assert_kind(one.info().await, ErrorKind::Corrupt)
                }
                false => {
                    assert_kind(store.list().await, ErrorKind::Corrupt);
                    assert_kind(store.session("two").await, ErrorKind::Corrupt)
                }
            };
            let named = "the name of session 1 is damaged";
            assert!(error.to_string().starts_with(named), "{damage}: {error}");
        }
    }
}

#[tokio::test]
async fn a_session_with_a_damaged_name_is_found_by_its_number_and_can_be_renamed() {
    for database in TestDatabase::encrypted().await {
        let store = filled(&database).await;
        database
            .execute("UPDATE session SET title = substr(title, 1, 20) WHERE id = 1")
            .await;

        for error in [
            assert_kind(store.list().await, ErrorKind::Corrupt),
            assert_kind(store.search("a").await, ErrorKind::Corrupt),
            assert_kind(store.session("one").await, ErrorKind::Corrupt),
        ] {
            let named = "the name of session 1 is damaged";
            assert!(error.to_string().starts_with(named), "{error}");
            assert!(error.to_string().contains("rename"), "{error}");
        }
        let one = store.session_by_id(1).await.unwrap();
        assert_eq!(stored_texts(&one).await, ["a", "0", "b", "1"]);
        one.rename("uno").await.unwrap();
        assert_eq!(store.list().await.unwrap().len(), 2);
        assert_eq!(store.session("uno").await.unwrap().id(), 1);
    }
}

#[tokio::test]
async fn a_row_of_another_store_with_the_same_key_is_refused() {
    for (mine, yours) in TestDatabase::encrypted()
        .await
        .into_iter()
        .zip(TestDatabase::encrypted().await)
    {
        let store = filled(&mine).await;
        filled(&yours).await;
        for column in ["id", "body"] {
            let of_one = "FROM event WHERE session_id = 1 AND seq = 2";
            let copied = yours.bytes(&format!("SELECT {column} {of_one}")).await;
            let copied = mine.literal(&copied);
            let copy =
                format!("UPDATE event SET {column} = {copied} WHERE session_id = 1 AND seq = 2");
            mine.execute(&copy).await;
        }

        let one = store.session("one").await.unwrap();
        let error = assert_kind(one.contents().await, ErrorKind::Corrupt);
        let named = "event 2 of session 1 cannot be authenticated";
        assert!(error.to_string().starts_with(named), "{error}");
    }
}

#[tokio::test]
async fn a_session_cannot_be_shortened_without_the_key() {
    for database in TestDatabase::encrypted().await {
        let store = filled(&database).await;
        let token = "SELECT token FROM session WHERE id = 1";
        let mut row = database.bytes(token).await;
        // The checksum that a plain store would have.
        for number in [2_i64, 0, 0] {
            row.extend(number.to_le_bytes());
        }
        let sum = database.literal(digest(&SHA256, &row).as_ref());
        let forged = format!("UPDATE session SET length = 2, sum = {sum} WHERE id = 1");
        database.execute(&forged).await;

        let one = store.session("one").await.unwrap();
        let error = assert_kind(one.chat(&counting_model(0)).await, ErrorKind::Corrupt);
        assert!(error.to_string().contains("session 1 "), "{error}");
    }
}

#[tokio::test]
async fn the_file_of_an_encrypted_store_contains_no_plaintext() {
    let database = &TestDatabase::encrypted().await[0];
    let store = database.open().await;
    let session = store.new_session("mountaineers").await.unwrap();
    let mut chat = session.chat(&counting_model(2)).await.unwrap();
    chat.send_message("Nevis is climbed").await.unwrap();
    let picture = Blob::new("image/png", vec![b'q'; 5_000]);
    chat.send_message(picture.clone()).await.unwrap();
    session.rename("climbers").await.unwrap();
    assert_eq!(store.search("nevis").await.unwrap().len(), 1);

    let file = database.address.strip_prefix("sqlite:").unwrap();
    let mut written = fs::read(format!("{file}-wal")).unwrap();
    written.extend(fs::read(file).unwrap());
    let holds = |what: &[u8]| written.windows(what.len()).any(|bytes| bytes == what);
    let data = picture.data.unwrap();
    let hash = hex::encode(digest(&SHA256, data.as_bytes()));
    assert!(holds(b"CREATE TABLE"));
    for what in [
        "Nevis",
        "climb",
        "mountain",
        "parts",
        "user",
        "image/png",
        &data[..40],
        &hash,
    ] {
        assert!(!holds(what.as_bytes()), "{what}");
    }
    assert!(!holds(&[1; 32]), "the key");
}

#[tokio::test]
async fn an_encrypted_store_can_be_searched() {
    for database in TestDatabase::encrypted().await {
        let store = database.open().await;
        for name in ["one", "two"] {
            let session = store.new_session(name).await.unwrap();
            let mut chat = session.chat(&counting_model(2)).await.unwrap();
            chat.send_message(format!("{name} has 1,345 metres"))
                .await
                .unwrap();
        }
        let fork = store
            .session("one")
            .await
            .unwrap()
            .fork("fork", None)
            .await
            .unwrap();
        let mut chat = fork.chat(&counting_model(1)).await.unwrap();
        chat.send_message("and 345 more").await.unwrap();

        let found = async |words: &str| -> Vec<(String, u64)> {
            let hits = store.search(words).await.unwrap();
            hits.into_iter()
                .map(|hit| (hit.session, hit.event))
                .collect()
        };
        let pair = |name: &str, event| (name.to_owned(), event);
        assert_eq!(found("METRES").await, [pair("two", 1), pair("one", 1)]);
        assert_eq!(found("1,345").await, [pair("two", 1), pair("one", 1)]);
        assert_eq!(
            found("345").await,
            [pair("fork", 3), pair("two", 1), pair("one", 1)]
        );
        assert_eq!(found("345 , one").await, [pair("one", 1)]);
        assert_eq!(found("345,1").await, []);
        assert_eq!(found(",").await, []);
    }
}

#[test]
fn a_key_is_printed_by_to_hex_alone() {
    let key = Key::random().unwrap();
    let hex = key.to_hex();

    assert_eq!(Key::from_hex(&format!(" {hex}\n")).unwrap().to_hex(), hex);
    assert_ne!(Key::random().unwrap().to_hex(), hex);
    assert_eq!(format!("{key:?}"), "Key(..)");
    for wrong in [
        &hex[1..],
        &format!("{hex}00"),
        &hex.replace(['0', '1', 'a'], "x"),
        "é",
        "",
    ] {
        let error = assert_kind(Key::from_hex(wrong), ErrorKind::Configuration);
        assert!(
            wrong.is_empty() || !format!("{error:#?} {error}").contains(wrong),
            "{error}"
        );
    }
}
