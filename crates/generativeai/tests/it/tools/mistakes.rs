//! Calls that the service rejects with a finish reason. Row 27 of tests/field.md.

use generativeai::protocol::response::FinishReason;
use generativeai::protocol::tools::FunctionDeclaration;
use generativeai::{ErrorKind, OnFailure, Reason};

use super::*;

#[tokio::test]
async fn the_model_gets_the_names_of_the_functions_and_the_turn_continues() {
    for mode in MODES {
        for reason in ["UNEXPECTED_TOOL_CALL", "MALFORMED_FUNCTION_CALL"] {
            let call = json!({"functionCall": {"name": "list_files", "args": {}}, "thoughtSignature": "c2ln"});
            let script = Scripted::default()
                .then_stream([chunk(json!([call]), reason)])
                .then_text("No files.");
            let (count, calls) = counting("count");
            let mut chat = chat(&script, count);

            let reply = mode
                .send(&mut chat, "Which files are there?")
                .await
                .unwrap();

            assert_eq!(reply.text().unwrap(), "No files.");
            assert!(calls.lock().unwrap().is_empty());
            assert_sendable(chat.history());
            assert_eq!(json!(&chat.history()[1].parts), json!([call]));
            let error = "unknown function `list_files`: call one of `count`";
            assert_eq!(answers(&chat.history()[2]), [json!({ "error": error })]);
        }
    }
}

#[tokio::test]
async fn the_error_for_the_model_reports_that_there_are_no_functions() {
    for mode in MODES {
        let call = json!({"functionCall": {"name": "run", "args": {}}});
        let script = Scripted::default()
            .then_stream([chunk(json!([call]), "UNEXPECTED_TOOL_CALL")])
            .then_text("I cannot.");
        let mut chat = chat(&script, Toolbox::default());

        mode.send(&mut chat, "Run it!").await.unwrap();

        let error = "unknown function `run`: there are no functions";
        assert_eq!(answers(&chat.history()[2]), [json!({ "error": error })]);
    }
}

#[tokio::test]
async fn no_function_runs_for_a_rejected_call() {
    for mode in MODES {
        let parts = json!([
            {"text": "Let me count."},
            {"functionCall": {"name": "count", "args": {"of": 1}}},
            {"functionCall": {"name": "dance"}},
        ]);
        let script = Scripted::default()
            .then_stream([chunk(parts, "MALFORMED_FUNCTION_CALL")])
            .then_call("count", json!({"of": "sheep"}))
            .then_text("One.");
        let (count, calls) = counting("count");
        let mut chat = chat(&script, count);

        mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(*calls.lock().unwrap(), [json!({"of": "sheep"})]);
        assert_sendable(chat.history());
        let answers = answers(&chat.history()[2]);
        let told = answers[0]["error"].as_str().unwrap();
        assert!(
            told.contains("MALFORMED_FUNCTION_CALL: call one of `count`"),
            "{told}"
        );
        assert!(
            answers[1]["error"]
                .as_str()
                .unwrap()
                .starts_with("unknown function `dance`")
        );
    }
}

/// Replies with a mistaken call in several forms.
fn mistaken() -> Vec<Vec<GenerateContentResponse>> {
    let call = json!({"functionCall": {"name": "list_files", "args": {}}});
    let call = |more: Value| {
        let mut call = call.clone();
        for (name, value) in more.as_object().unwrap() {
            call[name] = value.clone();
        }
        call
    };
    let piece = |call: Value| chunk(json!([{ "functionCall": call }]), "");
    vec![
        // The reason comes after the call, alone.
        vec![
            chunk(json!([call(json!({}))]), ""),
            chunk(json!([{"text": ""}]), "UNEXPECTED_TOOL_CALL"),
        ],
        // After text and thoughts, in lower case.
        vec![
            chunk(json!([{"text": "Hm.", "thought": true}]), ""),
            chunk(json!([{"text": "Let me look."}]), ""),
            chunk(
                json!([call(json!({"thoughtSignature": "c2ln"}))]),
                "unexpected_tool_call",
            ),
        ],
        // Two calls, one of which has an id.
        vec![chunk(
            json!([
                call(json!({})),
                {"functionCall": {"id": "7", "name": "list_files", "args": {"in": "/"}}},
            ]),
            "MALFORMED_FUNCTION_CALL",
        )],
        // A call in pieces.
        vec![
            piece(json!({"name": "list_files", "willContinue": true})),
            piece(json!({"partialArgs": [{"jsonPath": "$.in", "stringValue": "/"}]})),
            chunk(json!([{"text": ""}]), "MALFORMED_FUNCTION_CALL"),
        ],
    ]
}

#[tokio::test]
async fn a_mistake_in_any_form_is_answered_and_may_happen_again() {
    for pieces in mistaken() {
        let script = Scripted::default()
            .then_stream(pieces.clone())
            .then_stream(pieces)
            .then_call("count", json!({}))
            .then_text("No files.");
        let (count, calls) = counting("count");
        let mut chat = chat(&script, count);

        let reply = chat.send_message("Which files?").stream().finish().await;

        assert_eq!(reply.unwrap().text().unwrap(), "No files.");
        assert_eq!(calls.lock().unwrap().len(), 1);
        assert_sendable(chat.history());
        for answer in answers(&chat.history()[2]) {
            let told = answer["error"].as_str().unwrap();
            assert!(told.ends_with("call one of `count`"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_mistaken_call_that_stops_short_is_not_answered() {
    let begun = json!([{"functionCall": {"name": "list_files", "willContinue": true}}]);
    let pieces = [
        chunk(begun, ""),
        chunk(json!([{"text": ""}]), "MALFORMED_FUNCTION_CALL"),
    ];
    let script = Scripted::default().then_stream(pieces);
    let (count, calls) = counting("count");
    let mut chat = chat(&script, count);

    let error = chat.send_message("Which files?").stream().finish().await;

    let kind = error.unwrap_err().kind();
    assert!(
        matches!(kind, ErrorKind::Truncated | ErrorKind::Stopped),
        "{kind:?}"
    );
    assert!(calls.lock().unwrap().is_empty() && chat.history().is_empty());
}

#[tokio::test]
async fn mistakes_count_as_rounds() {
    for mode in MODES {
        let mistake = || {
            chunk(
                json!([{"functionCall": {"name": "dance"}}]),
                "UNEXPECTED_TOOL_CALL",
            )
        };
        let script = (0..4).fold(Scripted::default(), |script, _| {
            script.then_stream([mistake()])
        });
        let limited = AutomaticFunctionCalling::default().max_rounds(2);
        let mut chat = automatic(&script, counting("count").0, limited);

        mode.send(&mut chat, "Dance!").await.ok();

        assert_eq!(script.requests().len(), 3);
        assert!(chat.history().is_empty() && chat.unfinished().is_some());
    }
}

#[tokio::test]
async fn a_rejected_reply_ends_the_turn_if_nothing_can_be_answered_here() {
    let call = json!([{"functionCall": {"name": "dance"}}]);
    let declared = json!([{"functionCall": {"name": "ask"}}]);
    for mode in MODES {
        for (parts, automatic) in [
            (json!([{"text": "call:dance{}"}]), true.into()),
            (json!([]), true.into()),
            (declared.clone(), true.into()),
            (call.clone(), AutomaticFunctionCalling::from(false)),
        ] {
            let script = Scripted::default().then_stream([chunk(parts, "MALFORMED_FUNCTION_CALL")]);
            let tools = (
                counting("count").0,
                FunctionDeclaration::new("ask", "Asks the user."),
            );
            let mut chat = super::automatic(&script, tools, automatic);

            let error = mode.send(&mut chat, "Dance!").await.unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Stopped);
            let reason = &chat.unfinished().unwrap().reason;
            assert!(matches!(
                reason,
                Reason::Stopped(FinishReason::MalformedFunctionCall)
            ));
        }
    }
}

#[tokio::test]
async fn a_mistake_fails_the_turn_if_failures_do() {
    for mode in MODES {
        let call = json!([{"functionCall": {"name": "dance"}}]);
        let script = Scripted::default().then_stream([chunk(call, "UNEXPECTED_TOOL_CALL")]);
        let strict = AutomaticFunctionCalling::default().on_failure(OnFailure::Fail);
        let mut chat = automatic(&script, counting("count").0, strict);

        let error = mode.send(&mut chat, "Dance!").await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Function);
    }
}
