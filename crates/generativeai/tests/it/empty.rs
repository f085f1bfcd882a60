//! Replies and histories with parts that have no content. Row 1 of tests/field.md.

use generativeai::protocol::content::{Content, Part, Role};
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::testing::Scripted;
use generativeai::{ChatSession, Entry, ErrorKind, Event, GenerativeModel, Journal, Reason};
use serde_json::{Value, json};

use crate::support::memory::Memory;
use crate::support::mode::{MODES, Mode};

/// Parts without content, as replies have them.
fn empty_parts() -> Vec<Value> {
    vec![
        json!({}),
        json!({"text": null, "functionCall": null}),
        json!({"thought": true}),
        json!({"text": ""}),
        json!({"text": "", "thought": true}),
        json!({"functionCall": {}}),
        json!({"inlineData": {}}),
        json!({"thoughtSignature": ""}),
        json!({"thought": true, "thoughtSignature": ""}),
        json!({"text": "", "thoughtSignature": ""}),
        json!({"brandNew": null}),
        json!({"fileData": {}}),
        json!({"functionCall": {"name": "", "args": {"a": 1}}}),
    ]
}

/// Parts that have no content in a reply. In a message the service reports them.
fn empty_in_replies() -> Vec<Value> {
    let mut parts = empty_parts();
    parts.extend([
        json!({"inlineData": {"mimeType": "image/png"}}),
        json!({"inlineData": {"mimeType": "image/png", "data": ""}}),
    ]);
    parts
}

fn chunk(parts: Value, reason: Option<&str>) -> GenerateContentResponse {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}});
    if let Some(reason) = reason {
        candidate["finishReason"] = reason.into();
    }
    serde_json::from_value(json!({"candidates": [candidate]})).expect("a chunk")
}

fn contents(value: Value) -> Vec<Content> {
    serde_json::from_value(value).expect("contents")
}

fn chat(script: &Scripted) -> ChatSession {
    GenerativeModel::new("m")
        .backend(script.clone())
        .start_chat()
}

#[tokio::test]
async fn a_single_request_with_contents_of_another_api_is_refused() {
    let script = Scripted::always("Hi");
    let model = GenerativeModel::new("m").backend(script.clone());
    let foreign = contents(
        json!([{"role": "user", "parts": [{"text": ""}, {}]}, {"parts": []},
                                  {"role": "user", "content": "Hello"}]),
    );

    for error in [
        model.generate_content(foreign.clone()).await.map(drop),
        model.count_tokens(foreign).await.map(drop),
    ] {
        let error = error.expect_err("no parts");
        assert_eq!(error.kind(), ErrorKind::Request);
        let message = "content 3 has no `parts`, but the unknown member `content`: write ";
        assert!(error.to_string().starts_with(message), "{error}");
    }
    assert!(script.requests().is_empty());

    // A newer member next to `parts` is not the format of another API.
    let newer = contents(json!([{"role": "user", "parts": [{"text": "Hi"}]},
                                {"role": "model", "parts": [{}], "newMember": 1}]));
    model.generate_content(newer).await.expect("a reply");
    assert_eq!(
        sent(&script),
        json!([{"role": "user", "parts": [{"text": "Hi"}]}])
    );
}

/// Returns the contents of the last request.
fn sent(script: &Scripted) -> Value {
    json!(&script.requests().last().expect("a request").contents)
}

#[tokio::test]
async fn a_reply_without_content_stays_unfinished() {
    for empty in empty_in_replies() {
        for mode in MODES {
            let script = Scripted::default()
                .then_stream([chunk(json!([empty, empty]), Some("STOP"))])
                .then_text("Hello!");
            let mut chat = chat(&script);

            let error = mode
                .send(&mut chat, "Hi")
                .await
                .expect_err("an empty reply");

            assert_eq!(error.kind(), ErrorKind::Empty, "{empty}");
            assert!(error.response().is_some());
            assert!(chat.history().is_empty());
            let turn = chat.unfinished().expect("a turn");
            assert!(
                matches!(&turn.reason, Reason::Failed(error) if error.kind() == ErrorKind::Empty)
            );
            assert!(!chat.keep_partial());

            mode.send(&mut chat, "Hi").await.expect("a reply");
            assert_eq!(
                sent(&script),
                json!([{"role": "user", "parts": [{"text": "Hi"}]}])
            );
        }
    }
}

#[tokio::test]
async fn an_empty_part_next_to_content_does_not_enter_the_history() {
    for empty in empty_in_replies() {
        let script = Scripted::default()
            .then_stream([
                chunk(json!([empty, {"text": "Hel"}]), None),
                chunk(
                    json!([{"text": "lo!", "thoughtSignature": "c2ln"}, empty]),
                    None,
                ),
                chunk(json!([empty]), Some("STOP")),
            ])
            .then_text("Bye.");
        let mut chat = chat(&script);

        Mode::Streamed.send(&mut chat, "Hi").await.expect("a reply");
        Mode::Awaited.send(&mut chat, "Hi").await.expect("a reply");

        assert_eq!(chat.history()[1].text(), "Hello!", "{empty}");
        let reply = json!([{"text": "Hel"}, {"text": "lo!", "thoughtSignature": "c2ln"}]);
        assert_eq!(sent(&script)[1]["parts"], reply, "{empty}");
    }
}

#[tokio::test]
async fn a_signature_without_data_is_sent_back() {
    let parts = json!([{"text": "Hello!"}, {"thoughtSignature": "c2ln"}]);
    let script = Scripted::default()
        .then_stream([chunk(parts.clone(), Some("STOP"))])
        .then_text("Bye.");
    let mut chat = chat(&script);

    let reply = Mode::Streamed.send(&mut chat, "Hi").await.expect("a reply");
    Mode::Streamed.send(&mut chat, "Hi").await.expect("a reply");

    assert_eq!(reply.text().expect("a text"), "Hello!");
    assert_eq!(sent(&script)[1]["parts"], parts);
}

/// Returns a history whose second turn has no reply, and whose third has an empty part.
fn damaged(empty: &Value) -> Value {
    json!([
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [{"text": "A"}]},
        {"role": "user", "parts": [empty, {"text": "b"}]},
        {"role": "model", "parts": [empty]},
        {"role": "user", "parts": [{"text": "c"}]},
        {"role": "model", "parts": [{"text": "C"}, empty]},
    ])
}

/// Returns whether a part is an empty text, which the service accepts.
fn has_text(part: &Value) -> bool {
    part["text"] == ""
}

/// Checks that the history of [`damaged`] is sent without its empty parts.
async fn check_repaired(chat: &mut ChatSession, script: &Scripted, user_part: &Value) {
    Mode::Streamed.send(chat, "Hi").await.expect("a reply");
    let part = |text: &str| json!({ "text": text });
    let kept = match has_text(user_part) {
        true => json!([user_part, part("b")]),
        false => json!([part("b")]),
    };
    let mut expected = vec![
        json!({"role": "user", "parts": [part("a")]}),
        json!({"role": "model", "parts": [part("A")]}),
        json!({"role": "user", "parts": kept}),
        json!({"role": "user", "parts": [part("c")]}),
        json!({"role": "model", "parts": [part("C")]}),
        json!({"role": "user", "parts": [part("Hi")]}),
    ];
    if has_text(user_part) {
        expected.insert(3, json!({"role": "model", "parts": [user_part]}));
    }
    assert_eq!(sent(script), json!(expected));
}

#[tokio::test]
async fn empty_parts_of_a_given_history_are_not_sent() {
    for empty in empty_parts() {
        let script = Scripted::default().then_text("Hello!");
        let mut chat = chat(&script).with_history(contents(damaged(&empty)));

        check_repaired(&mut chat, &script, &empty).await;
    }
}

#[tokio::test]
async fn empty_parts_of_a_saved_conversation_are_not_sent() {
    for empty in empty_parts() {
        let saved = json!({
            "model": {"name": "models/m"}, "history": damaged(&empty), "interrupted": [1, 5],
        });
        let script = Scripted::default().then_text("Hello!");
        let loaded: ChatSession = serde_json::from_value(saved).expect("a conversation");
        let mut chat = loaded.backend(script.clone());

        let interrupted: Vec<usize> = (0..6).filter(|&at| chat.is_interrupted(at)).collect();
        assert_eq!(interrupted, [1, if has_text(&empty) { 5 } else { 4 }]);
        check_repaired(&mut chat, &script, &empty).await;
    }
}

#[tokio::test]
async fn empty_parts_in_an_older_journal_are_not_sent() {
    for empty in empty_parts() {
        let opened =
            |text: &str| json!({"opened": {"sent": {"role": "user", "parts": [{"text": text}]}}});
        let completed = |parts: Value| {
            let content = json!({"role": "model", "parts": parts});
            json!({"completed": {"response": {"candidates": [{"content": content, "finishReason": "STOP"}]}}})
        };
        let events = json!([
            {"added": {"contents": damaged(&empty)}},
            opened("d"),
            completed(json!([empty])),
            // Lengths in events count the empty contents.
            {"rewound": {"length": 6}},
            opened("e"),
            completed(json!([{"text": "E"}])),
            {"rewound": {"length": 6}},
        ]);
        let events: Vec<Event> = serde_json::from_value(events).expect("events");
        let journal = Memory::default();
        let entries = events.into_iter().map(Entry::new).collect();
        journal.append(0, entries).await.expect("written");
        let script = Scripted::default().then_text("Hello!");
        let model = GenerativeModel::new("m").backend(script.clone());

        let mut resumed = journal.resume(&model);

        check_repaired(&mut resumed, &script, &empty).await;
        assert_eq!(journal.resume(&model).history(), resumed.history());
    }
}

#[tokio::test]
async fn empty_parts_of_a_message_are_not_sent() {
    let script = Scripted::default().then_text("Hello!").then_text("Bye.");
    let model = GenerativeModel::new("m").backend(script.clone());
    let message = || Content::from(vec![Part::default(), Part::text("Hi"), Part::default()]);
    let expected = json!([{"role": "user", "parts": [{"text": "Hi"}]}]);

    model
        .start_chat()
        .send_message(message())
        .await
        .expect("a reply");
    assert_eq!(sent(&script), expected);
    model.generate_content(message()).await.expect("a reply");
    assert_eq!(sent(&script), expected);

    let empty = || Content::from(vec![Part::default()]).role(Role::User);
    let error = model.start_chat().send_message(empty()).await;
    assert_eq!(
        error.expect_err("nothing to send").kind(),
        ErrorKind::Request
    );
    let error = model.generate_content(empty()).await;
    assert_eq!(
        error.expect_err("nothing to send").kind(),
        ErrorKind::Request
    );
}
