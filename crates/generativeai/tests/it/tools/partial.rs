//! Calls whose arguments are streamed in pieces. Row 25 of tests/field.md.

use generativeai::{ErrorKind, Reason};

use super::*;

/// Returns a chunk with a piece of a call.
fn piece(call: Value) -> GenerateContentResponse {
    chunk(json!([{ "functionCall": call }]), "")
}

fn begins() -> GenerateContentResponse {
    piece(json!({"name": "greet", "willContinue": true}))
}

fn continues(text: &str) -> GenerateContentResponse {
    let args = json!([{"jsonPath": "$.greeting", "stringValue": text, "willContinue": true}]);
    piece(json!({"partialArgs": args, "willContinue": true}))
}

/// Returns the end of a reply, as the service sends it.
fn ends(reason: &str) -> GenerateContentResponse {
    chunk(json!([{"text": ""}]), reason)
}

#[tokio::test]
async fn a_call_in_pieces_runs_once_with_all_its_arguments() {
    let pieces = [
        begins(),
        continues("Hel"),
        continues("lo"),
        piece(json!({})),
        ends("STOP"),
    ];
    let script = Scripted::default()
        .then_stream(pieces.clone())
        .then_text("Done.");
    let (greet, calls) = counting("greet");
    let mut chat = chat(&script, greet);

    let mut reply = chat.send_message("Greet!").stream();
    let mut seen = 0;
    while let Some(chunk) = reply.next().await {
        chunk.unwrap();
        seen += 1;
    }
    drop(reply);

    assert_eq!(seen, pieces.len() + 1, "each piece is returned as it comes");
    assert_eq!(*calls.lock().unwrap(), [json!({"greeting": "Hello"})]);
    assert_eq!(
        json!(&chat.history()[1].parts),
        json!([{"functionCall": {"name": "greet", "args": {"greeting": "Hello"}}}])
    );
    assert_sendable(chat.history());
}

/// Replies that end within a call: with the finish reason, without one, with another call after it.
fn cut() -> Vec<Vec<GenerateContentResponse>> {
    let other = piece(json!({"name": "other", "args": {}}));
    let unfit = piece(json!({"partialArgs": [{"jsonPath": "greeting", "stringValue": "x"}]}));
    vec![
        vec![begins(), ends("STOP")],
        vec![begins(), continues("Hel"), ends("STOP")],
        vec![begins(), continues("Hel"), ends("MAX_TOKENS")],
        vec![begins(), continues("Hel")],
        vec![begins(), other.clone(), ends("STOP")],
        vec![other, begins(), continues("Hel"), ends("STOP")],
        vec![begins(), unfit, ends("STOP")],
    ]
}

#[tokio::test]
async fn a_call_that_stops_short_never_runs_and_the_turn_is_truncated() {
    for pieces in cut() {
        for is_automatic in [true, false] {
            let script = Scripted::default().then_stream(pieces.clone());
            let ((greet, calls), (other, others)) = (counting("greet"), counting("other"));
            let mut chat = automatic(&script, (greet, other), is_automatic.into());

            let error = chat
                .send_message("Greet!")
                .stream()
                .finish()
                .await
                .unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Truncated, "{error}");
            assert!(matches!(
                chat.unfinished().unwrap().reason,
                Reason::Truncated
            ));
            assert!(calls.lock().unwrap().is_empty() && others.lock().unwrap().is_empty());
            assert!(chat.history().is_empty() && chat.pending_calls().is_empty());
        }
    }
}

#[tokio::test]
async fn a_partial_call_is_not_kept_as_a_call() {
    for mut pieces in cut() {
        pieces.insert(0, chunk(json!([{"text": "Let me greet."}]), ""));
        let script = Scripted::default().then_stream(pieces).then_text("Hello!");
        let mut chat = chat(&script, counting("greet").0);
        chat.send_message("Greet!")
            .stream()
            .finish()
            .await
            .unwrap_err();
        let saved = serde_json::to_string(&chat).unwrap();

        for mut chat in [chat.clone(), serde_json::from_str(&saved).unwrap()] {
            assert!(chat.keep_partial());
            assert_eq!(chat.history()[1].text(), "Let me greet.");
            let parts = chat.history().iter().flat_map(|content| &content.parts);
            let mut calls = parts.filter_map(|part| part.as_function_call());
            assert!(calls.all(|call| call.name() == "other" && call.is_complete()));
            for answer in chat.history().iter().flat_map(answers) {
                let not_run =
                    json!({"error": "not answered: the turn ended before the call had a response"});
                assert_eq!(answer, not_run);
            }
            assert_sendable(chat.history());
        }
    }
    let script = Scripted::default().then_stream([begins(), continues("Hel"), ends("STOP")]);
    let mut chat = chat(&script, counting("greet").0);
    chat.send_message("Greet!")
        .stream()
        .finish()
        .await
        .unwrap_err();
    assert!(!chat.keep_partial(), "nothing is left of the reply");
    assert!(chat.unfinished().is_some());
}
