//! Spans and events for subscribers of `tracing`.

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::{Content, FunctionCall, Part};
use generativeai::protocol::response::{FinishReason, GenerateContentResponse, UsageMetadata};
use generativeai::protocol::tools::FunctionDeclaration;
use generativeai::testing::Scripted;
use generativeai::{
    ChatSession, Error, ErrorKind, Function, GenerativeModel, RequestOptions, Toolbox,
};
use serde_json::json;
use tracing::Level;
use tracing::subscriber::{DefaultGuard, set_default};

use crate::support::fields::Fields;
use crate::support::notebook::Notebook;

const PROMPT: &str = "my secret plan";
const REPLY: &str = "your secret answer";

fn subscribe() -> (Notebook, DefaultGuard) {
    let notebook = Notebook::default();
    (notebook.clone(), set_default(notebook))
}

fn reply() -> GenerateContentResponse {
    let mut usage = UsageMetadata::default();
    usage.prompt_token_count = Some(7);
    usage.candidates_token_count = Some(11);
    usage.thoughts_token_count = Some(2);
    let mut reply = GenerateContentResponse::from(Content::model(REPLY));
    reply.usage_metadata = Some(Box::new(usage));
    reply.model_version = Some("gemini-1.5-flash-002".into());
    reply.response_id = Some("r1".into());
    reply.candidates[0].finish_reason = Some(generativeai::protocol::response::FinishReason::Stop);
    reply
}

fn config() -> GenerationConfig {
    GenerationConfig::default()
        .temperature(0.5)
        .top_k(40)
        .stop_sequences(["END"])
        .response_mime_type("application/json")
}

fn chat(script: Scripted) -> ChatSession {
    GenerativeModel::new("gemini-1.5-flash")
        .backend(script)
        .generation_config(config())
        .start_chat()
}

fn assert_fields(fields: &Fields, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(fields.get(name).map(String::as_str), Some(*value), "{name}");
    }
}

#[tokio::test]
async fn a_request_is_a_span_according_to_the_conventions_awaited_or_streamed() {
    for stream in [false, true] {
        let (notebook, _guard) = subscribe();
        let mut chat = chat(Scripted::default().then_stream([reply()]));

        if stream {
            let whole = chat.send_message(PROMPT).stream().finish().await;
            whole.expect("a reply");
        } else {
            chat.send_message(PROMPT).await.expect("a reply");
        }

        let [span] = &notebook.spans("generate_content")[..] else {
            panic!("one request, one span: {:?}", notebook.records());
        };
        assert!(span.closed);
        assert_fields(
            &span.fields,
            &[
                ("otel.name", "generate_content gemini-1.5-flash"),
                ("otel.kind", "client"),
                ("gen_ai.operation.name", "generate_content"),
                ("gen_ai.provider.name", "gcp.gemini"),
                ("gen_ai.request.model", "gemini-1.5-flash"),
                ("gen_ai.request.temperature", "0.5"),
                ("gen_ai.request.top_k", "40.0"),
                ("gen_ai.request.stop_sequences", "[\"END\"]"),
                ("gen_ai.output.type", "json"),
                ("gen_ai.response.id", "r1"),
                ("gen_ai.response.model", "gemini-1.5-flash-002"),
                ("gen_ai.response.finish_reasons", "[\"STOP\"]"),
                ("gen_ai.usage.input_tokens", "7"),
                ("gen_ai.usage.output_tokens", "13"),
            ],
        );
        assert!(!span.fields.contains_key("gen_ai.request.seed"));
        assert!(!span.fields.contains_key("error.type"));
    }
}

#[tokio::test]
async fn each_hop_of_a_reply_is_a_span() {
    let (notebook, _guard) = subscribe();
    let mut first = reply();
    first.candidates[0].finish_reason =
        Some(generativeai::protocol::response::FinishReason::Continuation);
    first.candidates[0].continuation_token = Some("t".into());
    let script = Scripted::default()
        .then_stream([first])
        .then_stream([reply()]);

    let whole = chat(script).send_message(PROMPT).stream().finish().await;
    whole.expect("a reply");

    let spans = notebook.spans("generate_content");
    let reasons: Vec<_> = spans
        .iter()
        .map(|span| span.fields["gen_ai.response.finish_reasons"].as_str())
        .collect();
    assert_eq!(reasons, ["[\"CONTINUATION\"]", "[\"STOP\"]"]);
}

#[tokio::test]
async fn a_failure_is_recorded_with_its_kind() {
    let (notebook, _guard) = subscribe();
    let failure = || Error::new(ErrorKind::RateLimited, "too many");
    let mut chat = chat(
        Scripted::default()
            .then_error(&[], failure())
            .then_error(&[], failure()),
    );

    chat.send_message(PROMPT).await.expect_err("a failure");
    let stream = chat.send_message(PROMPT).stream();
    stream.finish().await.expect_err("a failure");

    let spans = notebook.spans("generate_content");
    assert_eq!(spans.len(), 2);
    for span in spans {
        let expected = [
            ("error.type", "rate_limited"),
            ("otel.status_code", "ERROR"),
        ];
        assert_fields(&span.fields, &expected);
    }
}

#[tokio::test]
async fn a_function_that_is_called_is_a_span_between_two_requests() {
    let (notebook, _guard) = subscribe();
    let arguments = serde_json::from_value(json!({"of": PROMPT})).expect("an object");
    let call = FunctionCall::new("height", arguments).id("c1");
    // A call that the service rejected does not run, so it has no span.
    let mut rejected = GenerateContentResponse::from(Content::model([Part::from(call.clone())]));
    rejected.candidates[0].finish_reason = Some(FinishReason::MalformedFunctionCall);
    let script = Scripted::default()
        .then_stream([rejected])
        .then_parts([Part::from(call)])
        .then_text(REPLY);
    let height = FunctionDeclaration::new("height", "How tall");
    let height = Function::from_declaration(height, |_| async { Ok(json!({ "it": PROMPT })) });
    let mut chat = chat(script)
        .tools(Toolbox::from(height))
        .automatic_function_calling(true);

    chat.send_message(PROMPT).await.expect("a reply");

    let names: Vec<_> = notebook
        .records()
        .iter()
        .map(|record| record.name)
        .collect();
    assert_eq!(
        names,
        [
            "generate_content",
            "generate_content",
            "execute_tool",
            "generate_content"
        ]
    );
    let expected = [
        ("otel.name", "execute_tool height"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "height"),
        ("gen_ai.tool.call.id", "c1"),
    ];
    assert_fields(&notebook.spans("execute_tool")[0].fields, &expected);
    assert!(!format!("{:?}", notebook.records()).contains("secret"));
}

#[tokio::test]
async fn counting_tokens_has_a_separate_span() {
    let (notebook, _guard) = subscribe();
    let model = GenerativeModel::new("gemini-1.5-flash").backend(Scripted::default());

    model.count_tokens("one two three").await.expect("a number");

    let expected = [
        ("gen_ai.operation.name", "count_tokens"),
        ("gen_ai.request.model", "gemini-1.5-flash"),
        ("gen_ai.usage.input_tokens", "3"),
    ];
    assert_fields(&notebook.spans("count_tokens")[0].fields, &expected);
}

#[tokio::test]
async fn a_dropped_stream_records_what_arrived() {
    let (notebook, _guard) = subscribe();
    let mut chunk = reply();
    chunk.candidates[0].finish_reason = None;
    let mut chat = chat(Scripted::default().then_stream([chunk, reply()]));

    let mut stream = chat.send_message(PROMPT).stream();
    stream.next().await.expect("a chunk").expect("a chunk");
    drop(stream);

    let [span] = &notebook.spans("generate_content")[..] else {
        panic!("one request, one span");
    };
    assert!(span.closed);
    assert_fields(&span.fields, &[("gen_ai.usage.input_tokens", "7")]);
    assert!(!span.fields.contains_key("gen_ai.response.finish_reasons"));
}

#[tokio::test]
async fn a_chunk_without_counts_does_not_hide_those_of_an_earlier_one() {
    let (notebook, _guard) = subscribe();
    let mut last = GenerateContentResponse::default();
    last.usage_metadata = Some(Box::default());
    let mut chat = chat(Scripted::default().then_stream([reply(), last]));

    let stream = chat.send_message(PROMPT).stream();
    stream.finish().await.expect("a reply");

    let expected = [("gen_ai.usage.input_tokens", "7")];
    assert_fields(&notebook.spans("generate_content")[0].fields, &expected);
}

#[tokio::test]
async fn no_event_is_above_debug_and_none_contains_the_conversation() {
    let (notebook, _guard) = subscribe();
    let script = Scripted::default()
        .then_stream([reply()])
        .then_error(&[], Error::new(ErrorKind::Unavailable, "down"));
    let mut chat = chat(script);

    chat.send_message(PROMPT).await.expect("a reply");
    chat.send_message(PROMPT).await.expect_err("a failure");

    let records = notebook.records();
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|record| record.level >= Level::DEBUG));
    assert!(!format!("{records:?}").contains("secret"), "{records:?}");
}

#[tokio::test]
async fn the_conversation_is_recorded_if_trace_content_is_set() {
    let (notebook, _guard) = subscribe();
    let model = GenerativeModel::new("m")
        .backend(Scripted::default().then_stream([reply()]))
        .system_instruction("Be kind")
        .request_options(RequestOptions::default().trace_content(true));

    let reply = model.generate_content(PROMPT).await;
    reply.expect("a reply");

    let fields = &notebook.spans("generate_content")[0].fields;
    let message = |role: &str, text: &str| {
        format!(r#"[{{"role":"{role}","parts":[{{"type":"text","content":"{text}"}}]}}]"#)
    };
    assert_fields(
        fields,
        &[
            (
                "gen_ai.system_instructions",
                r#"[{"type":"text","content":"Be kind"}]"#,
            ),
            ("gen_ai.input.messages", &message("user", PROMPT)),
            (
                "gen_ai.output.messages",
                &message("assistant", REPLY).replace("}]}", r#"}],"finish_reason":"STOP"}"#),
            ),
        ],
    );
}

#[tokio::test]
async fn a_function_call_and_its_response_are_messages_of_assistant_and_tool() {
    let (notebook, _guard) = subscribe();
    let call = FunctionCall::new("height", serde_json::Map::new()).id("c1");
    let script = Scripted::default()
        .then_parts([Part::from(call)])
        .then_text(REPLY);
    let height = FunctionDeclaration::new("height", "How tall");
    let height = Function::from_declaration(height, |_| async { Ok(json!({"metres": 1_345})) });
    let mut chat = chat(script)
        .tools(Toolbox::from(height))
        .automatic_function_calling(true);

    let traced = RequestOptions::default().trace_content(true);
    let sent = chat.send_message(PROMPT).request_options(traced).await;
    sent.expect("a reply");

    let fields = &notebook.spans("generate_content")[1].fields;
    let input: serde_json::Value =
        serde_json::from_str(&fields["gen_ai.input.messages"]).expect("JSON");
    let call = json!({"type": "tool_call", "id": "c1", "name": "height", "arguments": {}});
    let answer = json!({"type": "tool_call_response", "id": "c1", "response": {"metres": 1_345}});
    assert_eq!(
        input.as_array().expect("messages")[1..],
        [
            json!({"role": "assistant", "parts": [call]}),
            json!({"role": "tool", "parts": [answer]}),
        ]
    );
}
