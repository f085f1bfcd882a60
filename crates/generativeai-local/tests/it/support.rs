//! The model all tests share, and short ways to ask it.

use std::sync::LazyLock;

use generativeai::protocol::{
    Content, GenerateContentRequest, GenerateContentResponse, GenerationConfig,
};
use generativeai::{Backend, RequestOptions, Result};
use generativeai_local::{Builder, Local};

/// Small, and with one thread: tests share the machine.
pub(crate) fn builder() -> Builder {
    Local::builder().context(2_048).threads(1)
}

/// The default model, fetched if it is not there, loaded once.
pub(crate) fn local() -> Local {
    static LOCAL: LazyLock<Local> = LazyLock::new(|| builder().build().expect("the default model"));
    LOCAL.clone()
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
