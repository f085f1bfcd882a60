//! Tests of chats with llama.cpp's own server and a real model. `tests/llama_server/run` starts the server and sets
//! `LLAMA_SERVER` to its address. Without this variable the tests print that they are skipped.
//!
//! The model has 135M parameters and follows few instructions, so no test depends on its words. Replies are bounded by
//! a length, reproducible by a seed, or constrained by a schema.

use std::env;
use std::future::ready;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::{Content, FunctionCall, FunctionResponse};
use generativeai::protocol::tools::{FunctionCallingMode, FunctionDeclaration};
use generativeai::{
    Backend, ErrorKind, Function, GenerativeModel, RequestOptions, Result, check_backend,
};
use generativeai_openai::OpenAi;
use serde_json::{Map, Value, json};

/// Number of concurrent requests. The server has 4 slots, so some requests wait.
const AT_ONCE: usize = 8;

/// Returns a client of the server. `None` if there is no server. That is written to stderr directly, since the test
/// harness captures `eprintln!`.
fn client() -> Option<OpenAi> {
    let Some(address) = env::var_os("LLAMA_SERVER") else {
        let _ = writeln!(
            io::stderr(),
            "skipped: no server of llama.cpp (tests/llama_server/run starts one)"
        );
        return None;
    };
    let url = format!("{}/v1", address.into_string().expect("an address"));
    Some(OpenAi::builder().base_url(url).build().expect("a client"))
}

/// Returns the model, with short and deterministic replies.
fn model() -> Option<GenerativeModel> {
    let config = GenerationConfig::default()
        .max_output_tokens(24)
        .temperature(0.0)
        .seed(1);
    let model = GenerativeModel::new("smollm2").backend(client()?);
    Some(model.generation_config(config))
}

#[tokio::test]
async fn the_server_passes_the_check_of_backends() {
    let Some(model) = model() else { return };

    check_backend(&model).await.unwrap();
}

#[tokio::test]
async fn a_chat_of_three_turns_sends_its_history() {
    let Some(model) = model() else { return };
    let mut chat = model.start_chat();
    let mut prompts = Vec::new();
    for message in ["My name is Ada.", "I live in London.", "Who am I?"] {
        let reply = chat.send_message(message).await.unwrap();
        let usage = reply.usage_metadata.unwrap();
        assert!(usage.candidates_token_count.unwrap() > 0);
        prompts.push(usage.prompt_token_count.unwrap());
    }

    // Each prompt contains the one before, so it has more tokens.
    assert_eq!(chat.history().len(), 6);
    assert!(prompts.is_sorted_by(|one, next| one < next), "{prompts:?}");
}

#[tokio::test]
async fn a_stream_has_the_text_usage_and_end_of_a_reply_in_one_piece() {
    let Some(model) = model() else { return };
    let whole = model.generate_content("Count to five.").await.unwrap();
    let mut chat = model.start_chat();

    let mut chunks = 0;
    let mut stream = chat.send_message("Count to five.").stream();
    while let Some(chunk) = stream.next().await {
        chunk.unwrap();
        chunks += 1;
    }
    drop(stream);

    let streamed = chat.last().unwrap();
    assert!(chunks > 2, "{chunks} chunks");
    assert_eq!(streamed.text().unwrap(), whole.text().unwrap());
    assert_eq!(
        streamed.candidates[0].finish_reason,
        whole.candidates[0].finish_reason
    );
    let tokens = |reply: &generativeai::protocol::response::GenerateContentResponse| {
        let usage = reply.usage_metadata.clone().unwrap();
        (usage.prompt_token_count, usage.candidates_token_count)
    };
    assert_eq!(tokens(streamed), tokens(&whole));
}

/// Returns a history in which the model calls `height` several times. Without such examples, this small model would not
/// call it.
fn calls_of_height() -> Vec<Content> {
    let mountains = ["Mont Blanc", "Everest", "K2", "Snowdon"];
    let turns = mountains.map(|of| {
        let args = Map::from_iter([("of".to_owned(), of.into())]);
        let call = FunctionCall::new("height", args).id(format!("call-{of}"));
        let response = FunctionResponse::to(&call, json!({"metres": 1000}));
        [
            Content::user(format!("How tall is {of}?")),
            Content::model(call),
            Content::user(response),
            Content::model("1000 m."),
        ]
    });
    turns.into_iter().flatten().collect()
}

/// Sends a message that the model answers with a call, in one piece and as a stream. Returns the arguments of each run
/// of the function, and the replies.
async fn call_height(max_tokens: i32) -> Option<[(Vec<Value>, Result<String>); 2]> {
    let config = GenerationConfig::default().max_output_tokens(max_tokens);
    let config = config.temperature(0.0).seed(1);
    let model = model()?.generation_config(config);
    let send = async |is_stream: bool| {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&calls);
        let declaration = FunctionDeclaration::new("height", "Returns the height of a mountain.")
            .parameters_json_schema(json!({
                "type": "object",
                "properties": {"of": {"type": "string"}},
                "required": ["of"],
            }));
        let height = Function::from_declaration(declaration, move |args: Map<String, Value>| {
            log.lock().unwrap().push(Value::Object(args));
            ready(Ok(json!({"metres": 1345})))
        });
        let chat = model.clone().tools(height).start_chat();
        let mut chat = chat
            .automatic_function_calling(true)
            .with_history(calls_of_height());
        let message = chat.send_message("How tall is Ben Nevis?");
        let reply = match is_stream {
            true => message.stream().finish().await,
            false => message.await,
        };
        let calls = calls.lock().unwrap().clone();
        (calls, reply.and_then(|reply| reply.text()))
    };
    Some([send(false).await, send(true).await])
}

#[tokio::test]
async fn a_call_of_the_model_runs_its_function_and_the_turn_continues() {
    let Some(sent) = call_height(64).await else {
        return;
    };

    for (calls, reply) in sent {
        assert!(!reply.unwrap().is_empty());
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert!(calls[0]["of"].is_string(), "{calls:?}");
    }
}

#[tokio::test]
async fn a_call_that_the_maximum_length_cuts_never_runs() {
    // The whole call has about 25 tokens, so this limit cuts it within the arguments.
    let Some(sent) = call_height(16).await else {
        return;
    };

    for (calls, reply) in sent {
        assert_eq!(calls, [] as [Value; 0]);
        let error = reply.map_err(|error| error.kind());
        assert_eq!(error, Err(ErrorKind::Truncated));
    }
}

#[tokio::test]
async fn a_call_and_its_response_reach_the_prompt() {
    let Some(model) = model() else { return };
    let height = FunctionDeclaration::new("height", "Returns the height of a mountain.")
        .parameters_json_schema(json!({
            "type": "object",
            "properties": {"of": {"type": "string"}},
            "required": ["of"],
        }));
    let model = model.tools(height);
    let mut call = FunctionCall::new(
        "height",
        Map::from_iter([("of".to_owned(), "Ben Nevis".into())]),
    );
    call.id = Some("call-1".to_owned());
    let mut tokens = Vec::new();
    for metres in [
        "1345",
        "1345 metres above the sea, as surveyors measured it",
    ] {
        let response = FunctionResponse::to(&call, json!({ "metres": metres }));
        let turn = [
            Content::user("How tall is Ben Nevis?"),
            Content::model(call.clone()),
            Content::user(response),
            Content::model("It is 1345 m tall."),
        ];
        let mut chat = model.start_chat().with_history(turn);

        let reply = chat.send_message("Thank you").stream().finish().await;

        let usage = reply.unwrap().usage_metadata.unwrap();
        tokens.push(usage.prompt_token_count.unwrap());
    }
    // The words of the longer response are in the prompt.
    assert!(tokens[1] > tokens[0] + 5, "{tokens:?}");
}

/// The server recognizes calls, as the tests above show, but cannot force one. This was checked with the templates of
/// SmolLM2, Qwen2.5 (also with `parallel_tool_calls: false`), Llama 3.1 and Mistral, with plain ChatML, and with the
/// template of `serve.py`. An object as `tool_choice` is ignored with a warning in the log, and a grammar next to tools
/// is refused (400).
///
/// If this test fails, the server has learned to force calls, and the guide page `scaling` has to be corrected.
#[tokio::test]
async fn the_mode_any_is_ignored_and_the_text_is_the_reply() {
    let Some(model) = model() else { return };
    let height = FunctionDeclaration::new("height", "Returns the height of a mountain.");
    let model = model.tools(height).tool_config(FunctionCallingMode::Any);

    let reply = model.generate_content("How tall is Ben Nevis?").await;

    let reply = reply.unwrap();
    assert_eq!(reply.function_calls().count(), 0);
    assert!(!reply.text().unwrap().is_empty());
}

#[tokio::test]
async fn a_reply_follows_its_schema() {
    let Some(model) = model() else { return };
    let schema = json!({
        "type": "object",
        "properties": {"ok": {"type": "boolean"}, "rank": {"type": "string", "enum": ["a", "b"]}},
        "required": ["ok", "rank"],
        "additionalProperties": false,
    });
    let config = GenerationConfig::default()
        .max_output_tokens(64)
        .temperature(0.0)
        .response_mime_type("application/json")
        .response_json_schema(schema);

    let reply = model
        .generation_config(config)
        .generate_content("Rank it.")
        .await
        .unwrap();

    let value: Value = serde_json::from_str(reply.text().unwrap().trim()).unwrap();
    assert!(value["ok"].is_boolean() && matches!(value["rank"].as_str(), Some("a" | "b")));
}

#[tokio::test]
async fn dropped_streams_free_their_slots() {
    let Some(model) = model() else { return };
    let long = GenerationConfig::default().max_output_tokens(1_500).seed(1);
    for _ in 0..AT_ONCE {
        let mut chat = model.clone().generation_config(long.clone()).start_chat();
        let mut stream = chat.send_message("Tell a very long story.").stream();
        stream.next().await.unwrap().unwrap();
    }

    // The server has 4 slots. If the dropped streams still occupied them, these requests would wait for the stories.
    let replies = join_all((0..4).map(async |_| model.generate_content("Hi").await)).await;

    for reply in replies {
        assert!(!reply.unwrap().text().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_prompt_beyond_the_context_is_refused_with_the_reason() {
    let Some(model) = model() else { return };

    let error = model
        .generate_content("word ".repeat(9_000))
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Request, "{error:#}");
    assert!(error.to_string().contains("context"), "{error}");
}

#[tokio::test]
async fn more_chats_than_slots_all_complete() {
    let Some(model) = model() else { return };
    let chats = (0..AT_ONCE).map(async |at| {
        let mut chat = model.start_chat();
        chat.send_message(format!("I am number {at}.")).await?;
        chat.send_message("What is my number?")
            .stream()
            .finish()
            .await?;
        Ok::<_, generativeai::Error>(chat.history().len())
    });

    let histories = join_all(chats).await;

    assert!(
        histories.iter().all(|length| matches!(length, Ok(4))),
        "{histories:?}"
    );
}

#[tokio::test]
async fn the_model_is_listed_with_its_context() {
    let Some(client) = client() else { return };

    let list = client
        .list_models(None, RequestOptions::default())
        .await
        .unwrap();

    assert_eq!(list.models.len(), 1);
    assert!(list.models[0].input_token_limit.unwrap() >= 2_048);
}
