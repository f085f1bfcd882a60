//! Tracing of requests. The model and the chat call their backend through this module.
//!
//! Without the feature `tracing`, or without a subscriber, requests pass unchanged.
//!
//! A span is created before the backend is called, so it includes the retries and delegated calls of the backend. It
//! ends with the reply: when the future completes, when a stream ends, or when either is dropped. A dropped stream
//! still records the token counts that it has received.

use crate::backend::{Backend, RequestOptions};
use crate::error::Result;
use crate::protocol::content::FunctionCall;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use crate::stream::{BoxFuture, ChunkStream};

#[cfg(feature = "tracing")]
mod instrumented;
#[cfg(feature = "tracing")]
mod messages;
#[cfg(feature = "tracing")]
mod spans;

/// Requests a reply in one piece.
pub(crate) fn generate(
    backend: &dyn Backend,
    request: GenerateContentRequest,
    options: RequestOptions,
) -> BoxFuture<Result<GenerateContentResponse>> {
    #[cfg(feature = "tracing")]
    if let Some(span) = spans::generation(&request, &options) {
        return instrumented::reply(span, backend.generate_content(request, options));
    }
    backend.generate_content(request, options)
}

/// Requests a reply in chunks.
pub(crate) fn stream(
    backend: &dyn Backend,
    request: GenerateContentRequest,
    options: RequestOptions,
) -> ChunkStream {
    #[cfg(feature = "tracing")]
    if let Some(span) = spans::generation(&request, &options) {
        return instrumented::chunks(span, backend.stream_generate_content(request, options));
    }
    backend.stream_generate_content(request, options)
}

/// Requests a token count.
pub(crate) fn count(
    backend: &dyn Backend,
    request: CountTokensRequest,
    options: RequestOptions,
) -> BoxFuture<Result<CountTokensResponse>> {
    #[cfg(feature = "tracing")]
    if let Some(span) = spans::counting(&request) {
        return instrumented::count(span, backend.count_tokens(request, options));
    }
    backend.count_tokens(request, options)
}

/// Runs a function that the model called.
pub(crate) fn function<T: Send + 'static>(
    call: &FunctionCall,
    running: BoxFuture<Result<T>>,
) -> BoxFuture<Result<T>> {
    #[cfg(feature = "tracing")]
    if let Some(span) = spans::function(call) {
        return instrumented::outcome(span, running, |_, _| {});
    }
    #[cfg(not(feature = "tracing"))]
    let _ = call;
    running
}

/// Records that an attempt failed with an error and is retried.
pub(crate) fn retried(attempt: &crate::error::Attempt, error: &crate::error::Error) {
    #[cfg(feature = "tracing")]
    spans::retried(attempt, error);
    #[cfg(not(feature = "tracing"))]
    let _ = (attempt, error);
}
