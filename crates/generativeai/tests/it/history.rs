//! Histories that come from elsewhere: other programs, other languages, other forms of the same JSON.

use generativeai::protocol::content::{Content, FunctionResponse, Part};
use generativeai::testing::Scripted;
use generativeai::{ChatSession, GenerativeModel, protocol};
use serde_json::{Value, json};

/// Returns a turn with a call of a function, as the Python SDK writes it.
fn in_snake_case() -> Vec<Content> {
    let contents = json!([
        {"role": "user", "parts": [{"text": "How tall is Ben Nevis?"}]},
        {"role": "model", "parts": [{
            "function_call": {"name": "height", "args": {"mountain": "Ben Nevis"}},
            "thought_signature": "c2ln",
        }]},
        {"role": "user", "parts": [{"function_response": {"name": "height", "response": {"result": 1345}}}]},
        {"role": "model", "parts": [{"text": "Here:"}, {"inline_data": {"mime_type": "image/png", "data": "UE5H"}}]},
    ]);
    serde_json::from_value(contents).unwrap()
}

fn chat(script: &Scripted) -> ChatSession {
    let model = GenerativeModel::new("m").backend(script.clone());
    model.start_chat()
}

#[test]
fn the_short_form_of_a_history_in_python_is_read() {
    let json = r#"[{"role":"user","parts":"Hello"},{"role":"model","parts":["Hi!",{"text":"How are you?"}]}]"#;

    let history: Vec<Content> = serde_json::from_str(json).unwrap();

    assert_eq!(history[0], Content::user("Hello"));
    let parts = [Part::text("Hi!"), Part::text("How are you?")];
    assert_eq!(history[1], Content::model(parts));
    let content = br#"{"role":"user","parts":["Hello"]}"#;
    let error = protocol::read_request::<Content>(content).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("parts[0]: expected an object"),
        "{error}"
    );
}

/// Finding 3 of tests/newcomer.md.
#[tokio::test]
async fn a_history_in_snake_case_has_its_calls_media_and_turns() {
    let script = Scripted::always("1,345 m");
    let mut chat = chat(&script).with_history(in_snake_case());
    chat.check().unwrap();

    let image = chat.history()[3].parts[1].as_inline_data().unwrap();
    assert_eq!(image.bytes().unwrap(), b"PNG");
    let (question, answer) = chat.rewind().unwrap();
    assert_eq!(question.text(), "How tall is Ben Nevis?");
    assert_eq!(answer.to_string(), "model: Here: [image/png]");
    assert!(chat.history().is_empty(), "the whole turn is undone");

    chat.set_history(&in_snake_case()[..2]);
    let calls = chat.pending_calls();
    assert_eq!(calls[0].name(), "height");
    let answers: Vec<_> = calls
        .iter()
        .map(|call| FunctionResponse::to(call, json!({"result": 1345})))
        .collect();
    chat.send_message(answers).await.unwrap();

    let sent = serde_json::to_value(&script.requests()[0].contents).unwrap();
    let call = json!({"functionCall": {"name": "height", "args": {"mountain": "Ben Nevis"}}, "thoughtSignature": "c2ln"});
    assert_eq!(sent[1]["parts"], Value::from(vec![call]));
}
