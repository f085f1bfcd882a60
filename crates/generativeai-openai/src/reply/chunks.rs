//! Decoder of a reply: each completion, or chunk of one, becomes a response.

use generativeai::protocol::content::{Content, Part};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{Candidate, FinishReason, GenerateContentResponse};
use generativeai::remote::__http::Decoder;

use super::calls::{Calls, End};
use super::parts;
use super::wire::{Choice, Completion, Message, ToolCall};

/// Decoder of one reply.
#[derive(Clone, Debug)]
pub(crate) struct Chunks {
    /// Whether the request excludes thoughts.
    without_thoughts: bool,
    /// State of each candidate.
    candidates: Vec<State>,
}

/// State of a candidate: the parts that were received.
#[derive(Clone, Debug, Default)]
struct State {
    index: usize,
    calls: Calls,
    /// Whether the model refused to answer.
    is_refusal: bool,
}

/// Amount of a message that arrives at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    Piece,
}

impl Decoder for Chunks {
    type Event = Completion;

    const CANDIDATES: &'static str = "\"choices\"";

    fn is_end(event: &[u8]) -> bool {
        event.trim_ascii() == b"[DONE]"
    }

    fn chunk(&mut self, event: Completion) -> Option<GenerateContentResponse> {
        let response = self.convert(event, Extent::Piece);
        let is_empty = |candidate: &Candidate| {
            candidate.content.is_none()
                && candidate.finish_reason.is_none()
                && candidate.logprobs_result.is_none()
                && candidate.citation_metadata.is_none()
                && candidate.unknown.is_empty()
        };
        let has_news =
            response.usage_metadata.is_some() || !response.candidates.iter().all(is_empty);
        has_news.then_some(response)
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
            candidates: Vec::new(),
        }
    }

    /// Converts a reply that arrived in one piece.
    pub(crate) fn whole(mut self, completion: Completion) -> GenerateContentResponse {
        self.convert(completion, Extent::Whole)
    }

    fn convert(&mut self, completion: Completion, extent: Extent) -> GenerateContentResponse {
        let mut response = GenerateContentResponse::default();
        let choices = completion.choices.into_iter().flatten();
        response.candidates = choices.map(|choice| self.choice(choice, extent)).collect();
        response.usage_metadata = completion.usage.map(|usage| Box::new(parts::usage(&usage)));
        response.model_version = completion.model.filter(|model| !model.is_empty());
        response.response_id = completion.id.filter(|id| !id.is_empty());
        response
    }

    fn choice(&mut self, choice: Choice, extent: Extent) -> Candidate {
        let index = choice.index.unwrap_or_default();
        // Perplexity sends both: a whole reply has an empty delta, a chunk the message so far.
        let message = match extent {
            Extent::Whole => choice.message.or(choice.delta),
            Extent::Piece => choice.delta.or(choice.message),
        };
        let mut message = message.unwrap_or_default();
        let mut candidate = Candidate::default();
        candidate.index = i32::try_from(index).ok().filter(|index| *index > 0);
        candidate.finish_reason = choice
            .finish_reason
            .as_deref()
            .and_then(parts::finish_reason);
        candidate.logprobs_result = choice.logprobs.and_then(parts::logprobs);
        candidate.citation_metadata =
            parts::citations(message.annotations.take().unwrap_or_default());
        let is_kept = |value: &serde_json::Value| !value.is_null() && value != "";
        for (name, value) in std::mem::take(&mut message.others) {
            if is_kept(&value) {
                candidate.unknown.insert(name, value);
            }
        }
        let state = self.state(index);
        state.is_refusal |= message
            .refusal
            .as_ref()
            .is_some_and(|text| !text.is_empty());
        if state.is_refusal && candidate.finish_reason == Some(FinishReason::Stop) {
            candidate.finish_reason = Some(FinishReason::Safety);
            candidate.finish_message = Some("the model refused to answer".to_owned());
        }
        let mut parts = parts::take(&mut message);
        if self.without_thoughts {
            parts.retain(|part| !part.is_thought());
        }
        parts.extend(self.state(index).calls(message, extent, &mut candidate));
        if !parts.is_empty() {
            candidate.content = Some(Content::model(parts));
        }
        candidate
    }

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
    /// Collects the calls of a message. Returns all of them if the reply ends with it.
    fn calls(&mut self, message: Message, extent: Extent, candidate: &mut Candidate) -> Vec<Part> {
        let calls = &mut self.calls;
        let old = message.function_call.map(|function| ToolCall {
            function: Some(function),
            ..ToolCall::default()
        });
        for call in message.tool_calls.into_iter().flatten().chain(old) {
            match extent {
                Extent::Whole => calls.push_whole(call),
                Extent::Piece => calls.push(call),
            }
        }
        let end = match &candidate.finish_reason {
            None if extent == Extent::Piece => return Vec::new(),
            Some(FinishReason::MaxTokens) => End::CutOff,
            _ => End::Finished,
        };
        let (calls, incomplete) = calls.take(end);
        if let Some(name) = incomplete
            && candidate.finish_reason != Some(FinishReason::MaxTokens)
        {
            candidate.finish_reason = Some(FinishReason::MalformedFunctionCall);
            candidate.finish_message = Some(format!(
                "the arguments of the call of `{name}` are not valid JSON"
            ));
        }
        calls
    }
}
