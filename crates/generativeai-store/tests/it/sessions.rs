//! Sessions: creating, finding, continuing, renaming, searching and deleting them.

use std::time::{Duration, SystemTime};

use generativeai::protocol::content::{Blob, Content, FunctionResponse, Part};
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::testing::Scripted;
use generativeai::{Compaction, Error, ErrorKind, Event, Function, Reason};
use serde_json::{Value, json};

use crate::support::{
    TestDatabase, assert_kind, counting_model, model, names, stored_texts, texts,
};

#[tokio::test]
async fn a_chat_continues_after_a_restart() {
    for database in TestDatabase::all().await {
        let session = database.open().await.new_session("one").await.unwrap();
        let mut chat = session.chat(&counting_model(1)).await.unwrap();
        chat.send_message("a").await.unwrap();
        drop((session, chat));

        let session = database.open().await.session("one").await.unwrap();
        let mut chat = session.chat(&counting_model(1)).await.unwrap();
        assert_eq!(texts(&chat), ["a", "0"]);
        chat.send_message("b").await.unwrap();

        assert_eq!(stored_texts(&session).await, ["a", "0", "b", "0"]);
        assert_eq!(session.info().await.unwrap().events, 4);
        assert!(chat.unsaved().is_none());
    }
}

#[tokio::test]
async fn an_interrupted_turn_is_unfinished_when_the_session_is_opened_again() {
    for database in TestDatabase::all().await {
        let session = database.open().await.new_session("").await.unwrap();
        let script = Scripted::default().then_hang(&["Once upon "]);
        let mut chat = session.chat(&model(script)).await.unwrap();
        let mut reply = chat.send_message("A story?").stream();
        reply.next().await.unwrap().unwrap();
        drop(reply);

        let again = session.chat(&counting_model(0)).await.unwrap();
        let unfinished = again.unfinished().unwrap();
        assert!(matches!(unfinished.reason, Reason::Interrupted));
        assert_eq!(unfinished.sent, Content::user("A story?"));

        chat.save().await.unwrap();
        let mut again = session.chat(&counting_model(1)).await.unwrap();
        assert!(again.keep_partial());
        again.send_message("And then?").await.unwrap();
        // A kept reply stays marked as interrupted.
        let later = session.chat(&counting_model(0)).await.unwrap();
        let marks = [0, 1, 2, 3].map(|index| later.is_interrupted(index));
        assert_eq!(marks, [false, true, false, false]);
        let all = ["A story?", "Once upon ", "And then?", "0"];
        assert_eq!(stored_texts(&session).await, all);
    }
}

#[tokio::test]
async fn function_calls_and_failures_are_stored() {
    for database in TestDatabase::all().await {
        let session = database.open().await.new_session("tools").await.unwrap();
        let double = Function::new("double", "Doubles.", async |args: Value| {
            args["value"].as_i64().map(|number| number * 2)
        });
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
        assert_eq!(unfinished.rounds.len(), 2);
        assert!(
            matches!(&unfinished.reason, Reason::Failed(error) if error.to_string() == "overloaded")
        );
        chat.retry().await.unwrap();

        assert_eq!(session.contents().await.unwrap(), chat.history());
        assert_eq!(chat.history().len(), 4);
    }
}

#[tokio::test]
async fn unknown_and_opaque_members_are_stored_unchanged() {
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
    for database in TestDatabase::all().await {
        let session = database.open().await.new_session("exact").await.unwrap();
        let script = Scripted::default().then_stream([response.clone()]);
        let mut chat = session.chat(&model(script)).await.unwrap();
        let message: Content =
            serde_json::from_value(json!({"parts": [{"text": "?", "kept": "é\u{1F600}"}]}))
                .unwrap();
        chat.send_message(message).await.unwrap();

        let again = session.chat(&counting_model(0)).await.unwrap();
        assert_eq!(
            json!(again.history()).to_string(),
            json!(chat.history()).to_string()
        );
        assert_eq!(again.last(), Some(&response));
    }
}

#[tokio::test]
async fn media_are_stored_once_and_read_back_unchanged() {
    let picture = Blob::new("image/png", vec![7; 100_000]);
    // Data that looks like a reference of the store to media.
    let odd = Blob::from_base64("image/png", format!("blob:{}", "0".repeat(64)));
    let mut answer = FunctionResponse::new("look", json!({}));
    answer.parts.push(picture.clone().into());
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let session = store.new_session("media").await.unwrap();
        let mut chat = session.chat(&counting_model(3)).await.unwrap();
        for _ in 0..2 {
            let parts: Vec<Part> = vec![picture.clone().into(), odd.clone().into()];
            chat.send_message(parts).await.unwrap();
        }
        chat.send_message(answer.clone()).await.unwrap();

        assert_eq!(session.contents().await.unwrap(), chat.history());
        let other = session.fork("other", None).await.unwrap();
        session.delete().await.unwrap();
        assert_eq!(other.contents().await.unwrap(), chat.history());
        let rows = database.count("blob").await;
        assert_eq!(rows, 2);
        other.delete().await.unwrap();
        assert_eq!(database.count("blob").await, 0);
    }
}

#[tokio::test]
async fn sessions_are_found_by_name_and_number_and_listed_by_last_use() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let one = store.new_session("one").await.unwrap();
        let two = store.new_session("").await.unwrap();
        let number = two.id().to_string();
        assert_eq!(store.session("one").await.unwrap().id(), one.id());
        let by_id = store.session_by_id(two.id()).await.unwrap();
        assert_eq!(by_id.id(), two.id());
        for (text, session) in [("one", &one), (&number, &two)] {
            let found = store.session_by_name_or_id(text).await.unwrap();
            assert_eq!(found.id(), session.id());
        }
        assert_eq!(names(&store).await, [number.as_str(), "one"]);

        one.chat(&counting_model(1))
            .await
            .unwrap()
            .send_message("hi")
            .await
            .unwrap();
        assert_eq!(names(&store).await, ["one", number.as_str()]);

        one.rename("first").await.unwrap();
        assert_eq!(names(&store).await, ["first", number.as_str()]);
        assert_kind(store.session("one").await, ErrorKind::NotFound);
        assert_kind(store.session_by_id(3).await, ErrorKind::NotFound);
        for text in ["one", "3", "", "a\nb", "a\0"] {
            let found = store.session_by_name_or_id(text).await;
            assert_kind(found, ErrorKind::NotFound);
        }
    }
}

#[tokio::test]
async fn find_or_create_finds_by_name_and_creates_valid_names_only() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let one = store.new_session("one").await.unwrap();
        assert_eq!(store.find_or_create("one").await.unwrap().id(), one.id());
        let two = store.find_or_create("two").await.unwrap();
        assert_eq!(two.info().await.unwrap().name, "two");

        one.delete().await.unwrap();
        assert_ne!(store.find_or_create("one").await.unwrap().id(), one.id());
        assert_kind(store.find_or_create("a\nb").await, ErrorKind::Request);
    }
}

/// A name may be that of a user, who must not get the session of another one.
#[tokio::test]
async fn a_name_that_is_a_number_or_empty_finds_no_session_and_creates_none() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        assert_eq!(store.new_session("ann").await.unwrap().id(), 1);
        for name in ["1", "01", "+1", "-1", "2", ""] {
            for found in [store.find_or_create(name).await, store.session(name).await] {
                let error = assert_kind(found, ErrorKind::Request);
                assert!(error.to_string().contains("use a prefix"), "{error}");
            }
        }
        assert_eq!(names(&store).await, ["ann"]);
    }
}

#[tokio::test]
async fn sessions_that_were_not_written_since_a_time_are_deleted() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let old = store.new_session("old").await.unwrap();
        let mut chat = old.chat(&counting_model(2)).await.unwrap();
        let picture = Blob::new("image/png", vec![7; 5_000]);
        chat.send_message(picture.clone()).await.unwrap();
        let fork = old.fork("fork", None).await.unwrap();
        chat.send_message(Blob::new("image/png", vec![8; 5_000]))
            .await
            .unwrap();
        store.new_session("new").await.unwrap();
        let age = format!(
            "UPDATE session SET changed_at = changed_at - 100000 WHERE id = {}",
            old.id()
        );
        database.execute(&age).await;

        let day_ago = SystemTime::now() - Duration::from_secs(86_400);
        assert_eq!(store.delete_older_than(day_ago).await.unwrap(), 1);
        assert_eq!(names(&store).await, ["new", "fork"]);
        assert_eq!(fork.contents().await.unwrap()[0], Content::user(picture));
        assert_eq!(database.count("blob").await, 1);
        assert_eq!(store.delete_older_than(day_ago).await.unwrap(), 0);

        let future = SystemTime::now() + Duration::from_secs(86_400);
        assert_eq!(store.delete_older_than(future).await.unwrap(), 2);
        for table in ["event", "media", "blob", "session"] {
            assert_eq!(database.count(table).await, 0, "{table}");
        }
    }
}

#[tokio::test]
async fn details_count_the_messages_and_name_the_model() {
    for database in TestDatabase::all().await {
        let session = database.open().await.new_session("one").await.unwrap();
        let empty = session.details().await.unwrap();
        assert_eq!((empty.messages, empty.model), (0, None));
        assert!(!empty.unanswered && !empty.interrupted);

        let mut reply = GenerateContentResponse::from(Content::model("A red square."));
        reply.model_version = Some("m-2".to_owned());
        let script = Scripted::default()
            .then_stream([reply])
            .then_text("Four.")
            .then_text("Undone.")
            .then_error(&[], Error::new(ErrorKind::RateLimited, "later"))
            .then_error(&["A part"], Error::new(ErrorKind::Truncated, "cut"));
        let mut chat = session.chat(&model(script)).await.unwrap();
        chat.send_message(Blob::new("image/png", vec![7; 5_000]))
            .await
            .unwrap();
        chat.send_message("Corners?").await.unwrap();
        chat.send_message("?").await.unwrap();
        chat.rewind();
        chat.save().await.unwrap();
        let details = session.details().await.unwrap();
        assert_eq!(details.messages, 4);
        assert_eq!(details.model.as_deref(), Some("m-2"));
        for (messages, unanswered) in [(5, true), (6, false)] {
            let mut reply = chat.send_message("More?").stream();
            while let Some(Ok(_)) = reply.next().await {}
            drop(reply);
            chat.save().await.unwrap();
            let details = session.details().await.unwrap();
            assert_eq!(details.messages, messages);
            assert_eq!(details.unanswered, unanswered);
            assert_eq!(details.interrupted, !unanswered);
        }

        session.delete().await.unwrap();
        assert_kind(session.details().await, ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn names_are_unique_and_printable() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
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
        assert_kind(one.chat(&counting_model(0)).await, ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn messages_and_replies_are_found_by_their_words() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
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
        let ignores_accents = database.key.is_none() && database.address.starts_with("sqlite:");
        assert_eq!(events("e").await.len(), usize::from(ignores_accents));
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
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let session = store.new_session("long").await.unwrap();
        let mut chat = session.chat(&counting_model(1)).await.unwrap();
        chat.send_message(long.as_str()).await.unwrap();

        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
        assert_eq!(session.contents().await.unwrap(), chat.history());
        assert_eq!(store.search("w1234").await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn contents_dropped_for_the_budget_stay_in_the_session_and_are_found() {
    for compaction in [Compaction::Drop, Compaction::Summarize] {
        for database in TestDatabase::all().await {
            let store = database.open().await;
            let session = store.new_session("long").await.unwrap();
            let mut chat = session.chat(&counting_model(40)).await.unwrap();
            chat = chat.context_budget(60, compaction);
            for turn in 0..12 {
                let message = format!("message number{turn} of quite a few words");
                chat.send_message(message).await.unwrap();
            }
            assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
            assert!(!chat.dropped().is_empty());

            let again = session.chat(&counting_model(0)).await.unwrap();
            assert_eq!(again.history(), chat.history());
            assert_eq!(again.dropped(), chat.dropped());
            assert_eq!(store.search("number0").await.unwrap()[0].event, 1);
        }
    }
}

#[tokio::test]
async fn a_summary_is_found_by_its_words() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let session = store.new_session("long").await.unwrap();
        let mut chat = session.chat(&counting_model(40)).await.unwrap();
        chat = chat.context_budget(60, Compaction::Summarize);
        for turn in 0..12 {
            let message = format!("message number{turn} of quite a few words");
            chat.send_message(message).await.unwrap();
        }

        let log = session.log().await.unwrap();
        let (summary, event) = log
            .iter()
            .zip(1..)
            .find_map(|(event, number)| match event {
                Event::Compacted { summary, .. } => Some((summary, number)),
                _ => None,
            })
            .unwrap();
        // The reply is a unique number.
        let reply = summary.last().unwrap().parts[0].as_text().unwrap();
        let hits = store.search(reply).await.unwrap();
        let events: Vec<u64> = hits.into_iter().map(|hit| hit.event).collect();
        assert_eq!(events, [event], "{reply}");
    }
}

#[tokio::test]
async fn turns_are_undone_and_redone() {
    for database in TestDatabase::all().await {
        let session = database.open().await.new_session("undo").await.unwrap();
        let mut chat = session.chat(&counting_model(2)).await.unwrap();
        chat.send_message("a").await.unwrap();
        chat.send_message("b").await.unwrap();

        assert!(session.undo().await.unwrap());
        assert_eq!(stored_texts(&session).await, ["a", "0"]);
        assert!(session.undo().await.unwrap());
        assert!(!session.undo().await.unwrap());
        assert!(session.redo().await.unwrap());
        assert!(session.redo().await.unwrap());
        assert!(!session.redo().await.unwrap());
        assert_eq!(stored_texts(&session).await, ["a", "0", "b", "1"]);

        let sent = chat.send_message("c").await;
        assert_kind(sent, ErrorKind::Conflict);
        session.undo().await.unwrap();
        let mut chat = session.chat(&counting_model(1)).await.unwrap();
        assert!(chat.redo());
        chat.rewind();
        chat.send_message("d").await.unwrap();
        assert!(!session.redo().await.unwrap());
        assert_eq!(stored_texts(&session).await, ["a", "0", "d", "0"]);
    }
}
