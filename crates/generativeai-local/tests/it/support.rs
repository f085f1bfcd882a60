//! Models that the tests share, and helpers to send requests.

use std::sync::LazyLock;

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{GenerateContentResponse, UsageMetadata};
use generativeai::{Backend, ChunkStream, RequestOptions, Result};
use generativeai_local::{Builder, Local};

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
