//! Spans and their fields, named according to OpenTelemetry's semantic conventions for generative AI.
//!
//! They contain prompts and replies only if [`RequestOptions::trace_content`] is set.

use tracing::field::{Empty, debug, display};
use tracing::{Level, Span};

use super::messages;
use crate::backend::RequestOptions;
use crate::error::{Attempt, Error};
use crate::protocol::config::GenerationConfig;
use crate::protocol::content::FunctionCall;
use crate::protocol::models::id_of;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::tokens::CountTokensRequest;

/// Target of all spans and events of this crate.
const TARGET: &str = "generativeai";

/// Name of the service in the conventions.
const PROVIDER: &str = "gcp.gemini";

/// Creates a span of an operation on a model or function, with further fields; `None` if no subscriber records it.
///
/// Fields that are recorded later must be declared here as `Empty`: `Span::record` ignores all others.
macro_rules! span {
    ($operation:literal, $target:expr, $kind:literal, $($field:tt)*) => {{
        let span = tracing::span!(
            target: TARGET, Level::DEBUG, $operation,
            otel.name = %format_args!("{} {}", $operation, $target),
            otel.kind = $kind,
            otel.status_code = Empty,
            "error.type" = Empty,
            gen_ai.operation.name = $operation,
            $($field)*
        );
        (!span.is_disabled()).then_some(span)
    }};
}

/// Span of a request for a reply.
pub(super) struct GenerationSpan {
    pub(super) span: Span,
    /// Whether prompts and replies are recorded.
    pub(super) with_content: bool,
}

/// Creates the span of a request for a reply.
pub(super) fn generation(
    request: &GenerateContentRequest,
    options: &RequestOptions,
) -> Option<GenerationSpan> {
    let model = id_of(request.model.as_deref().unwrap_or_default());
    let span = span!(
        "generate_content",
        model,
        "client",
        gen_ai.provider.name = PROVIDER,
        gen_ai.request.model = model,
        gen_ai.request.choice.count = Empty,
        gen_ai.request.max_tokens = Empty,
        gen_ai.request.temperature = Empty,
        gen_ai.request.top_p = Empty,
        gen_ai.request.top_k = Empty,
        gen_ai.request.seed = Empty,
        gen_ai.request.stop_sequences = Empty,
        gen_ai.request.frequency_penalty = Empty,
        gen_ai.request.presence_penalty = Empty,
        "gen_ai.output.type" = Empty,
        gen_ai.response.id = Empty,
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.system_instructions = Empty,
        gen_ai.input.messages = Empty,
        gen_ai.output.messages = Empty,
    )?;
    if let Some(config) = &request.generation_config {
        record_config(&span, config);
    }
    let with_content = options.trace_content.unwrap_or_default();
    if with_content {
        let instruction = request.system_instruction.as_ref().map(messages::parts);
        record(&span, "gen_ai.system_instructions", instruction.as_deref());
        let input = messages::input(request.contents.iter());
        record(&span, "gen_ai.input.messages", Some(input.as_str()));
    }
    Some(GenerationSpan { span, with_content })
}

fn record_config(span: &Span, config: &GenerationConfig) {
    for (field, value) in [
        ("gen_ai.request.choice.count", config.candidate_count),
        ("gen_ai.request.max_tokens", config.max_output_tokens),
        ("gen_ai.request.seed", config.seed),
    ] {
        record(span, field, value.map(i64::from));
    }
    for (field, value) in [
        ("gen_ai.request.temperature", config.temperature),
        ("gen_ai.request.top_p", config.top_p),
        ("gen_ai.request.top_k", config.top_k.map(f64::from)),
        ("gen_ai.request.frequency_penalty", config.frequency_penalty),
        ("gen_ai.request.presence_penalty", config.presence_penalty),
    ] {
        record(span, field, value);
    }
    if !config.stop_sequences.is_empty() {
        let field = "gen_ai.request.stop_sequences";
        span.record(field, debug(&config.stop_sequences));
    }
    let output = match config.response_mime_type.as_deref() {
        Some("application/json") => Some("json"),
        Some("text/plain") => Some("text"),
        _ => None,
    };
    record(span, "gen_ai.output.type", output);
}

/// Creates the span of a request for a token count.
pub(super) fn counting(request: &CountTokensRequest) -> Option<Span> {
    let inner = request.generate_content_request.as_ref();
    let inner_model = inner.and_then(|inner| inner.model.as_deref());
    let model = request.model.as_deref().or(inner_model);
    let model = id_of(model.unwrap_or_default());
    span!(
        "count_tokens",
        model,
        "client",
        gen_ai.provider.name = PROVIDER,
        gen_ai.request.model = model,
        gen_ai.usage.input_tokens = Empty,
    )
}

/// Creates the span of a function that the model called.
pub(super) fn function(call: &FunctionCall) -> Option<Span> {
    let name = call.name.as_deref().unwrap_or_default();
    span!(
        "execute_tool",
        name,
        "internal",
        gen_ai.tool.name = name,
        "gen_ai.tool.type" = "function",
        gen_ai.tool.call.id = call.id.as_deref(),
    )
}

/// Records that an attempt failed with an error and is retried.
pub(super) fn retried(attempt: &Attempt, error: &Error) {
    tracing::event!(
        target: TARGET,
        Level::DEBUG,
        {
            "error.type" = %error.kind(),
            http.response.status_code = error.http_code(),
            attempt = attempt.number,
            wait = ?attempt.waited,
        },
        "an attempt failed and is retried"
    );
}

impl GenerationSpan {
    /// Records a reply.
    pub(super) fn record(&self, reply: &GenerateContentResponse) {
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
            // The API counts thoughts separately. This field is the number of all generated tokens.
            let thoughts = i64::from(usage.thoughts_token_count.unwrap_or_default());
            let output = usage.candidates_token_count;
            let output = output.map(|output| i64::from(output) + thoughts);
            record(span, "gen_ai.usage.input_tokens", input);
            record(span, "gen_ai.usage.output_tokens", output);
        }
        if self.with_content {
            let output = messages::output(&reply.candidates);
            record(span, "gen_ai.output.messages", Some(output.as_str()));
        }
    }
}

/// Records a field, if there is a value.
pub(super) fn record(span: &Span, field: &str, value: Option<impl tracing::Value>) {
    if let Some(value) = value {
        span.record(field, value);
    }
}

/// Records an error.
pub(super) fn record_error(span: &Span, error: &Error) {
    span.record("error.type", display(error.kind()));
    span.record("otel.status_code", "ERROR");
}
