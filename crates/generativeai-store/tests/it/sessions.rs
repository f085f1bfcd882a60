//! Sessions: made, found, gone on with, renamed, searched, deleted.

use generativeai::protocol::content::{Blob, Content, FunctionResponse, Part};
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::testing::Scripted;
use generativeai::{Compaction, Error, ErrorKind, Function, Reason};
use serde_json::json;

use crate::support::{Place, assert_kind, counting, model, stored, texts};

#[tokio::test]
async fn a_chat_is_gone_on_with_after_the_program_ended() {
    for place in Place::all().await {
        let session = place.open().await.new_session("one").await.unwrap();
        let mut chat = session.chat(&counting(1)).await.unwrap();
        chat.send_message("a").await.unwrap();
        drop((session, chat));

        let session = place.open().await.session("one").await.unwrap();
        let mut chat = session.chat(&counting(1)).await.unwrap();
        assert_eq!(texts(&chat), ["a", "0"]);
        chat.send_message("b").await.unwrap();

        assert_eq!(stored(&session).await, ["a", "0", "b", "0"]);
        assert_eq!(session.info().await.unwrap().events, 4);
        assert!(chat.unsaved().is_none());
    }
}

#[tokio::test]
async fn an_interrupted_turn_is_unfinished_when_the_chat_is_opened_again() {
    for place in Place::all().await {
        let session = place.open().await.new_session("").await.unwrap();
        let script = Scripted::default().then_hang(&["Once upon "]);
        let mut chat = session.chat(&model(script)).await.unwrap();
        let mut reply = chat.send_message("A story?").stream();
        reply.next().await.unwrap().unwrap();
        drop(reply);

        let again = session.chat(&counting(0)).await.unwrap();
        let unfinished = again.unfinished().unwrap();
        assert!(matches!(unfinished.reason, Reason::Interrupted));
        assert_eq!(unfinished.sent, Content::user("A story?"));

        chat.save().await.unwrap();
        let mut again = session.chat(&counting(1)).await.unwrap();
        assert!(again.keep_partial());
        again.send_message("And then?").await.unwrap();
        let all = ["A story?", "Once upon ", "And then?", "0"];
        assert_eq!(stored(&session).await, all);
    }
}

#[tokio::test]
async fn rounds_of_calls_and_failures_are_kept() {
    for place in Place::all().await {
        let session = place.open().await.new_session("tools").await.unwrap();
        let double = Function::new(
            "double",
            "Doubles.",
            |number: i64| async move { number * 2 },
        );
        let script = Scripted::default()
            .then_call("double", json!({"value": 2}))
            .then_error(&[], Error::new(ErrorKind::Unavailable, "overloaded"))
            .then_text("Four.");
        let model = model(script).tools(double);
        let mut chat = session
            .chat(&model)
            .await
            .unwrap()
            .automatic_function_calling(true);
        chat.send_message("Twice two?").await.unwrap_err();

        let mut chat = session
            .chat(&model)
            .await
            .unwrap()
            .automatic_function_calling(true);
        let unfinished = chat.unfinished().unwrap();
        assert_eq!(unfinished.exchanged.len(), 2);
        assert!(
            matches!(&unfinished.reason, Reason::Failed(why) if why.to_string() == "overloaded")
        );
        chat.retry().await.unwrap();

        assert_eq!(session.contents().await.unwrap(), chat.history());
        assert_eq!(chat.history().len(), 4);
    }
}

#[tokio::test]
async fn what_is_unknown_or_opaque_comes_back_as_it_was() {
    let reply = json!({
        "candidates": [{
            "content": {"role": "model", "parts": [
                {"text": "x\u{0}y", "thoughtSignature": "AbC+/==", "future": {"z": 1, "a": [1.0, 1e-7]}},
            ], "new": null},
            "finishReason": "STOP",
        }],
        "usageMetadata": {"totalTokenCount": 7, "unheardOf": true},
        "modelVersion": "m-1",
    });
    let response: GenerateContentResponse = serde_json::from_value(reply).unwrap();
    for place in Place::all().await {
        let session = place.open().await.new_session("exact").await.unwrap();
        let script = Scripted::default().then_stream([response.clone()]);
        let mut chat = session.chat(&model(script)).await.unwrap();
        let message: Content =
            serde_json::from_value(json!({"parts": [{"text": "?", "kept": "é\u{1F600}"}]}))
                .unwrap();
        chat.send_message(message).await.unwrap();

        let again = session.chat(&counting(0)).await.unwrap();
        assert_eq!(
            json!(again.history()).to_string(),
            json!(chat.history()).to_string()
        );
        assert_eq!(again.last(), Some(&response));
    }
}

#[tokio::test]
async fn media_are_stored_once_and_come_back_byte_for_byte() {
    let picture = Blob::new("image/png", vec![7; 100_000]);
    let odd = Blob::from_base64("image/png", format!("blob:{}", "0".repeat(64)));
    let mut answer = FunctionResponse::new("look", json!({}));
    answer.parts.push(picture.clone().into());
    for place in Place::all().await {
        let store = place.open().await;
        let session = store.new_session("media").await.unwrap();
        let mut chat = session.chat(&counting(3)).await.unwrap();
        for _ in 0..2 {
            let parts: Vec<Part> = vec![picture.clone().into(), odd.clone().into()];
            chat.send_message(parts).await.unwrap();
        }
        chat.send_message(answer.clone()).await.unwrap();

        assert_eq!(session.contents().await.unwrap(), chat.history());
        let other = session.fork("other", None).await.unwrap();
        session.delete().await.unwrap();
        assert_eq!(other.contents().await.unwrap(), chat.history());
        let rows = place.count("SELECT COUNT(*) FROM blob").await;
        assert_eq!(rows, 2);
        other.delete().await.unwrap();
        assert_eq!(place.count("SELECT COUNT(*) FROM blob").await, 0);
    }
}

#[tokio::test]
async fn sessions_are_found_by_name_and_number_and_listed_by_last_use() {
    for place in Place::all().await {
        let store = place.open().await;
        let one = store.new_session("one").await.unwrap();
        let two = store.new_session("").await.unwrap();
        let number = two.id().to_string();
        assert_eq!(store.session("one").await.unwrap().id(), one.id());
        assert_eq!(store.session(&number).await.unwrap().id(), two.id());
        let names = async || -> Vec<String> {
            let all = store.list().await.unwrap();
            all.into_iter().map(|session| session.name).collect()
        };
        assert_eq!(names().await, [number.as_str(), "one"]);

        one.chat(&counting(1))
            .await
            .unwrap()
            .send_message("hi")
            .await
            .unwrap();
        assert_eq!(names().await, ["one", number.as_str()]);

        one.rename("first").await.unwrap();
        assert_eq!(names().await, ["first", number.as_str()]);
        assert_kind(store.session("one").await, ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn a_name_is_given_once_and_can_be_shown() {
    for place in Place::all().await {
        let store = place.open().await;
        let one = store.new_session("one").await.unwrap();
        let two = store.new_session("two").await.unwrap();
        for name in ["one", "12", "a\u{1b}[2J", "a\0", &"x".repeat(201)] {
            assert_kind(store.new_session(name).await, ErrorKind::Request);
            assert_kind(two.rename(name).await, ErrorKind::Request);
            assert_kind(one.fork(name, None).await, ErrorKind::Request);
        }
        assert_eq!(store.list().await.unwrap().len(), 2);

        one.delete().await.unwrap();
        two.rename("one").await.unwrap();
        assert_kind(one.rename("three").await, ErrorKind::NotFound);
        assert_kind(one.info().await, ErrorKind::NotFound);
        assert_kind(one.chat(&counting(0)).await, ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn what_was_said_is_found_by_its_words() {
    for place in Place::all().await {
        let store = place.open().await;
        let session = store.new_session("mountains").await.unwrap();
        let script = Scripted::default()
            .then_text("Ben Nevis has 1,345 metres")
            .then_parts([
                Part::text("a secret thought").thought(true),
                Part::text("Snowdon"),
            ]);
        let mut chat = session.chat(&model(script)).await.unwrap();
        chat.send_message("How TALL is \"Ben Nevis\"? É")
            .await
            .unwrap();
        chat.send_message("And in Wales?\0").await.unwrap();
        chat.rewind();
        chat.save().await.unwrap();

        let events = async |words: &str| -> Vec<u64> {
            let hits = store.search(words).await.unwrap();
            hits.into_iter().map(|hit| hit.event).collect()
        };
        assert_eq!(events("nevis ben").await, [2, 1]);
        assert_eq!(events("tall").await, [1]);
        assert_eq!(events("é").await, [1]);
        assert_eq!(events("snowdon").await, [4]);
        for nothing in [
            "secret",
            "tall wales",
            "",
            " ",
            "\"",
            "\0",
            "a OR b",
            "tall*x",
            "&|!",
        ] {
            assert_eq!(events(nothing).await, [0; 0], "{nothing}");
        }
        let hit = &store.search("1,345 metres").await.unwrap()[0];
        assert_eq!((hit.session.as_str(), hit.id), ("mountains", session.id()));
        assert_eq!(hit.text, "Ben Nevis has 1,345 metres");

        session.delete().await.unwrap();
        assert_eq!(events("nevis").await, [0; 0]);
    }
}

#[tokio::test]
async fn a_message_of_many_different_words_is_stored() {
    let long: String = (0..400_000).map(|word| format!("w{word} ")).collect();
    for place in Place::all().await {
        let store = place.open().await;
        let session = store.new_session("long").await.unwrap();
        let mut chat = session.chat(&counting(1)).await.unwrap();
        chat.send_message(long.as_str()).await.unwrap();

        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
        assert_eq!(session.contents().await.unwrap(), chat.history());
        assert_eq!(store.search("w1234").await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_leaves_a_history_for_its_budget_is_kept_and_found() {
    for compaction in [Compaction::LeaveOut, Compaction::Summarize] {
        for place in Place::all().await {
            let store = place.open().await;
            let session = store.new_session("long").await.unwrap();
            let mut chat = session.chat(&counting(40)).await.unwrap();
            chat = chat.context_budget(60, compaction);
            for turn in 0..12 {
                let message = format!("message number{turn} of quite a few words");
                chat.send_message(message).await.unwrap();
            }
            assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
            assert!(!chat.left_out().is_empty());

            let again = session.chat(&counting(0)).await.unwrap();
            assert_eq!(again.history(), chat.history());
            assert_eq!(again.left_out(), chat.left_out());
            assert_eq!(store.search("number0").await.unwrap()[0].event, 1);
        }
    }
}

#[tokio::test]
async fn turns_are_undone_and_redone() {
    for place in Place::all().await {
        let session = place.open().await.new_session("undo").await.unwrap();
        let mut chat = session.chat(&counting(2)).await.unwrap();
        chat.send_message("a").await.unwrap();
        chat.send_message("b").await.unwrap();

        assert!(session.undo().await.unwrap());
        assert_eq!(stored(&session).await, ["a", "0"]);
        assert!(session.undo().await.unwrap());
        assert!(!session.undo().await.unwrap());
        assert!(session.redo().await.unwrap());
        assert!(session.redo().await.unwrap());
        assert!(!session.redo().await.unwrap());
        assert_eq!(stored(&session).await, ["a", "0", "b", "1"]);

        let sent = chat.send_message("c").await;
        assert_kind(sent, ErrorKind::Conflict);
        session.undo().await.unwrap();
        let mut chat = session.chat(&counting(1)).await.unwrap();
        assert!(chat.restore());
        chat.rewind();
        chat.send_message("d").await.unwrap();
        assert!(!session.redo().await.unwrap());
        assert_eq!(stored(&session).await, ["a", "0", "d", "0"]);
    }
}
