//! Replies in JSON of a shape that a Rust type gives.

use std::error::Error as _;

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::schema::Schema;
use generativeai::testing::Scripted;
use generativeai::{Error, ErrorKind, GenerativeModel, Reason};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Mountain {
    name: String,
    metres: u32,
}

const BEN_NEVIS: &str = r#"{"name": "Ben Nevis", "metres": 1345}"#;

fn ben_nevis() -> Mountain {
    let name = "Ben Nevis".to_owned();
    Mountain {
        name,
        metres: 1_345,
    }
}

fn model(script: &Scripted) -> GenerativeModel {
    GenerativeModel::new("m").backend(script.clone())
}

fn configs(script: &Scripted) -> Vec<Value> {
    let requests = script.requests().into_iter();
    requests
        .map(|request| serde_json::to_value(request.generation_config).expect("JSON"))
        .collect()
}

fn response(json: Value) -> GenerateContentResponse {
    serde_json::from_value(json).expect("a response")
}

#[tokio::test]
async fn a_reply_reads_as_the_type_whose_schema_was_sent() {
    let script = Scripted::default()
        .then_text(BEN_NEVIS)
        .then_text(BEN_NEVIS);
    let mut chat = model(&script).start_chat();

    let one = chat
        .send_message("Which?")
        .json::<Mountain>()
        .await
        .unwrap();
    let other = model(&script)
        .generate_content("Which?")
        .json::<Mountain>()
        .await
        .unwrap();

    assert_eq!((one, other), (ben_nevis(), ben_nevis()));
    assert_eq!(chat.history().len(), 2);
    let config = json!({
        "responseMimeType": "application/json",
        "responseJsonSchema": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "metres": {"type": "integer", "format": "uint32", "minimum": 0},
            },
            "required": ["name", "metres"],
        },
    });
    assert_eq!(configs(&script), [config.clone(), config]);
}

#[cfg(feature = "blocking")]
#[test]
fn the_blocking_api_deserializes_json() {
    let script = Scripted::default()
        .then_text(BEN_NEVIS)
        .then_text(BEN_NEVIS);
    let model = generativeai::blocking::GenerativeModel::from(model(&script));
    let mut chat = model.start_chat();

    assert_eq!(
        chat.send_message("Which?")
            .json::<Mountain>()
            .send()
            .unwrap(),
        ben_nevis()
    );
    assert_eq!(
        model
            .generate_content("Which?")
            .json::<Mountain>()
            .send()
            .unwrap(),
        ben_nevis()
    );
}

#[tokio::test]
async fn a_schema_that_the_model_or_the_message_sets_is_not_replaced() {
    let schema = Schema::of::<Mountain>().unwrap();
    let script = Scripted::default()
        .then_text(BEN_NEVIS)
        .then_text(BEN_NEVIS)
        .then_text(BEN_NEVIS);
    let shaped = GenerationConfig::default().response_schema(schema.clone());
    let cool = GenerationConfig::default().temperature(0.5);
    let mut chat = model(&script)
        .generation_config(shaped.clone())
        .start_chat();

    let sent = chat.send_message("Which?").generation_config(cool.clone());
    sent.json::<Mountain>().await.unwrap();
    let mut chat = model(&script).generation_config(cool).start_chat();
    chat.send_message("Which?")
        .generation_config(shaped)
        .json::<Mountain>()
        .await
        .unwrap();
    let other = GenerationConfig::default().response_mime_type("text/x-enum");
    chat.send_message("Which?")
        .generation_config(other)
        .json::<Mountain>()
        .await
        .unwrap();

    let expected = json!({
        "responseMimeType": "application/json",
        "responseSchema": serde_json::to_value(schema).unwrap(),
        "temperature": 0.5,
    });
    let other = json!({"responseMimeType": "text/x-enum", "temperature": 0.5});
    assert_eq!(configs(&script), [expected.clone(), expected, other]);
}

#[tokio::test]
async fn thoughts_are_left_out_of_the_json() {
    let parts = json!([
        {"text": "{ Let me think", "thought": true},
        {"text": "[\"Ben Nevis\", "},
        {"text": "1345]"},
    ]);
    let reply = response(json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}],
    }));
    let script = Scripted::default().then_stream([reply]);

    let read: (String, u32) = model(&script)
        .generate_content("Which?")
        .json()
        .await
        .unwrap();

    assert_eq!(read, ("Ben Nevis".to_owned(), 1_345));
}

#[tokio::test]
async fn a_reply_of_another_shape_is_an_error_that_has_its_text() {
    for (text, misread) in [
        ("Ben Nevis.", "expected value at line 1 column 1"),
        (
            r#"{"name": "Ben Nevis"}"#,
            "missing field `metres` at line 1 column 21",
        ),
        (
            r#"{"name": "Ben Nevis", "metres": "many"}"#,
            "`metres`: invalid type: string \"many\", expected u32 at line 1 column 38",
        ),
        (
            r#"{"name": "a", "metres": 1} and more"#,
            "trailing characters at line 1 column 28",
        ),
    ] {
        let script = Scripted::default().then_text(text);
        let mut chat = model(&script).start_chat();

        let error = chat
            .send_message("Which?")
            .json::<Mountain>()
            .await
            .unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Shape);
        assert_eq!(
            error.to_string(),
            format!("the reply does not match the requested type: `{text}`")
        );
        assert_eq!(error.source().unwrap().to_string(), misread);
        assert_eq!(error.response().unwrap().text().unwrap(), text);
        assert_eq!(chat.history().len(), 0);
        let unfinished = chat.unfinished().expect("a turn without a readable reply");
        assert!(matches!(unfinished.reason, Reason::Failed(_)));
    }
}

#[tokio::test]
async fn the_error_for_truncated_json_names_the_limit() {
    let cut = response(json!({"candidates": [{
        "content": {"role": "model", "parts": [{"text": "{\"name\": \"Ben N"}]},
        "finishReason": "MAX_TOKENS",
    }]}));
    let script = Scripted::default().then_stream([cut]);

    let read = model(&script)
        .generate_content("Which?")
        .json::<Mountain>()
        .await;

    assert_eq!(
        read.unwrap_err().to_string(),
        "the reply reached the maximum number of output tokens before its JSON was complete"
    );
}

/// Findings 6 and 21 of tests/newcomer.md.
#[tokio::test]
async fn a_retry_sends_the_error_and_leaves_no_failed_attempt_in_the_history() {
    let script = Scripted::default()
        .then_text("It is Ben Nevis.")
        .then_text(r#"{"name": "Ben Nevis"}"#)
        .then_text(BEN_NEVIS)
        .then_text("It is Ben Nevis.")
        .then_text(BEN_NEVIS);
    let mut chat = model(&script).start_chat();

    let in_chat = chat.send_message("Which?").json::<Mountain>().retries(2);
    assert_eq!(in_chat.await.unwrap(), ben_nevis());
    let model = model(&script);
    let alone = model.generate_content("Which?").json().retries(1);
    assert_eq!(alone.await.map(|read: Mountain| read).unwrap(), ben_nevis());

    let history: Vec<_> = chat.history().iter().map(ToString::to_string).collect();
    assert_eq!(
        history,
        ["user: Which?".to_owned(), format!("model: {BEN_NEVIS}")]
    );
    let requests = script.requests();
    let sent = |at: usize| {
        requests[at]
            .contents
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let asks_again = |cause: &str| {
        format!(
            "user: This reply is not JSON of the requested schema: {cause}. Reply with the corrected JSON alone."
        )
    };
    let first = asks_again("expected value at line 1 column 1");
    let second = asks_again("missing field `metres` at line 1 column 21");
    assert_eq!(
        sent(2),
        [
            "user: Which?",
            "model: It is Ben Nevis.",
            &first,
            r#"model: {"name": "Ben Nevis"}"#,
            &second
        ]
    );
    assert_eq!(sent(4), ["user: Which?", "model: It is Ben Nevis.", &first]);
}

#[tokio::test]
async fn only_a_reply_of_another_shape_is_asked_for_again() {
    let stopped = json!({"candidates": [{"finishReason": "SAFETY"}]});
    let script = Scripted::default()
        .then_fail(&[])
        .then_stream([response(stopped)])
        .then_text(BEN_NEVIS);
    let model = model(&script);

    let mut chat = model.start_chat();
    let failed = chat.send_message("Which?").json::<Mountain>().retries(2);
    assert_eq!(failed.await.unwrap_err().kind(), ErrorKind::Unreachable);
    let stopped = model
        .generate_content("Which?")
        .json::<Mountain>()
        .retries(2);
    assert_eq!(stopped.await.unwrap_err().kind(), ErrorKind::Stopped);

    assert_eq!(script.requests().len(), 2);
}

#[tokio::test]
async fn retries_that_fail_leave_the_history_as_it_was() {
    let script = Scripted::always("It is Ben Nevis.");
    let mut chat = model(&script).start_chat();
    chat.send_message("Hello").await.unwrap();

    let read = chat.send_message("Which?").json::<Mountain>().retries(2);
    assert_eq!(read.await.unwrap_err().kind(), ErrorKind::Shape);

    assert_eq!(chat.history().len(), 2);
    assert_eq!(script.requests().len(), 4);
    // Sent again, it is the message alone.
    assert!(chat.retry().await.is_err());
    assert_eq!(script.requests()[4].contents.len(), 3);
    let other = chat.send_message("Which?").await.unwrap();
    assert_eq!(other.to_string(), "It is Ben Nevis.");
}

fn counted(text: &str, tokens: u32) -> GenerateContentResponse {
    let usage = json!({"promptTokenCount": tokens, "totalTokenCount": tokens});
    let content = json!({"role": "model", "parts": [{"text": text}]});
    response(json!({
        "candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage,
    }))
}

#[tokio::test]
async fn the_response_has_the_token_counts_of_all_replies() {
    let script = Scripted::default()
        .then_stream([counted("tall", 10)])
        .then_stream([counted("1345", 7)])
        .then_stream([counted("tall", 10)])
        .then_stream([counted("1345", 7)]);
    let model = model(&script);
    let alone = model.generate_content("How tall?").json::<u32>().retries(1);
    let (metres, response) = alone.with_response().await.unwrap();
    let mut chat = model.start_chat();
    let message = chat.send_message("How tall?").json::<u32>().retries(1);
    let (same, in_chat) = message.with_response().await.unwrap();

    assert_eq!((metres, same), (1_345, 1_345));
    for response in [response, in_chat] {
        let usage = response.usage_metadata.expect("counts");
        assert_eq!(usage.total_token_count, Some(17));
    }
}

#[tokio::test]
async fn an_error_after_a_reply_of_another_shape_contains_that_reply() {
    let down = Error::new(ErrorKind::Unreachable, "no route");
    let script = Scripted::default()
        .then_stream([counted("tall", 10)])
        .then_error(&[], down);
    let model = model(&script);
    let request = model.generate_content("How tall?").json::<u32>().retries(1);
    let error = request.await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let response = error.response().expect("the first reply");
    assert_eq!(response.text_lossy(), "tall");
    let usage = response.usage_metadata.as_ref().expect("counts");
    assert_eq!(usage.total_token_count, Some(10));
}
