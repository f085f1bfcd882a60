//! Turns that did not complete: undone, kept, sent again, and loaded.

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::{Content, FunctionResponse};
use generativeai::testing::Scripted;
use generativeai::{ChatSession, Error, ErrorKind, Event, Reason};
use serde_json::json;

use crate::support::chats::{chat, read, texts};

#[tokio::test]
async fn rewind_undoes_the_unfinished_turn_first() {
    let mut chat = chat(Scripted::default().then_text("A").then_fail(&["B"]));
    chat.send_message("a").await.unwrap();
    read(&mut chat, "b").await;

    let (sent, received) = chat.rewind().unwrap();
    assert_eq!(sent.parts[0].as_text(), Some("b"));
    assert_eq!(received.parts[0].as_text(), Some("B"));
    assert!(chat.unfinished().is_none() && chat.last().is_none());
    assert_eq!(texts(&chat), ["a", "A"]);

    let (sent, received) = chat.rewind().unwrap();
    assert_eq!(sent.parts[0].as_text(), Some("a"));
    assert_eq!(received.parts[0].as_text(), Some("A"));
    assert!(chat.rewind().is_none());
}

#[tokio::test]
async fn rewinding_a_turn_without_a_reply_returns_an_empty_reply() {
    let mut chat = chat(Scripted::default().then_fail(&[]));
    chat.send_message("a").await.unwrap_err();

    let (sent, received) = chat.rewind().unwrap();

    assert_eq!(sent.parts[0].as_text(), Some("a"));
    assert!(received.parts.is_empty());
}

#[tokio::test]
async fn rewind_undoes_a_turn_with_its_rounds_of_function_calls() {
    let answer =
        FunctionResponse::new("now", json!({"time": "12:30"}).as_object().unwrap().clone());
    let script = Scripted::default()
        .then_text("A")
        .then_call("now", json!({}))
        .then_text("12:30");
    let mut chat = chat(script);
    chat.send_message("a").await.unwrap();
    chat.send_message("what time is it?").await.unwrap();
    chat.send_message(answer).await.unwrap();

    let (sent, received) = chat.rewind().unwrap();

    assert_eq!(sent.parts[0].as_text(), Some("what time is it?"));
    assert_eq!(received.parts[0].as_text(), Some("12:30"));
    assert_eq!(texts(&chat), ["a", "A"]);
}

#[tokio::test]
async fn a_partial_reply_can_be_kept() {
    let mut chat = chat(
        Scripted::default()
            .then_hang(&["Once ", "upon"])
            .then_text("on"),
    );
    let mut reply = chat.send_message("a story").stream();
    reply.next().await;
    reply.next().await;
    drop(reply);

    assert!(chat.keep_partial());

    assert_eq!(texts(&chat), ["a story", "Once upon"]);
    assert!(chat.unfinished().is_none() && !chat.keep_partial());
    chat.send_message("go").await.unwrap();
    assert_eq!(chat.history().len(), 4);
}

#[tokio::test]
async fn calls_in_a_kept_partial_reply_are_answered() {
    let mut chat = chat(Scripted::default().then_call("now", json!({})));
    let mut reply = chat.send_message("time?").stream();
    reply.next().await;
    drop(reply);

    chat.keep_partial();

    assert!(chat.pending_calls().is_empty());
    assert_eq!(chat.history().len(), 3);
    let kept = serde_json::to_value(&chat.history()[2]).unwrap();
    let answer = &kept["parts"][0]["functionResponse"];
    assert_eq!(answer["name"], "now");
    let error = "not answered: the turn ended before the call had a response";
    assert_eq!(answer["response"], json!({ "error": error }));
}

#[tokio::test]
async fn a_response_to_a_call_of_an_interrupted_reply_begins_a_new_turn() {
    let script = Scripted::default()
        .then_call("now", json!({}))
        .then_text("12:30");
    let mut chat = chat(script.clone());
    let mut reply = chat.send_message("time?").stream();
    reply.next().await;
    drop(reply);

    let answer = FunctionResponse::new("now", json!("12:30"));
    chat.send_message(answer.clone()).await.unwrap();

    assert_eq!(script.requests()[1].contents, Content::user(answer).into());
}

#[tokio::test]
async fn retry_sends_the_same_message_with_the_same_settings() {
    let script = Scripted::default()
        .then_text("A")
        .then_fail(&[])
        .then_text("B");
    let mut chat = chat(script.clone());
    chat.send_message("a").await.unwrap();
    let cold = GenerationConfig::default().temperature(0.0);
    chat.send_message("b")
        .generation_config(cold.clone())
        .await
        .unwrap_err();

    chat.retry().await.unwrap();

    assert_eq!(texts(&chat), ["a", "A", "b", "B"]);
    let requests = script.requests();
    assert_eq!(requests[1], requests[2]);
    assert_eq!(requests[2].generation_config.as_deref(), Some(&cold));
}

#[tokio::test]
async fn without_an_unfinished_turn_there_is_nothing_to_retry() {
    let mut chat = chat(Scripted::default());

    assert_eq!(chat.retry().await.unwrap_err().kind(), ErrorKind::Request);
}

#[tokio::test]
async fn a_loaded_turn_keeps_the_kind_of_its_error() {
    for kind in [
        ErrorKind::Authentication,
        ErrorKind::Quota,
        ErrorKind::RateLimited,
    ] {
        let refused = Error::new(kind, "refused");
        let mut chat = chat(Scripted::default().then_error(&["Half"], refused));
        chat.send_message("Hi").stream().finish().await.unwrap_err();

        let saved = json!(chat);
        // Older versions read the reason alone.
        assert_eq!(saved["unfinished"]["reason"], json!({"failed": "refused"}));
        assert_eq!(saved["unfinished"]["errorKind"], json!(kind));
        let loaded: ChatSession = serde_json::from_value(saved).unwrap();

        let turn = loaded.unfinished().unwrap();
        assert!(matches!(&turn.reason, Reason::Failed(error)
            if error.kind() == kind && error.to_string() == "refused"));
        assert_eq!(turn.received.as_ref().unwrap().to_string(), "Half");
    }
}

#[tokio::test]
async fn the_error_of_a_loaded_turn_without_a_known_kind_is_unreachable() {
    for kind in [json!({}), json!({"errorKind": "newKind"})] {
        let mut reason = json!({"unfinished": {"reason": {"failed": "refused"}}});
        let members = reason["unfinished"].as_object_mut().unwrap();
        members.extend(kind.as_object().unwrap().clone());

        let event: Event = serde_json::from_value(reason).unwrap();

        assert!(
            matches!(&event, Event::Unfinished { reason: Reason::Failed(error), .. }
            if error.kind() == ErrorKind::Unreachable && error.to_string() == "refused")
        );
    }
}
