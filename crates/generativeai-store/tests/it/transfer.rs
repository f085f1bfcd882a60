//! Export and import of sessions.

use generativeai::ErrorKind;
use generativeai::protocol::content::{Blob, Content};
use generativeai::testing::Scripted;

use crate::support::{TestDatabase, assert_kind, counting_model, model, stored_texts};

#[tokio::test]
async fn an_exported_session_is_the_same_after_its_import() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let session = store.new_session("one").await.unwrap();
        let script = Scripted::default().then_text("x").then_fail(&["y"]);
        let mut chat = session.chat(&model(script)).await.unwrap();
        let picture = Blob::new("image/png", vec![1; 5_000]);
        chat.send_message(picture).await.unwrap();
        chat.send_message("?").stream().finish().await.unwrap_err();
        chat.rewind();
        chat.save().await.unwrap();

        let mut lines = Vec::new();
        session
            .fork("two", None)
            .await
            .unwrap()
            .export_jsonl(&mut lines)
            .await
            .unwrap();
        let other = TestDatabase::sqlite();
        let elsewhere = other.open().await;
        let copy = elsewhere.import_jsonl("copy", &lines[..]).await.unwrap();

        assert_eq!(copy.contents().await.unwrap(), chat.history());
        let mut again = Vec::new();
        copy.rename("two").await.unwrap();
        copy.export_jsonl(&mut again).await.unwrap();
        assert_eq!(
            String::from_utf8(lines).unwrap(),
            String::from_utf8(again).unwrap()
        );
        assert!(copy.redo().await.unwrap());
        assert!(
            copy.chat(&counting_model(0))
                .await
                .unwrap()
                .unfinished()
                .is_some()
        );
    }
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_named_and_nothing_is_imported() {
    let database = TestDatabase::sqlite();
    let store = database.open().await;
    let head = r#"{"generativeaiSession":1,"name":"x"}"#;
    let id = "0".repeat(32);
    for (lines, what) in [
        (String::new(), "line 1 "),
        ("{}".to_owned(), "line 1 "),
        (format!("{head}\nnonsense"), "line 2 "),
        (
            format!("{head}\n{{\"id\":\"é{id}\",\"event\":\"restored\"}}"),
            "line 2 ",
        ),
        (
            format!("{head}\n{{\"id\":\"{id}\",\"event\":\"unheard\"}}"),
            "line 2 ",
        ),
        (
            format!("{head}\n{{\"id\":\"{id}\",\"event\":\"restored\"}}"),
            "event 1 ",
        ),
    ] {
        let error = assert_kind(
            store.import_jsonl("x", lines.as_bytes()).await,
            ErrorKind::Corrupt,
        );
        assert!(error.to_string().starts_with(what), "{error}");
    }
    let quoted = format!("{head}\n{{\"id\":\"{id}\",\"event\":{{\"opened\":\"a secret\"}}}}");
    let error = assert_kind(
        store.import_jsonl("x", quoted.as_bytes()).await,
        ErrorKind::Corrupt,
    );
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        !format!("{error:#?} {source}").contains("secret"),
        "{error:?}"
    );
    assert!(source.contains("line 1, column "), "{source}");
    let newer = head.replace(":1", ":3");
    assert_kind(
        store.import_jsonl("x", newer.as_bytes()).await,
        ErrorKind::TooNew,
    );
    assert!(store.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn contents_from_elsewhere_become_a_session() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let contents: Vec<Content> = (0..301)
            .map(|number| match number % 2 {
                0 => Content::user(number.to_string()),
                _ => Content::model(number.to_string()),
            })
            .collect();
        let session = store
            .import_contents("old", contents.clone())
            .await
            .unwrap();

        assert_eq!(session.contents().await.unwrap(), contents);
        let mut chat = session.chat(&counting_model(1)).await.unwrap();
        chat.send_message("on").await.unwrap();
        assert_eq!(stored_texts(&session).await.len(), 303);
        let none: [Content; 0] = [];
        let empty = store.import_contents("", none).await.unwrap();
        assert!(empty.contents().await.unwrap().is_empty());
    }
}
