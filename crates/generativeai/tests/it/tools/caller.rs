//! Calls that are returned to the caller, and their answers.

use generativeai::protocol::content::{
    Blob, Content, FunctionResponse, FunctionResponsePart, Part,
};
use generativeai::protocol::tools::FunctionDeclaration;
use generativeai::testing::Scripted;
use generativeai::{Error, ErrorKind, GenerativeModel, Toolbox};
use serde_json::json;

use super::*;

fn ask() -> FunctionDeclaration {
    FunctionDeclaration::new("ask", "Asks the user.")
}

fn two_calls() -> Scripted {
    Scripted::default().then_stream([reply(json!([
        {"functionCall": {"id": "1", "name": "ask", "args": {"what": "name"}}},
        {"functionCall": {"id": "2", "name": "count", "args": {}}},
    ]))])
}

#[tokio::test]
async fn a_call_of_a_declaration_without_a_function_returns_all_calls_to_the_caller() {
    for mode in MODES {
        let script = two_calls().then_text("Done.");
        let (count, calls) = counting("count");
        let tools = Toolbox::from((ask(), count));
        let mut chat = chat(&script, &tools);

        let handed = mode.send(&mut chat, "Go!").await.unwrap();

        assert_eq!(handed.function_calls().count(), 2);
        assert!(calls.lock().unwrap().is_empty());
        assert_eq!(
            chat.history().len(),
            2,
            "calls handed to the caller are recorded"
        );
        let [asked, counted] = chat.pending_calls()[..] else {
            panic!("two calls are pending")
        };

        let picture = FunctionResponsePart::from(Blob::new("image/png", [1]));
        let answers: [Part; 2] = [
            FunctionResponse::to(asked, json!({"name": "Ada"}))
                .parts([picture])
                .into(),
            tools.answer(counted).await.into(),
        ];
        let reply = mode.send(&mut chat, answers).await.unwrap();

        assert_eq!(reply.text().unwrap(), "Done.");
        assert!(chat.pending_calls().is_empty());
        assert_eq!(
            json!(&chat.history()[2]),
            json!({"role": "user", "parts": [
                {"functionResponse": {
                    "id": "1", "name": "ask", "response": {"name": "Ada"},
                    "parts": [{"inlineData": {"mimeType": "image/png", "data": "AQ=="}}],
                }},
                {"functionResponse": {"id": "2", "name": "count", "response": {"result": 1}}},
            ]})
        );
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn pending_calls_are_matched_by_id_else_by_name() {
    let content = |parts: serde_json::Value| -> Content {
        serde_json::from_value(json!({ "parts": parts })).expect("a content")
    };
    let calls = content(json!([
        {"functionCall": {"id": "1", "name": "a"}},
        {"functionCall": {"id": "2", "name": "a"}},
        {"functionCall": {"name": "a"}},
        {"functionCall": {"name": "b"}},
    ]))
    .role("model");
    let answers = content(json!([
        {"functionResponse": {"id": "2", "name": "a"}},
        {"functionResponse": {"name": "b"}},
    ]))
    .role("user");
    let chat = GenerativeModel::new("m")
        .backend(Scripted::default())
        .start_chat()
        .with_history([Content::user("Go!"), calls, answers]);

    let pending: Vec<_> = chat
        .pending_calls()
        .into_iter()
        .map(|call| (call.id.as_deref(), call.name()))
        .collect();

    assert_eq!(pending, [(Some("1"), "a"), (None, "a")]);
}

#[tokio::test]
async fn the_refusal_of_a_message_that_leaves_calls_unanswered_is_explained() {
    for mode in MODES {
        let refusal =
            Error::new(ErrorKind::Request, "the service refused: bad turn").with_http_code(400);
        let script = two_calls().then_error(&[], refusal.clone());
        let mut chat = chat(&script, (ask(), counting("count").0));
        mode.send(&mut chat, "Go!").await.unwrap();

        let error = mode.send(&mut chat, "Never mind.").await.unwrap_err();

        assert_eq!(error.http_code(), Some(400));
        assert_eq!(
            error.to_string(),
            "the service refused: bad turn; the model's calls of `ask`, `count` are not answered: \
             send a FunctionResponse for each, in one message"
        );
        assert_eq!(chat.pending_calls().len(), 2);
    }
}

#[tokio::test]
async fn a_refusal_for_another_reason_is_unchanged() {
    for mode in MODES {
        let refusal = Error::new(ErrorKind::Request, "bad request").with_http_code(400);
        let script = Scripted::default().then_error(&[], refusal);
        let mut chat = chat(&script, ask());

        let error = mode.send(&mut chat, "Hello").await.unwrap_err();

        assert_eq!(error.to_string(), "bad request");
    }
}

#[tokio::test]
async fn a_toolbox_answers_a_call_of_an_unknown_function_with_an_error() {
    let script = two_calls();
    let mut chat = chat(&script, ask());
    chat.send_message("Go!").await.unwrap();
    let [asked, _] = chat.pending_calls()[..] else {
        panic!("two calls are pending")
    };

    let answer = Toolbox::default().answer(asked).await;

    assert_eq!(
        json!(answer),
        json!({"id": "1", "name": "ask", "response": {"error": "unknown function `ask`: there are no functions"}})
    );
}
