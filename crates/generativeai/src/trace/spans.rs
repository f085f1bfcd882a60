//! The spans and their fields, by the conventions of OpenTelemetry for generative AI.
//!
//! What is said stands in them only where [`RequestOptions::trace_content`] is switched on.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tracing::field::{Empty, debug};
use tracing::{Level, Span};

use super::messages;
use crate::backend::{BoxFuture, ChunkStream, RequestOptions};
use crate::error::{Error, Result};
use crate::protocol::{
    CountTokensRequest, CountTokensResponse, FunctionCall, GenerateContentRequest,
    GenerateContentResponse,
};

/// The target of all that the library says.
const TARGET: &str = "generativeai";

/// The name of the service, by the conventions.
const PROVIDER: &str = "gcp.gemini";

/// A span of what is asked of a model, and whether it holds what is said.
pub(super) struct Asked {
    span: Span,
    with_content: bool,
}

/// The span of a request for a reply, if anyone listens.
pub(super) fn generation(
    request: &GenerateContentRequest,
    options: &RequestOptions,
) -> Option<Asked> {
    let model = model_of(request.model.as_deref());
    let span = tracing::span!(
        target: TARGET, Level::DEBUG, "generate_content",
        otel.name = %format_args!("generate_content {model}"),
        otel.kind = "client",
        otel.status_code = Empty,
        "error.type" = Empty,
        gen_ai.operation.name = "generate_content",
        gen_ai.provider.name = PROVIDER,
        gen_ai.request.model = model,
        gen_ai.request.choice.count = Empty,
        gen_ai.request.max_tokens = Empty,
        gen_ai.request.temperature = Empty,
        gen_ai.request.top_p = Empty,
        gen_ai.request.top_k = Empty,
        gen_ai.request.seed = Empty,
        gen_ai.request.frequency_penalty = Empty,
        gen_ai.request.presence_penalty = Empty,
        gen_ai.response.id = Empty,
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.system_instructions = Empty,
        gen_ai.input.messages = Empty,
        gen_ai.output.messages = Empty,
    );
    if span.is_disabled() {
        return None;
    }
    if let Some(config) = &request.generation_config {
        let whole = |value: Option<i32>| value.map(i64::from);
        record(
            &span,
            "gen_ai.request.choice.count",
            whole(config.candidate_count),
        );
        record(
            &span,
            "gen_ai.request.max_tokens",
            whole(config.max_output_tokens),
        );
        record(&span, "gen_ai.request.temperature", config.temperature);
        record(&span, "gen_ai.request.top_p", config.top_p);
        record(&span, "gen_ai.request.top_k", whole(config.top_k));
        record(&span, "gen_ai.request.seed", whole(config.seed));
        let (often, ever) = (config.frequency_penalty, config.presence_penalty);
        record(&span, "gen_ai.request.frequency_penalty", often);
        record(&span, "gen_ai.request.presence_penalty", ever);
    }
    let with_content = options.trace_content.unwrap_or_default();
    if with_content {
        let instruction = request.system_instruction.as_ref().map(messages::parts);
        record(&span, "gen_ai.system_instructions", instruction.as_deref());
        let input = messages::messages(request.contents.iter());
        record(&span, "gen_ai.input.messages", Some(input.as_str()));
    }
    Some(Asked { span, with_content })
}

/// The span of a request for a number of tokens, if anyone listens.
pub(super) fn counting(request: &CountTokensRequest) -> Option<Span> {
    let inner = request.generate_content_request.as_ref();
    let named = inner.and_then(|inner| inner.model.as_deref());
    let model = model_of(request.model.as_deref().or(named));
    let span = tracing::span!(
        target: TARGET, Level::DEBUG, "count_tokens",
        otel.name = %format_args!("count_tokens {model}"),
        otel.kind = "client",
        otel.status_code = Empty,
        "error.type" = Empty,
        gen_ai.operation.name = "count_tokens",
        gen_ai.provider.name = PROVIDER,
        gen_ai.request.model = model,
        gen_ai.usage.input_tokens = Empty,
    );
    (!span.is_disabled()).then_some(span)
}

/// The span of a function that the model called, if anyone listens.
pub(super) fn function(call: &FunctionCall) -> Option<Span> {
    let name = call.name.as_deref().unwrap_or_default();
    let span = tracing::span!(
        target: TARGET, Level::DEBUG, "execute_tool",
        otel.name = %format_args!("execute_tool {name}"),
        otel.kind = "internal",
        otel.status_code = Empty,
        "error.type" = Empty,
        gen_ai.operation.name = "execute_tool",
        gen_ai.tool.name = name,
        "gen_ai.tool.type" = "function",
        gen_ai.tool.call.id = call.id.as_deref(),
    );
    (!span.is_disabled()).then_some(span)
}

/// Says that an attempt failed and is made again.
#[cfg(feature = "remote")]
pub(super) fn tried_again(attempt: usize, wait: std::time::Duration, error: &Error) {
    tracing::event!(
        target: TARGET,
        Level::DEBUG,
        {
            "error.type" = ?error.kind(),
            http.response.status_code = error.http_code(),
            attempt,
            wait = ?wait,
        },
        "an attempt failed and is made again"
    );
}

/// Watches a reply in one piece.
pub(super) fn whole(
    asked: Asked,
    reply: BoxFuture<Result<GenerateContentResponse>>,
) -> BoxFuture<Result<GenerateContentResponse>> {
    let span = asked.span.clone();
    Box::pin(Entered::new(span, reply, move |_, reply| match reply {
        Ok(reply) => asked.answered(reply),
        Err(error) => failed(&asked.span, error),
    }))
}

/// Watches a number of tokens.
pub(super) fn counted(
    span: Span,
    count: BoxFuture<Result<CountTokensResponse>>,
) -> BoxFuture<Result<CountTokensResponse>> {
    Box::pin(Entered::new(span, count, |span, count| match count {
        Ok(count) => {
            let total = count.total_tokens.map(i64::from);
            record(span, "gen_ai.usage.input_tokens", total);
        }
        Err(error) => failed(span, error),
    }))
}

/// Watches a function.
pub(super) fn ran<T: Send + 'static>(
    span: Span,
    running: BoxFuture<Result<T>>,
) -> BoxFuture<Result<T>> {
    Box::pin(Entered::new(span, running, |span, outcome| {
        if let Err(error) = outcome {
            failed(span, error);
        }
    }))
}

/// Watches a reply in chunks. What it came to is recorded at its end, or when it is dropped.
pub(super) fn chunks(asked: Asked, chunks: ChunkStream) -> ChunkStream {
    Box::pin(Watched {
        asked,
        chunks,
        heard: GenerateContentResponse::default(),
    })
}

impl Asked {
    fn answered(&self, reply: &GenerateContentResponse) {
        let span = &self.span;
        record(span, "gen_ai.response.id", reply.response_id.as_deref());
        record(
            span,
            "gen_ai.response.model",
            reply.model_version.as_deref(),
        );
        let reasons = reply.candidates.iter();
        let reasons: Vec<&str> = reasons
            .filter_map(|candidate| Some(candidate.finish_reason.as_ref()?.as_str()))
            .collect();
        if !reasons.is_empty() {
            span.record("gen_ai.response.finish_reasons", debug(&reasons));
        }
        if let Some(usage) = &reply.usage_metadata {
            let input = usage.prompt_token_count.map(i64::from);
            let (said, thought) = (usage.candidates_token_count, usage.thoughts_token_count);
            let output = said.map(|said| i64::from(said) + i64::from(thought.unwrap_or_default()));
            record(span, "gen_ai.usage.input_tokens", input);
            record(span, "gen_ai.usage.output_tokens", output);
        }
        if self.with_content {
            let said = reply.candidates.iter().filter_map(|c| c.content.as_ref());
            let said = messages::messages(said);
            record(span, "gen_ai.output.messages", Some(said.as_str()));
        }
    }
}

/// The name of a model without its collection.
fn model_of(name: Option<&str>) -> &str {
    let name = name.unwrap_or_default();
    name.strip_prefix("models/").unwrap_or(name)
}

fn record(span: &Span, field: &str, value: Option<impl tracing::Value>) {
    if let Some(value) = value {
        span.record(field, value);
    }
}

fn failed(span: &Span, error: &Error) {
    span.record("error.type", debug(error.kind()));
    span.record("otel.status_code", "ERROR");
}

/// A future within a span; `end` looks at what it came to.
struct Entered<T, E> {
    span: Span,
    future: BoxFuture<T>,
    end: E,
}

impl<T, E: Fn(&Span, &T)> Entered<T, E> {
    fn new(span: Span, future: BoxFuture<T>, end: E) -> Self {
        Self { span, future, end }
    }
}

impl<T, E> Unpin for Entered<T, E> {}

impl<T, E: Fn(&Span, &T)> Future for Entered<T, E> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        let _entered = this.span.enter();
        let polled = this.future.as_mut().poll(cx);
        if let Poll::Ready(outcome) = &polled {
            (this.end)(&this.span, outcome);
        }
        polled
    }
}

/// A stream of chunks within a span.
struct Watched {
    asked: Asked,
    chunks: ChunkStream,
    heard: GenerateContentResponse,
}

impl Stream for Watched {
    type Item = Result<GenerateContentResponse>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let _entered = this.asked.span.enter();
        let polled = this.chunks.as_mut().poll_next(cx);
        match &polled {
            Poll::Ready(Some(Ok(chunk))) => this.heard.absorb(chunk),
            Poll::Ready(Some(Err(error))) => failed(&this.asked.span, error),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.asked.answered(&self.heard);
    }
}
