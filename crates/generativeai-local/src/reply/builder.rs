//! Converts events of the engine to the chunks of a reply.

use std::sync::Arc;

use generativeai::protocol::content::{Content, Part, Role};
use generativeai::protocol::response::{
    Candidate, FinishReason, GenerateContentResponse, LogprobsCandidate, LogprobsResult,
    TopCandidates, UsageMetadata,
};
use generativeai::protocol::tokens::{Modality, ModalityTokenCount};
use llama_cpp_2::token::LlamaToken;

use crate::engine::{End, Event, Piece, TokenLogprobs};
use crate::model::Model;

use super::calls::CallParser;

/// Builder of the chunks of one reply.
pub(crate) struct ReplyBuilder {
    model: Arc<Model>,
    id: String,
    prompt: usize,
    /// `None` if the reply cannot contain calls.
    calls: Option<CallParser>,
    /// Last character of the text, which is sent with the next chunk.
    held: String,
    logprobs: Option<LogprobSum>,
}

/// Sum of the log-probabilities so far.
#[derive(Default)]
struct LogprobSum {
    sum: f64,
    tokens: usize,
}

impl ReplyBuilder {
    pub(crate) fn new(model: Arc<Model>, prompt: usize, calls: bool, logprobs: bool) -> Self {
        Self {
            model,
            id: format!("{:016x}", fastrand::u64(..)),
            prompt,
            calls: calls.then(CallParser::default),
            held: String::new(),
            logprobs: logprobs.then(LogprobSum::default),
        }
    }

    /// Converts an event. Returns the chunk, if the event completes one, and whether it is the last.
    pub(crate) fn chunk(&mut self, event: Event) -> (Option<GenerateContentResponse>, bool) {
        let (piece, end) = match event {
            Event::Piece(piece) => (piece, None),
            Event::End(piece, end) => (piece, Some(end)),
        };
        let parts = self.parts(&piece.text, end.is_some());
        if parts.is_empty() && piece.logprobs.is_empty() && end.is_none() {
            return (None, false);
        }
        let chunk = self.response(parts, piece, end);
        (Some(chunk), end.is_some())
    }

    fn parts(&mut self, text: &str, last: bool) -> Vec<Part> {
        let parts = match &mut self.calls {
            Some(calls) => {
                let mut parts = calls.push(text);
                if last {
                    parts.extend(calls.finish());
                }
                parts
            }
            None if text.is_empty() => Vec::new(),
            None => vec![Part::text(text)],
        };
        let parts = self.hold_back(parts, last);
        match &self.calls {
            // An empty reply has an empty text part, since clients expect a part in each chunk.
            None if last && parts.is_empty() => vec![Part::text("")],
            _ => parts,
        }
    }

    /// Holds the last character of a text back until the next event, so that the last chunk is never
    /// empty: one official client fails on a chunk without parts, another drops a turn whose last chunk
    /// has an empty part.
    fn hold_back(&mut self, mut parts: Vec<Part>, last: bool) -> Vec<Part> {
        let mut held = std::mem::take(&mut self.held);
        if parts.is_empty() && !last {
            self.held = held;
            return parts;
        }
        match parts.first().and_then(Part::as_text) {
            Some(first) => {
                held.push_str(first);
                parts[0] = Part::text(held);
            }
            None if held.is_empty() => {}
            None => parts.insert(0, Part::text(held)),
        }
        if !last
            && let Some(end) = parts.last().and_then(Part::as_text)
            && let Some((at, _)) = end.char_indices().next_back()
        {
            let (now, later) = end.split_at(at);
            self.held = later.to_owned();
            let now = Part::text(now);
            parts.pop();
            parts.extend((at > 0).then_some(now));
        }
        parts
    }

    fn response(
        &mut self,
        parts: Vec<Part>,
        piece: Piece,
        end: Option<End>,
    ) -> GenerateContentResponse {
        let mut candidate = Candidate::default();
        candidate.index = Some(0);
        candidate.content = Some(Content::default().role(Role::Model).parts(parts));
        candidate.finish_reason = end.map(|end| match end {
            End::Stop => FinishReason::Stop,
            End::MaxTokens => FinishReason::MaxTokens,
        });
        if let Some(sum) = &mut self.logprobs {
            let model = &self.model;
            candidate.logprobs_result = Some(Box::new(sum.add(model, &piece.logprobs)));
            candidate.avg_logprobs = end.and_then(|_| sum.average());
        }
        let mut response = GenerateContentResponse::default();
        response.candidates = vec![candidate];
        response.usage_metadata = Some(Box::new(usage(self.prompt, &piece)));
        response.model_version = Some(self.model.name().to_owned());
        response.response_id = Some(self.id.clone());
        response
    }
}

impl LogprobSum {
    fn add(&mut self, model: &Model, tokens: &[TokenLogprobs]) -> LogprobsResult {
        let one = |&(token, logprob): &(LlamaToken, f32)| {
            let mut candidate = LogprobsCandidate::default();
            candidate.token = Some(String::from_utf8_lossy(model.bytes_of(token)).into_owned());
            candidate.token_id = Some(token.0);
            candidate.log_probability = Some(logprob.into());
            candidate
        };
        let mut result = LogprobsResult::default();
        for (token, logprob, top) in tokens {
            self.sum += f64::from(*logprob);
            self.tokens += 1;
            result.chosen_candidates.push(one(&(*token, *logprob)));
            if !top.is_empty() {
                let mut candidates = TopCandidates::default();
                candidates.candidates = top.iter().map(one).collect();
                result.top_candidates.push(candidates);
            }
        }
        result
    }

    fn average(&self) -> Option<f64> {
        (self.tokens > 0).then(|| self.sum / self.tokens as f64)
    }
}

fn usage(prompt: usize, piece: &Piece) -> UsageMetadata {
    let count = |tokens: usize| i32::try_from(tokens).ok();
    let mut usage = UsageMetadata::default();
    usage.prompt_token_count = count(prompt);
    usage.cached_content_token_count = count(piece.cached).filter(|&cached| cached > 0);
    usage.candidates_token_count = count(piece.generated);
    usage.total_token_count = count(prompt + piece.generated);
    usage.prompt_tokens_details = vec![text_tokens(prompt)];
    usage
}

/// Counts tokens as text.
pub(crate) fn text_tokens(tokens: usize) -> ModalityTokenCount {
    let mut count = ModalityTokenCount::default();
    count.modality = Some(Modality::Text);
    count.token_count = i32::try_from(tokens).ok();
    count
}
