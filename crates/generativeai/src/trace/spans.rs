//! What stands in the spans, by the conventions of OpenTelemetry for generative AI.
//!
//! What is said stands in them only where [`RequestOptions::trace_content`] is switched on.

use tracing::field::{Empty, debug};
use tracing::{Level, Span};

use super::messages;
use crate::backend::RequestOptions;
#[cfg(feature = "remote")]
use crate::error::Attempt;
use crate::error::Error;
use crate::protocol::config::GenerationConfig;
use crate::protocol::content::FunctionCall;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::tokens::CountTokensRequest;

/// The target of all that the library says.
const TARGET: &str = "generativeai";

/// The name of the service, by the conventions.
const PROVIDER: &str = "gcp.gemini";

/// A span of an operation on something, with further fields, if anyone listens.
macro_rules! span {
    ($operation:literal, $what:expr, $kind:literal, $($field:tt)*) => {{
        let span = tracing::span!(
            target: TARGET, Level::DEBUG, $operation,
            otel.name = %format_args!("{} {}", $operation, $what),
            otel.kind = $kind,
            otel.status_code = Empty,
            "error.type" = Empty,
            gen_ai.operation.name = $operation,
            $($field)*
        );
        (!span.is_disabled()).then_some(span)
    }};
}

/// A span of what is asked of a model, and whether it holds what is said.
pub(super) struct Asked {
    pub(super) span: Span,
    with_content: bool,
}

/// The span of a request for a reply, if anyone listens.
pub(super) fn generation(
    request: &GenerateContentRequest,
    options: &RequestOptions,
) -> Option<Asked> {
    let model = model_of(request.model.as_deref());
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
        configured(&span, config);
    }
    let with_content = options.trace_content.unwrap_or_default();
    if with_content {
        let instruction = request.system_instruction.as_ref().map(messages::parts);
        record(&span, "gen_ai.system_instructions", instruction.as_deref());
        let input = messages::input(request.contents.iter());
        record(&span, "gen_ai.input.messages", Some(input.as_str()));
    }
    Some(Asked { span, with_content })
}

fn configured(span: &Span, config: &GenerationConfig) {
    let whole = |value: Option<i32>| value.map(i64::from);
    for (field, value) in [
        ("gen_ai.request.choice.count", config.candidate_count),
        ("gen_ai.request.max_tokens", config.max_output_tokens),
        ("gen_ai.request.seed", config.seed),
    ] {
        record(span, field, whole(value));
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

/// The span of a request for a number of tokens, if anyone listens.
pub(super) fn counting(request: &CountTokensRequest) -> Option<Span> {
    let inner = request.generate_content_request.as_ref();
    let named = inner.and_then(|inner| inner.model.as_deref());
    let model = model_of(request.model.as_deref().or(named));
    span!(
        "count_tokens",
        model,
        "client",
        gen_ai.provider.name = PROVIDER,
        gen_ai.request.model = model,
        gen_ai.usage.input_tokens = Empty,
    )
}

/// The span of a function that the model called, if anyone listens.
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
#[cfg(feature = "remote")]
pub(super) fn retried(attempt: &Attempt, error: &Error) {
    tracing::event!(
        target: TARGET,
        Level::DEBUG,
        {
            "error.type" = ?error.kind(),
            http.response.status_code = error.http_code(),
            attempt = attempt.number,
            wait = ?attempt.waited,
        },
        "an attempt failed and is retried"
    );
}

impl Asked {
    /// Records what a reply came to.
    pub(super) fn answered(&self, reply: &GenerateContentResponse) {
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
            let said = messages::output(&reply.candidates);
            record(span, "gen_ai.output.messages", Some(said.as_str()));
        }
    }
}

/// The name of a model without its collection.
fn model_of(name: Option<&str>) -> &str {
    let name = name.unwrap_or_default();
    name.strip_prefix("models/").unwrap_or(name)
}

/// Records a field, if there is something to record.
pub(super) fn record(span: &Span, field: &str, value: Option<impl tracing::Value>) {
    if let Some(value) = value {
        span.record(field, value);
    }
}

/// Records a failure.
pub(super) fn failed(span: &Span, error: &Error) {
    span.record("error.type", debug(error.kind()));
    span.record("otel.status_code", "ERROR");
}
