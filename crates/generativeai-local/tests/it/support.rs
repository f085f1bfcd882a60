//! The models all tests share, and short ways to ask them.

use std::sync::LazyLock;

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{GenerateContentResponse, UsageMetadata};
use generativeai::{Backend, ChunkStream, RequestOptions, Result};
use generativeai_local::{Builder, Local};

use crate::tiny::{self, Tiny};

/// Small, and with one thread: tests share the machine.
pub(crate) fn builder() -> Builder {
    Local::builder().context(2_048).threads(1)
}

/// The default model, fetched if it is not there, loaded once.
pub(crate) fn local() -> Local {
    static LOCAL: LazyLock<Local> = LazyLock::new(|| builder().build().expect("the default model"));
    LOCAL.clone()
}

/// A model with random weights, which answers fast and never sense.
pub(crate) fn tiny(name: &str, settings: impl FnOnce(Builder) -> Builder) -> Local {
    let path = Tiny::default().write(name);
    let local = settings(builder().context(1_024).model(&path))
        .build()
        .expect("a tiny model");
    tiny::remove(&path);
    local
}

/// A config that gives the same short reply each time.
pub(crate) fn short() -> GenerationConfig {
    GenerationConfig::default()
        .temperature(0.0)
        .max_output_tokens(12)
}

/// A request with one question.
pub(crate) fn question(text: &str, config: GenerationConfig) -> GenerateContentRequest {
    GenerateContentRequest::default()
        .contents(Content::user(text))
        .generation_config(config)
}

/// The reply to a request, in one piece.
pub(crate) async fn ask(
    local: &Local,
    request: GenerateContentRequest,
) -> Result<GenerateContentResponse> {
    local
        .generate_content(request, RequestOptions::default())
        .await
}

/// The code of the error a request is answered with, and its message.
pub(crate) async fn refusal(local: &Local, request: GenerateContentRequest) -> (i32, String) {
    let error = ask(local, request).await.expect_err("a refusal");
    let status = error.status().expect("a status");
    (
        status.code.expect("a code"),
        status.message.clone().expect("a message"),
    )
}

/// What a reply cost.
pub(crate) fn usage(reply: &GenerateContentResponse) -> &UsageMetadata {
    reply.usage_metadata.as_deref().expect("usage")
}

/// The next chunk of a reply.
pub(crate) async fn next(chunks: &mut ChunkStream) -> Option<Result<GenerateContentResponse>> {
    std::future::poll_fn(|cx| chunks.as_mut().poll_next(cx)).await
}
