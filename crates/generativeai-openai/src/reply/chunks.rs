//! Decoder of a reply: converts a completion, or each chunk of one, into a response.
//!
//! Text and thoughts are returned with the chunk in which they arrive. Function calls are returned at the end of the
//! reply. Unknown members without content are returned with the next chunk.

use std::mem;

use generativeai::protocol::content::{Content, FunctionCall, Part};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{Candidate, FinishReason, GenerateContentResponse};
use generativeai::remote::__http::{Decoder, StreamEnd};
use serde_json::{Map, Value, json};

use super::calls::{Calls, End, Mistake};
use super::wire::{Choice, Completion, Message, ToolCall};
use super::{parts, sources};
use crate::request::Mode;

/// Decoder of one reply. Cloned for each attempt, so that a retry starts with an empty state.
#[derive(Clone, Debug)]
pub(crate) struct Chunks {
    /// Whether the request excludes thoughts (`includeThoughts: false`). The API of OpenAI has no such setting, so they
    /// are removed from the reply.
    without_thoughts: bool,
    /// Whether the request is for one candidate.
    is_single: bool,
    /// State of each candidate.
    candidates: Vec<State>,
    /// Unknown members of chunks without content, such as results of a filter before the first choice. They are
    /// returned with the next chunk: once a chunk was returned, an error cannot be retried any more.
    held: Option<GenerateContentResponse>,
}

/// State of a candidate during a reply.
#[derive(Clone, Debug, Default)]
struct State {
    index: usize,
    calls: Calls,
    /// Whether the model refused to answer.
    is_refusal: bool,
    /// Whether there was a finish reason.
    is_finished: bool,
    /// Whether there was a delta with content.
    has_deltas: bool,
}

impl Decoder for Chunks {
    type Event = Completion;

    const CANDIDATES: &'static str = "\"choices\"";

    fn is_end(event: &[u8]) -> bool {
        // Some servers send the marker twice, in one event of two lines.
        let mut lines = event.trim_ascii().split(|byte| *byte == b'\n');
        lines.all(|line| line.trim_ascii() == b"[DONE]")
    }

    fn decode(&mut self, event: &mut Completion, chunk: &mut GenerateContentResponse) -> bool {
        let mut response = self.convert(mem::take(event), Mode::Stream);
        if let Some(mut held) = self.held.take() {
            held.merge_chunk(&response);
            response = held;
        }
        let is_empty = |candidate: &Candidate| {
            candidate.content.is_none()
                && candidate.finish_reason.is_none()
                && candidate.logprobs_result.is_none()
                && candidate.citation_metadata.is_none()
                && candidate.grounding_metadata.is_none()
        };
        let has_news =
            response.usage_metadata.is_some() || !response.candidates.iter().all(is_empty);
        if has_news {
            *chunk = response;
            return true;
        }
        let has_unknown = |candidate: &Candidate| !candidate.unknown.is_empty();
        if !response.unknown.is_empty() || response.candidates.iter().any(has_unknown) {
            self.held = Some(response);
        }
        false
    }

    fn end(&mut self, end: StreamEnd) -> Option<GenerateContentResponse> {
        let mut last = GenerateContentResponse::default();
        let candidates = self.candidates.iter_mut();
        last.candidates = candidates.filter_map(|state| state.end(end)).collect();
        if let Some(mut held) = self.held.take() {
            held.merge_chunk(&last);
            return Some(held);
        }
        (!last.candidates.is_empty()).then_some(last)
    }
}

impl Chunks {
    /// Creates the decoder of the reply to a request.
    pub(crate) fn new(request: &GenerateContentRequest) -> Self {
        let config = request.generation_config.as_deref();
        let thinking = config.and_then(|config| config.thinking_config.as_deref());
        Self {
            without_thoughts: thinking
                .is_some_and(|thinking| thinking.include_thoughts == Some(false)),
            is_single: config.is_none_or(|config| config.candidate_count.unwrap_or(1) <= 1),
            candidates: Vec::new(),
            held: None,
        }
    }

    /// Converts the reply of a unary request.
    pub(crate) fn whole(mut self, completion: Completion) -> GenerateContentResponse {
        self.convert(completion, Mode::Unary)
    }

    /// Converts a completion or a chunk. Members without an equivalent in the Gemini API become unknown members.
    fn convert(&mut self, completion: Completion, mode: Mode) -> GenerateContentResponse {
        let Completion {
            id,
            model,
            choices,
            usage,
            citations,
            search_results,
            x_groq,
            object: _,
            error: _,
            created: _,
            obfuscation: _,
            mut others,
        } = completion;
        let mut response = GenerateContentResponse::default();
        let mut choices = choices.unwrap_or_default();
        let mut own_usage = choices.iter_mut().filter_map(|choice| choice.usage.take());
        let mut usage = usage.or(own_usage.next());
        for choice in choices {
            let candidate = self.choice(choice, mode);
            let mut known = response.candidates.iter();
            if self.is_single && known.any(|known| known.index == candidate.index) {
                // Copilot sends the text and the calls of one message as two choices without an index.
                let mut rest = GenerateContentResponse::default();
                rest.candidates.push(candidate);
                response.merge_chunk(&rest);
            } else {
                response.candidates.push(candidate);
            }
        }
        if let Some(mut groq) = x_groq {
            // Groq reports the usage of a stream here.
            let own = groq.as_object_mut().and_then(|groq| groq.remove("usage"));
            usage = usage.or_else(|| serde_json::from_value(own?).ok());
            others.insert("x_groq".to_owned(), groq);
        }
        response.usage_metadata = usage.map(|usage| Box::new(parts::usage(usage)));
        // Perplexity lists the pages next to the choices; the Gemini API has them in each candidate.
        if let Some(grounding) = sources::grounding(citations, search_results) {
            if response.candidates.is_empty() {
                response.candidates.push(Candidate::default());
            }
            for candidate in &mut response.candidates {
                candidate.grounding_metadata = Some(Box::new(grounding.clone()));
            }
        }
        for (name, value) in filled(others) {
            response.unknown.insert(name, value);
        }
        // Some events have an empty name and identifier, which must not replace others when chunks are merged.
        response.model_version = model.filter(|model| !model.is_empty());
        response.response_id = id.filter(|id| !id.is_empty());
        response
    }

    fn choice(&mut self, choice: Choice, mode: Mode) -> Candidate {
        let Choice {
            index,
            message,
            delta,
            finish_reason,
            logprobs,
            // `convert` has taken it.
            usage: _,
            error: _,
            obfuscation: _,
            others,
        } = choice;
        let index = usize::try_from(index.unwrap_or_default()).unwrap_or_default();
        let mut candidate = Candidate::default();
        candidate.index = index_of(index);
        candidate.finish_reason = finish_reason.as_deref().and_then(parts::finish_reason);
        candidate.logprobs_result = logprobs.and_then(parts::logprobs);
        let without_thoughts = self.without_thoughts;
        let state = self.state(index);
        let is_delta = delta.is_some();
        // Perplexity sends both members: a unary reply has an empty `delta` too, and a chunk has the whole `message`
        // so far, whose text would be added a second time. MiniMax sends the whole `message` after all deltas.
        let message = match mode {
            Mode::Unary => message.or(delta),
            Mode::Stream => delta.or(message.filter(|_| !state.has_deltas)),
        };
        let mut parts = state.read(message.unwrap_or_default(), mode, &mut candidate);
        state.has_deltas |= is_delta && !(parts.is_empty() && state.calls.is_empty());
        if without_thoughts {
            parts::remove_thoughts(&mut parts);
        }
        if !parts.is_empty() {
            candidate.content = Some(Content::model(parts));
        }
        for (name, value) in filled(others) {
            candidate.unknown.insert(name, value);
        }
        candidate
    }

    /// Returns the state of a candidate. It is searched, since the server chooses the indices and may leave gaps.
    fn state(&mut self, index: usize) -> &mut State {
        let found = self
            .candidates
            .iter()
            .position(|state| state.index == index);
        let at = found.unwrap_or_else(|| {
            self.candidates.push(State {
                index,
                ..State::default()
            });
            self.candidates.len() - 1
        });
        &mut self.candidates[at]
    }
}

impl State {
    /// Reads a message. Returns its parts, and sets the other members of the candidate.
    fn read(&mut self, message: Message, mode: Mode, candidate: &mut Candidate) -> Vec<Part> {
        let Message {
            content,
            reasoning_content,
            reasoning,
            reasoning_text,
            reasoning_opaque,
            reasoning_details,
            thinking_blocks,
            refusal,
            tool_calls,
            function_call,
            annotations,
            images,
            audio,
            extra_content,
            role: _,
            mut others,
        } = message;
        let texts = [reasoning_content, reasoning, reasoning_text];
        let mut details = reasoning_details.unwrap_or_default();
        details.extend(thinking_blocks.unwrap_or_default());
        let opaque = reasoning_opaque.map(|data| json!({"type": "reasoning_opaque", "data": data}));
        details.extend(opaque);
        let mut parts = parts::thoughts(texts, &details, mode);
        parts.extend(parts::answer(content, extra_content.unwrap_or_default()));
        let refusal = refusal.filter(|text| !text.is_empty());
        self.is_refusal |= refusal.is_some();
        parts.extend(refusal.map(Part::text));
        parts.extend(parts::media(audio.as_ref(), images.unwrap_or_default()));
        if candidate.finish_reason.is_none() && mode == Mode::Stream && ends_audio(audio.as_ref()) {
            candidate.finish_reason = Some(FinishReason::Stop);
        }
        // A refusal ends with `stop` like an answer. `SAFETY` is how the Gemini API distinguishes it.
        if self.is_refusal && candidate.finish_reason == Some(FinishReason::Stop) {
            candidate.finish_reason = Some(FinishReason::Safety);
            candidate.finish_message = Some("the model refused to answer".to_owned());
        }
        let (citations, annotations) = sources::citations(annotations.unwrap_or_default());
        candidate.citation_metadata = citations;
        others.insert("annotations".to_owned(), annotations.into());
        others.insert("audio".to_owned(), audio.unwrap_or_default());
        for (name, value) in filled(others) {
            candidate.unknown.insert(name, value);
        }
        let mut calls = tool_calls.unwrap_or_default();
        // The deprecated form of `tool_calls`. llama-cpp-python sends the same call in both.
        let old = function_call.filter(|call| calls.is_empty() && !call.is_empty());
        calls.extend(old.map(|function| ToolCall {
            function: Some(function),
            ..ToolCall::default()
        }));
        parts.extend(self.calls(calls, mode, candidate));
        parts
    }

    /// Collects calls. Returns all calls of the reply if it ends with these.
    fn calls(&mut self, more: Vec<ToolCall>, mode: Mode, candidate: &mut Candidate) -> Vec<Part> {
        let calls = &mut self.calls;
        for call in more {
            match mode {
                Mode::Unary => calls.push_whole(call),
                Mode::Stream => calls.push(call),
            }
        }
        let end = match &candidate.finish_reason {
            None if mode == Mode::Stream => return Vec::new(),
            Some(FinishReason::MaxTokens) => End::CutOff,
            _ => End::Finished,
        };
        self.is_finished = true;
        let (calls, mistake) = self.calls.take(end);
        // A call that the maximum length has cut is truncated, not malformed.
        if candidate.finish_reason != Some(FinishReason::MaxTokens) {
            set_mistake(candidate, mistake);
        }
        calls
    }

    /// Returns the calls that remain at the end of a stream.
    ///
    /// Some servers end a reply that calls functions without a finish reason. If the stream ends with `[DONE]` and all
    /// arguments are complete, the calls are complete and get the finish reason `STOP`. Text without a finish reason
    /// could have been cut anywhere, so it stays truncated.
    fn end(&mut self, end: StreamEnd) -> Option<Candidate> {
        if self.calls.is_empty() {
            return None;
        }
        let is_over = end == StreamEnd::Marked || self.is_finished;
        let end = if is_over { End::CutOff } else { End::Broken };
        let (calls, mistake) = self.calls.take(end);
        let is_complete = |part: &Part| {
            part.as_function_call()
                .is_some_and(FunctionCall::is_complete)
        };
        let mut candidate = Candidate::default();
        candidate.index = index_of(self.index);
        if calls.iter().all(is_complete) {
            candidate.finish_reason = (!self.is_finished).then_some(FinishReason::Stop);
            set_mistake(&mut candidate, mistake);
        }
        candidate.content = Some(Content::model(calls));
        Some(candidate)
    }
}

/// Returns whether a message of a stream ends its audio. OpenAI sends the time when the audio expires at the end, and
/// no finish reason.
fn ends_audio(audio: Option<&Value>) -> bool {
    audio.is_some_and(|audio| !audio["expires_at"].is_null())
}

/// Replaces the finish reason with that of a call that cannot run, if there is one.
fn set_mistake(candidate: &mut Candidate, mistake: Option<Mistake>) {
    if let Some((reason, why)) = mistake {
        candidate.finish_reason = Some(reason);
        candidate.finish_message = Some(why);
    }
}

/// Returns the index of a candidate. It is absent for the first one, as in the Gemini API.
fn index_of(index: usize) -> Option<i32> {
    i32::try_from(index).ok().filter(|index| *index > 0)
}

/// Returns the members that are not empty.
fn filled(members: Map<String, Value>) -> impl Iterator<Item = (String, Value)> {
    let is_filled = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    };
    members
        .into_iter()
        .filter(move |(_, value)| is_filled(value))
}
