//! Conversion of the content of a reply, its finish reason, token counts and log probabilities.

use generativeai::protocol::content::{Blob, Part};
use generativeai::protocol::response::{
    FinishReason, LogprobsCandidate, LogprobsResult, TopCandidates, UsageMetadata,
};
use serde_json::{Value, json};

use super::wire::{Logprobs, Text, Token, Usage};
use crate::opaque;
use crate::request::Mode;

/// Finish reasons of OpenAI and compatible servers. `tool_calls` becomes `STOP`: the Gemini API has no finish reason
/// for calls, which are recognized by the parts.
const REASONS: [(&str, FinishReason); 12] = [
    ("stop", FinishReason::Stop),
    ("stop_sequence", FinishReason::Stop),
    ("end_turn", FinishReason::Stop),
    ("eos", FinishReason::Stop),
    ("eos_token", FinishReason::Stop),
    ("tool_calls", FinishReason::Stop),
    ("tool_call", FinishReason::Stop),
    ("function_call", FinishReason::Stop),
    ("length", FinishReason::MaxTokens),
    ("max_tokens", FinishReason::MaxTokens),
    ("model_length", FinishReason::MaxTokens),
    ("content_filter", FinishReason::Safety),
];

/// Converts a finish reason. An unknown one is kept, and an empty one is absent.
///
/// Gateways to Gemini pass on its own reasons, such as `MAX_TOKENS`.
pub(super) fn finish_reason(reason: &str) -> Option<FinishReason> {
    let mut known = REASONS.iter();
    let known = known.find(|(name, _)| name.eq_ignore_ascii_case(reason));
    let reason = match known {
        Some((_, known)) => known.clone(),
        None => FinishReason::from(reason),
    };
    (!reason.is_unspecified()).then_some(reason)
}

/// Converts the thoughts of a message, which have three names. Some servers send the same text under two, so only one
/// is read. Details contain the text as well, so theirs is read only if it is under none of the names, and only in a
/// whole reply: in a stream of MiniMax, the details of a chunk may repeat all earlier ones.
pub(super) fn thoughts(texts: [Option<String>; 3], details: &[Value], mode: Mode) -> Vec<Part> {
    let is_filled = |text: &String| !text.is_empty();
    let text = texts.into_iter().flatten().find(is_filled).or_else(|| {
        let text_of = |detail: &Value| {
            let members = ["text", "summary", "thinking"].map(|name| &detail[name]);
            let members = members.into_iter();
            members.filter_map(Value::as_str).collect::<String>()
        };
        let is_whole = mode == Mode::Unary;
        let mut texts: Vec<String> = details.iter().map(text_of).collect();
        texts.retain(is_filled);
        is_whole.then(|| texts.join("\n\n")).filter(is_filled)
    });
    let text = text.map(|text| Part::text(text).thought(true));
    let opaque = details.iter().filter(|detail| is_opaque(detail));
    let opaque = opaque.map(|detail| {
        Part::text("")
            .thought(true)
            .thought_signature(opaque::pack(detail))
    });
    text.into_iter().chain(opaque).collect()
}

/// Converts the content of a message, and the signature of Google's OpenAI layer.
pub(super) fn answer(content: Option<Text>, extra: Value) -> Vec<Part> {
    // In a message with a signature, the mark belongs to the signature, and the content is the answer.
    let is_signed = of_google(&extra, "thought_signature").is_some();
    let is_thought = !is_signed && of_google(&extra, "thought").is_some_and(|mark| *mark == true);
    let mut parts = match content {
        Some(Text::Plain(text)) if !text.is_empty() => {
            let text = Part::text(text);
            vec![if is_thought { text.thought(true) } else { text }]
        }
        Some(Text::Parts(list)) => list.into_iter().map(listed).collect(),
        Some(Text::Json(value)) => vec![Part::text(value.to_string())],
        Some(Text::Plain(_)) | None => Vec::new(),
    };
    if is_signed {
        let signature = opaque::pack(&json!({"extra_content": extra}));
        // The signature of an answer stays apart from thoughts, since thoughts are not sent back to Google's layer. A
        // stream may contain the signature alone, after the text. Then an empty part carries it.
        let fits = |part: &Part| !part.is_thought() && part.thought_signature.is_none();
        match parts.last_mut().filter(|part| fits(part)) {
            Some(part) => part.thought_signature = Some(signature),
            None => parts.push(Part::text("").thought_signature(signature)),
        }
    }
    parts
}

/// Converts the transcript of the audio, and the images of a message.
pub(super) fn media(audio: Option<&Value>, images: Vec<Value>) -> impl Iterator<Item = Part> {
    let transcript = audio.and_then(|audio| audio["transcript"].as_str());
    let transcript = transcript.filter(|text| !text.is_empty()).map(Part::text);
    transcript.into_iter().chain(images.into_iter().map(listed))
}

/// Removes thoughts, for a request that excludes them. Opaque details stay: OpenRouter refuses the next round without
/// them. A signature without its text is removed, as servers refuse it.
pub(super) fn remove_thoughts(parts: &mut Vec<Part>) {
    let is_detail = |part: &Part| {
        let signature = part.thought_signature.as_deref();
        let detail = signature.and_then(opaque::unpack);
        let is_whole = |detail| opaque::missing_text(&detail).is_none();
        part.as_text() == Some("") && detail.is_some_and(is_whole)
    };
    parts.retain(|part| !part.is_thought() || is_detail(part));
}

/// Returns whether a detail of thinking is encrypted or signed, and so has to be sent back unchanged.
fn is_opaque(detail: &Value) -> bool {
    // LiteLLM and OpenRouter send an empty signature with each piece of the text.
    let is_filled = |value: &Value| !value.is_null() && value != "";
    ["data", "signature"]
        .iter()
        .any(|name| detail.get(name).is_some_and(is_filled))
}

/// Returns a member of the extra content of Google's OpenAI layer. It is nested in a member named after the service,
/// `google` or `vertex`.
fn of_google<'extra>(extra: &'extra Value, name: &str) -> Option<&'extra Value> {
    let mut services = extra.as_object()?.values();
    services.find_map(|members| members.get(name))
}

/// Converts an element of a content that is a list. An element of an unknown kind becomes a part with this element as
/// its unknown member, so that the history sends it back unchanged.
fn listed(part: Value) -> Part {
    if let Value::String(text) = part {
        return Part::text(text);
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let kind = part["type"].as_str().unwrap_or_default();
    match kind {
        "" | "text" | "output_text" => {
            if let Some(text) = text(&part["text"]) {
                return Part::text(text);
            }
        }
        "refusal" => {
            if let Some(text) = text(&part["refusal"]) {
                return Part::text(text);
            }
        }
        "thinking" => {
            let thoughts = &part["thinking"];
            // Mistral sends thoughts as a list of texts.
            let list = thoughts.as_array().into_iter().flatten();
            let texts = list.filter_map(|piece| piece["text"].as_str());
            let texts: String = thoughts.as_str().into_iter().chain(texts).collect();
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

/// Converts log probabilities. `topCandidates` is absent if no token has alternatives.
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

/// Converts token counts.
///
/// In the Gemini API `candidatesTokenCount` excludes thoughts. In the API of OpenAI `completion_tokens` includes them,
/// so they are subtracted. Some servers exclude them as well; there the total is the sum of all three counts.
pub(super) fn usage(usage: Usage) -> UsageMetadata {
    let details = usage.completion_tokens_details.as_ref();
    let thoughts = details.and_then(|details| details.reasoning_tokens);
    let thoughts = thoughts.or(usage.reasoning_tokens);
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
    for (name, value) in usage.others {
        if !value.is_null() {
            metadata.unknown.insert(name, value);
        }
    }
    metadata
}
