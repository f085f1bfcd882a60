//! Models that the tests share, and helpers to send requests.

use std::sync::LazyLock;

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{GenerateContentResponse, UsageMetadata};
use generativeai::{Backend, ChunkStream, RequestOptions, Result};
use generativeai_local::{Builder, Local};
use serde_json::{Value, json};

use crate::tiny::{self, Tiny};

/// Returns a builder with a small context and one thread, since the tests run concurrently.
pub(crate) fn builder() -> Builder {
    Local::builder().context(2_048).threads(1)
}

/// Returns the default model. It is downloaded if necessary, and loaded once.
pub(crate) fn local() -> Local {
    static LOCAL: LazyLock<Local> = LazyLock::new(|| builder().build().expect("the default model"));
    LOCAL.clone()
}

/// Loads a model with random weights, which generates random text quickly. `name` must be unique among the tests, which
/// run concurrently.
pub(crate) fn tiny(name: &str, settings: impl FnOnce(Builder) -> Builder) -> Local {
    let path = Tiny::default().write(name);
    let local = settings(builder().context(1_024).model(&path))
        .build()
        .expect("a tiny model");
    tiny::remove(&path);
    local
}

/// Returns a config for a short reply without randomness.
pub(crate) fn short() -> GenerationConfig {
    GenerationConfig::default()
        .temperature(0.0)
        .max_output_tokens(12)
}

/// Creates a request with one message.
pub(crate) fn question(text: &str, config: GenerationConfig) -> GenerateContentRequest {
    GenerateContentRequest::default()
        .contents(Content::user(text))
        .generation_config(config)
}

/// Returns a request with these members added or replaced, and with a short reply.
pub(crate) fn with(more: Value) -> GenerateContentRequest {
    let mut request = json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }] });
    for (name, value) in more.as_object().expect("an object") {
        request[name] = value.clone();
    }
    let mut request: GenerateContentRequest = serde_json::from_value(request).expect("a request");
    let config = request.generation_config.get_or_insert_default();
    if config.max_output_tokens.is_none() {
        config.max_output_tokens = Some(2);
    }
    request
}

/// Returns members that declare a function with this schema.
pub(crate) fn tool(schema: Value) -> Value {
    json!({ "tools": [{ "functionDeclarations": [{ "name": "f", "parametersJsonSchema": schema }] }] })
}

/// Returns members that ask for JSON with this schema.
pub(crate) fn in_json(schema: Value) -> Value {
    json!({ "generationConfig": { "responseMimeType": "application/json", "responseJsonSchema": schema } })
}

/// Returns members with this generation config.
pub(crate) fn config(config: Value) -> Value {
    json!({ "generationConfig": config })
}

/// Returns the whole reply to a request.
pub(crate) async fn ask(
    local: &Local,
    request: GenerateContentRequest,
) -> Result<GenerateContentResponse> {
    local
        .generate_content(request, RequestOptions::default())
        .await
}

/// Returns the status code and message of the error that a request causes.
pub(crate) async fn rejection(local: &Local, request: GenerateContentRequest) -> (i32, String) {
    let error = ask(local, request).await.expect_err("an error");
    let status = error.status().expect("a status");
    (
        status.code.expect("a code"),
        status.message.clone().expect("a message"),
    )
}

/// Returns the token counts of a reply.
pub(crate) fn usage(reply: &GenerateContentResponse) -> &UsageMetadata {
    reply.usage_metadata.as_deref().expect("usage")
}

/// Returns the next chunk of a reply.
pub(crate) async fn next(chunks: &mut ChunkStream) -> Option<Result<GenerateContentResponse>> {
    std::future::poll_fn(|cx| chunks.as_mut().poll_next(cx)).await
}
