//! Parts of a reply, its finish reason, token counts and log probabilities.

use generativeai::protocol::content::{Blob, Part};
use generativeai::protocol::response::{
    CitationMetadata, CitationSource, FinishReason, LogprobsCandidate, LogprobsResult,
    TopCandidates, UsageMetadata,
};
use serde_json::Value;

use super::wire::{Annotation, Logprobs, Message, Text, Token, Usage};

/// Finish reasons. `tool_calls` is a normal end: what follows from calls is in the parts.
const REASONS: [(&str, FinishReason); 7] = [
    ("stop", FinishReason::Stop),
    ("eos", FinishReason::Stop),
    ("tool_calls", FinishReason::Stop),
    ("function_call", FinishReason::Stop),
    ("length", FinishReason::MaxTokens),
    ("max_tokens", FinishReason::MaxTokens),
    ("content_filter", FinishReason::Safety),
];

/// Converts a finish reason. An unknown one is kept, and an empty one is absent.
pub(super) fn finish_reason(reason: &str) -> Option<FinishReason> {
    let known = REASONS.iter().find(|(name, _)| *name == reason);
    match known {
        Some((_, reason)) => Some(reason.clone()),
        None if reason.is_empty() => None,
        None => Some(FinishReason::Unknown(reason.to_owned())),
    }
}

/// Takes the thoughts, the text and the images of a message.
pub(super) fn take(message: &mut Message) -> Vec<Part> {
    let mut parts = Vec::new();
    // Some servers send thoughts under both names.
    let thoughts = [message.reasoning_content.take(), message.reasoning.take()];
    let thoughts = thoughts.into_iter().flatten().find(|text| !text.is_empty());
    parts.extend(thoughts.map(|text| Part::text(text).thought(true)));
    let details = message.reasoning_details.take().into_iter().flatten();
    parts.extend(details.filter(is_opaque).map(|detail| {
        Part::text("")
            .thought(true)
            .thought_signature(detail.to_string())
    }));
    match message.content.take() {
        Some(Text::Plain(text)) if !text.is_empty() => parts.push(Part::text(text)),
        Some(Text::Parts(list)) => parts.extend(list.into_iter().map(listed)),
        Some(Text::Object(object)) => parts.push(Part::text(Value::Object(object).to_string())),
        Some(Text::Plain(_)) | None => {}
    }
    if let Some(text) = message.refusal.as_deref().filter(|text| !text.is_empty()) {
        parts.push(Part::text(text));
    }
    let images = message.images.take().into_iter().flatten();
    parts.extend(images.map(listed));
    parts
}

/// Returns whether a detail of thinking has to be sent back unchanged: it is encrypted or signed.
fn is_opaque(detail: &Value) -> bool {
    ["data", "signature"]
        .iter()
        .any(|name| detail.get(name).is_some_and(|value| !value.is_null()))
}

/// Converts a part in a list. One of an unknown kind is kept.
fn listed(part: Value) -> Part {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let kind = part["type"].as_str().unwrap_or_default();
    match kind {
        "text" | "output_text" => {
            if let Some(text) = text(&part["text"]) {
                return Part::text(text);
            }
        }
        "thinking" => {
            let pieces = part["thinking"].as_array();
            let texts = pieces.into_iter().flatten();
            let texts: String = texts.filter_map(|piece| piece["text"].as_str()).collect();
            return Part::text(texts).thought(true);
        }
        "image_url" => {
            let url = part["image_url"]["url"].as_str().unwrap_or_default();
            let data = url.strip_prefix("data:");
            if let Some((mime_type, data)) = data.and_then(|data| data.split_once(";base64,")) {
                return Blob::from_base64(mime_type, data).into();
            }
        }
        _ => {}
    }
    let mut unknown = Part::default();
    let kind = if kind.is_empty() { "part" } else { kind }.to_owned();
    unknown.unknown.insert(kind, part);
    unknown
}

/// Converts citations of web pages.
pub(super) fn citations(annotations: Vec<Annotation>) -> Option<Box<CitationMetadata>> {
    let cited = annotations.into_iter().filter_map(|one| one.url_citation);
    let sources: Vec<CitationSource> = cited
        .map(|citation| {
            let mut source = CitationSource::default();
            source.start_index = citation.start_index;
            source.end_index = citation.end_index;
            source.uri = citation.url;
            source.title = citation.title;
            source
        })
        .collect();
    if sources.is_empty() {
        return None;
    }
    let mut metadata = CitationMetadata::default();
    metadata.citation_sources = sources;
    Some(Box::new(metadata))
}

/// Converts log probabilities.
pub(super) fn logprobs(logprobs: Logprobs) -> Option<Box<LogprobsResult>> {
    let tokens = logprobs.content.filter(|tokens| !tokens.is_empty())?;
    let candidate = |token: &Token| {
        let mut candidate = LogprobsCandidate::default();
        candidate.token.clone_from(&token.token);
        candidate.log_probability = token.logprob;
        candidate
    };
    let mut result = LogprobsResult::default();
    result.chosen_candidates = tokens.iter().map(candidate).collect();
    if tokens.iter().any(|token| !alternatives(token).is_empty()) {
        let top = tokens.iter().map(|token| {
            let mut top = TopCandidates::default();
            top.candidates = alternatives(token).iter().map(candidate).collect();
            top
        });
        result.top_candidates = top.collect();
    }
    Some(Box::new(result))
}

fn alternatives(token: &Token) -> &[Token] {
    token.top_logprobs.as_deref().unwrap_or_default()
}

/// Converts token counts. Those of thinking are part of the completion, except where the total shows otherwise.
pub(super) fn usage(usage: &Usage) -> UsageMetadata {
    let details = usage.completion_tokens_details.as_ref();
    let thoughts = details.and_then(|details| details.reasoning_tokens);
    let cached = usage.prompt_tokens_details.as_ref();
    let cached = cached.and_then(|details| details.cached_tokens);
    let (prompt, total) = (usage.prompt_tokens, usage.total_tokens);
    let counted =
        |completion: i32| Some(prompt?.saturating_add(completion).saturating_add(thoughts?));
    let mut metadata = UsageMetadata::default();
    metadata.prompt_token_count = prompt;
    metadata.candidates_token_count = usage.completion_tokens.map(|completion| {
        let is_separate = total.is_some() && total == counted(completion);
        match thoughts {
            // Some servers count more tokens of thinking than of the completion.
            Some(thoughts) if !is_separate => completion.saturating_sub(thoughts).max(0),
            _ => completion,
        }
    });
    metadata.thoughts_token_count = thoughts.filter(|count| *count > 0);
    metadata.cached_content_token_count = cached
        .or(usage.prompt_cache_hit_tokens)
        .or(usage.cached_tokens)
        .filter(|count| *count > 0);
    metadata.total_token_count = total;
    metadata
}
