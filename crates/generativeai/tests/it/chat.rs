//! Guarantees of a chat: turns are transactions.

use std::time::Duration;

use generativeai::protocol::content::{Content, Part, Role};
use generativeai::testing::Scripted;
use generativeai::{ChatSession, ErrorKind, GenerativeModel, Reason, RequestOptions};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::chats::{chat, read, response, texts};

#[tokio::test]
async fn a_turn_enters_the_history_when_it_is_complete() {
    let mut chat = chat(Scripted::default().then_text("A").then_chunks(["B", "b"]));

    chat.send_message("a").await.unwrap();
    let (received, failed) = read(&mut chat, "b").await;

    assert_eq!(
        (received, failed),
        (vec!["B".to_owned(), "b".to_owned()], None)
    );
    assert_eq!(texts(&chat), ["a", "A", "b", "Bb"]);
    let roles: Vec<_> = chat
        .history()
        .iter()
        .map(|content| content.role.clone())
        .collect();
    assert_eq!(
        roles,
        [Role::User, Role::Model, Role::User, Role::Model].map(Some)
    );
    assert!(chat.unfinished().is_none());
}

#[tokio::test]
async fn a_request_sends_the_history_and_the_message() {
    let script = Scripted::default().then_text("A").then_text("B");
    let mut chat = chat(script.clone());

    chat.send_message("a").await.unwrap();
    chat.send_message("b").await.unwrap();

    let sent = serde_json::to_value(&script.requests()[1]).unwrap();
    let contents = sent["contents"].as_array().expect("contents");
    assert_eq!(contents.len(), 3);
    assert_eq!(
        contents[2],
        json!({"role": "user", "parts": [{"text": "b"}]})
    );
    assert_eq!(sent["model"], "models/m");
    assert_eq!(
        sent.as_object().unwrap().len(),
        2,
        "nothing that was not set: {sent}"
    );
}

#[tokio::test]
async fn a_reply_that_breaks_off_leaves_no_trace_in_the_history() {
    let mut chat = chat(Scripted::default().then_text("A").then_fail(&["13"]));
    chat.send_message("a").await.unwrap();

    let (received, failed) = read(&mut chat, "How tall is Ben Nevis?").await;

    assert_eq!(
        (received, failed),
        (vec!["13".to_owned()], Some(ErrorKind::Unreachable))
    );
    assert_eq!(texts(&chat), ["a", "A"]);
    let unfinished = chat.unfinished().expect("the turn is unfinished");
    assert_eq!(
        unfinished.sent.parts[0].as_text(),
        Some("How tall is Ben Nevis?")
    );
    assert_eq!(unfinished.received.as_ref().unwrap().text().unwrap(), "13");
    assert!(matches!(&unfinished.reason, Reason::Failed(e) if e.kind() == ErrorKind::Unreachable));
    assert_eq!(chat.last().unwrap().text().unwrap(), "13");
}

#[tokio::test]
async fn an_error_has_the_partial_reply() {
    let mut chat = chat(Scripted::default().then_fail(&["1,", "3"]));

    let error = chat
        .send_message("How tall?")
        .stream()
        .finish()
        .await
        .unwrap_err();

    assert_eq!(
        error.response().expect("the partial reply").text().unwrap(),
        "1,3"
    );
}

#[tokio::test]
async fn a_dropped_stream_leaves_an_interrupted_turn_wherever_it_is_dropped() {
    for read in 0..=3 {
        let mut chat = chat(
            Scripted::default()
                .then_chunks(["1", "2", "3"])
                .then_text("next"),
        );
        let mut reply = chat.send_message("count").stream();
        for _ in 0..read {
            reply.next().await.unwrap().unwrap();
        }
        drop(reply);

        assert!(chat.history().is_empty(), "after {read} chunks");
        let unfinished = chat.unfinished().expect("the turn is unfinished");
        assert!(matches!(unfinished.reason, Reason::Interrupted));
        let received = unfinished
            .received
            .as_ref()
            .map(|reply| reply.text().unwrap());
        assert_eq!(
            received.as_deref(),
            [None, Some("1"), Some("12"), Some("123")][read]
        );

        chat.send_message("go on").await.unwrap();
        let reply = if read == 0 { "123" } else { "next" };
        assert_eq!(
            texts(&chat),
            ["go on", reply],
            "nothing is sent before the first chunk is read"
        );
    }
}

#[tokio::test]
async fn an_empty_message_is_refused_and_changes_nothing() {
    let script = Scripted::default().then_text("A");
    let mut chat = chat(script.clone());
    chat.send_message("a").await.unwrap();

    for empty in [
        Content::from(""),
        Content::default(),
        Content::from(Part::default()),
    ] {
        let error = chat.send_message(empty).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request);
    }

    assert_eq!(chat.last().unwrap().text().unwrap(), "A");
    assert_eq!(chat.history().len(), 2);
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test]
async fn last_is_kept_until_the_next_send_the_rewind_or_a_new_history() {
    let script = Scripted::default()
        .then_text("A")
        .then_fail(&[])
        .then_text("B")
        .then_text("C");
    let mut chat = chat(script);
    assert!(chat.last().is_none());

    chat.send_message("a").await.unwrap();
    assert!(!chat.history().is_empty());
    assert_eq!(
        chat.last().unwrap().text().unwrap(),
        "A",
        "reading changes nothing"
    );

    chat.send_message("b").await.unwrap_err();
    assert!(chat.last().is_none());

    chat.send_message("b").await.unwrap();
    chat.rewind();
    assert!(chat.last().is_none());

    chat.send_message("c").await.unwrap();
    chat.set_history([Content::user("x")]);
    assert!(chat.last().is_none());
}

#[tokio::test]
async fn a_clone_and_its_original_continue_independently() {
    let script = Scripted::default()
        .then_text("A")
        .then_text("B")
        .then_text("C");
    let mut one = chat(script).automatic_function_calling(true);
    one.send_message("a").await.unwrap();

    let mut other = one.clone();
    other.send_message("b").await.unwrap();
    one.send_message("c").await.unwrap();

    assert_eq!(texts(&one), ["a", "A", "c", "C"]);
    assert_eq!(texts(&other), ["a", "A", "b", "B"]);
    assert!(other.automatic_calls_enabled());
}

#[tokio::test]
async fn unknown_members_are_sent_again_unchanged() {
    let reply = json!({"candidates": [{"content": {"role": "model", "parts": [
        {"text": "hm", "thought": true, "thoughtSignature": "c2ln/+=="},
        {"hologram": {"angle": 1.5}, "shimmer": [1]},
        {"text": "A", "mood": "blue"},
    ], "tone": "dry"}, "finishReason": "STOP"}]});
    let script = Scripted::default()
        .then_stream([response(reply.clone())])
        .then_text("B");
    let mut chat = chat(script.clone());
    chat.send_message("a").await.unwrap();

    let saved = serde_json::to_string(&chat).unwrap();
    let loaded: ChatSession = serde_json::from_str(&saved).unwrap();
    loaded
        .backend(script.clone())
        .send_message("b")
        .await
        .unwrap();

    let sent = serde_json::to_value(&script.requests()[1]).unwrap();
    assert_eq!(sent["contents"][1], reply["candidates"][0]["content"]);
}

#[tokio::test]
async fn a_loaded_chat_continues_where_it_stopped() {
    let script = Scripted::default()
        .then_text("A")
        .then_fail(&["B"])
        .then_text("Bb");
    let model = GenerativeModel::new("m")
        .system_instruction("Be brief.")
        .backend(script.clone());
    let mut chat = model.start_chat();
    chat.send_message("a").await.unwrap();
    read(&mut chat, "b").await;

    let saved = serde_json::to_value(&chat).unwrap();
    let loaded: ChatSession = serde_json::from_value(saved.clone()).unwrap();
    assert_eq!(serde_json::to_value(&loaded).unwrap(), saved);
    let mut loaded = loaded.backend(script.clone());

    assert_eq!(
        loaded
            .unfinished()
            .unwrap()
            .received
            .as_ref()
            .unwrap()
            .text()
            .unwrap(),
        "B"
    );
    loaded.retry().await.unwrap();
    assert_eq!(texts(&loaded), ["a", "A", "b", "Bb"]);
    let requests = script.requests();
    assert_eq!(requests[1].contents, requests[2].contents);
    assert_eq!(
        requests[1].system_instruction,
        requests[2].system_instruction
    );
}

#[tokio::test]
async fn debug_prints_no_prompt_and_no_reply() {
    let mut chat = chat(
        Scripted::default()
            .then_text("classified")
            .then_fail(&["restricted"]),
    );
    chat.send_message("confidential").await.unwrap();
    read(&mut chat, "secret").await;

    let shown = format!("{chat:?} {:?}", chat.unfinished());

    for word in ["classified", "restricted", "confidential", "secret"] {
        assert!(!shown.contains(word), "{shown}");
    }
}

/// Finding 15 of tests/newcomer.md.
#[tokio::test]
async fn a_history_is_accepted_wherever_contents_are() {
    let mut chat = chat(Scripted::always("A"));
    chat.send_message("a").await.unwrap();

    let mut other = chat.model().start_chat().with_history(chat.history());
    other.set_history(chat.history());
    let counted = chat.model().count_tokens(chat.history()).await.unwrap();
    chat.model().generate_content(chat.history()).await.unwrap();
    let first = &chat.history()[0];
    chat.model().count_tokens(first).await.unwrap();

    assert_eq!(other.history(), chat.history());
    assert_eq!(counted.total_tokens, Some(2));
    other.set_history([]);
    chat.clear();
    assert!(other.history().is_empty() && chat.history().is_empty());
    assert!(chat.last().is_none());
}

/// Finding 4 of tests/newcomer.md.
#[test]
fn a_check_reports_contents_in_the_format_of_another_api() {
    for (content, problem) in [
        (
            json!({"role": "assistant", "content": "Hello"}),
            "content 2 of the history has no `parts`, but the unknown member `content`: write \
             `{\"role\": \"user\", \"parts\": [{\"text\": \"…\"}]}`",
        ),
        (
            json!({"role": "assistant", "parts": [{"text": "Hello"}]}),
            "content 2 of the history has the unknown role `assistant`: the roles are `user` and `model`",
        ),
        (
            json!({"role": "system", "parts": [{"text": "Hello"}]}),
            "content 2 of the history has the role `system`: set it as `system_instruction` of the model instead",
        ),
    ] {
        let content: Content = serde_json::from_value(content).unwrap();
        let history = [Content::user("Hi"), content];
        let error = chat(Scripted::default()).with_history(history).check();
        assert_eq!(error.unwrap_err().to_string(), problem);
    }
    let known = [Content::user("Hi"), Content::model("Hello")];
    assert!(
        chat(Scripted::default())
            .with_history(known)
            .check()
            .is_ok()
    );
}

/// The API rejects each request with such a history, and the last content may still be answered.
#[test]
fn a_check_reports_calls_that_the_next_content_does_not_answer() {
    let call = |id: &str| json!({"functionCall": {"name": "f", "id": id, "args": {}}});
    let response = |id: &str| json!({"functionResponse": {"name": "f", "id": id, "response": {}}});
    let check = |contents: Value| {
        let history: Vec<Content> = serde_json::from_value(contents).unwrap();
        let checked = chat(Scripted::default()).with_history(history).check();
        checked.map_err(|error| error.to_string())
    };
    let question = json!({"role": "user", "parts": [{"text": "a"}]});
    let calls = json!({"role": "model", "parts": [call("1"), call("2")]});
    let answers = |ids: &[&str]| {
        let parts: Vec<Value> = ids.iter().map(|id| response(id)).collect();
        json!({"role": "user", "parts": parts})
    };

    assert_eq!(
        check(json!([question, calls, answers(&["1", "2"])])),
        Ok(())
    );
    assert_eq!(check(json!([question, calls])), Ok(()));
    for next in [answers(&["2"]), question.clone()] {
        let problem = check(json!([question, calls, next])).unwrap_err();
        assert!(
            problem.starts_with("content 2 of the history calls `f`"),
            "{problem}"
        );
    }
}

/// Finding 11 of tests/newcomer.md.
#[tokio::test]
async fn the_error_for_a_call_instead_of_text_names_the_function_and_the_remedy() {
    let call = || Scripted::default().then_call("height", json!({}));
    let model = GenerativeModel::new("m").backend(call());

    let in_chat = chat(call()).send_message("a").await.unwrap();
    let alone = model.generate_content("a").await.unwrap();

    for reply in [in_chat, alone] {
        let message = reply.text().unwrap_err().to_string();
        for named in [
            "`height`",
            "`automatic_function_calling(true)`",
            "`guide::tools`",
        ] {
            assert!(message.contains(named), "{message}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_scripted_reply_that_never_ends_observes_the_time_limits() {
    let second = Duration::from_secs(1);
    let script = Scripted::default().then_hang(&[]).then_hang(&["Once "]);
    let mut chat = chat(script);
    let start = Instant::now();

    let limits = RequestOptions::default().timeout(2 * second);
    let message = chat.send_message("Hi").request_options(limits);
    assert_eq!(message.await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(start.elapsed(), 2 * second);

    let limits = RequestOptions::default().idle_timeout(3 * second);
    let message = chat.send_message("Hi").request_options(limits);
    let error = message.stream().finish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(start.elapsed(), 5 * second);
    assert_eq!(error.response().unwrap().to_string(), "Once ");
}
