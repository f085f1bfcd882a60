//! From what the engine says to chunks of a reply.

mod calls;

use std::hash::{BuildHasher, Hasher};
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

use calls::Calls;

/// Makes one reply of the events of the engine.
pub(crate) struct Speech {
    model: Arc<Model>,
    id: String,
    prompt: usize,
    calls: Option<Calls>,
    /// The last character of what was said, which is told with what comes next.
    kept: String,
    logprobs: Option<Likelihood>,
}

/// The log-probabilities so far.
#[derive(Default)]
struct Likelihood {
    sum: f64,
    tokens: usize,
}

impl Speech {
    pub(crate) fn new(model: Arc<Model>, prompt: usize, calls: bool, logprobs: bool) -> Self {
        Self {
            model,
            id: format!(
                "{:016x}",
                std::hash::RandomState::new().build_hasher().finish()
            ),
            prompt,
            calls: calls.then(Calls::default),
            kept: String::new(),
            logprobs: logprobs.then(Likelihood::default),
        }
    }

    /// The chunk of an event, and whether it is the last; none while there is nothing to show.
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
        let parts = self.keep_back(parts, last);
        match &self.calls {
            // A reply of nothing says so: readers print what each chunk says.
            None if last && parts.is_empty() => vec![Part::text("")],
            _ => parts,
        }
    }

    /// Keeps the last character of a text until more is known, so that the last chunk has something
    /// to say: one client fails where a chunk has no part, another drops a turn with an empty one.
    fn keep_back(&mut self, mut parts: Vec<Part>, last: bool) -> Vec<Part> {
        let mut kept = std::mem::take(&mut self.kept);
        if parts.is_empty() && !last {
            self.kept = kept;
            return parts;
        }
        match parts.first().and_then(Part::as_text) {
            Some(first) => {
                kept.push_str(first);
                parts[0] = Part::text(kept);
            }
            None if kept.is_empty() => {}
            None => parts.insert(0, Part::text(kept)),
        }
        if !last
            && let Some(end) = parts.last().and_then(Part::as_text)
            && let Some((at, _)) = end.char_indices().next_back()
        {
            let (now, later) = end.split_at(at);
            self.kept = later.to_owned();
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
            End::Full => FinishReason::MaxTokens,
        });
        if let Some(likelihood) = &mut self.logprobs {
            let model = &self.model;
            candidate.logprobs_result = Some(Box::new(likelihood.add(model, &piece.logprobs)));
            candidate.avg_logprobs = end.and_then(|_| likelihood.average());
        }
        let mut response = GenerateContentResponse::default();
        response.candidates = vec![candidate];
        response.usage_metadata = Some(Box::new(usage(self.prompt, &piece)));
        response.model_version = Some(self.model.name().to_owned());
        response.response_id = Some(self.id.clone());
        response
    }
}

impl Likelihood {
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
    usage.candidates_token_count = count(piece.produced);
    usage.total_token_count = count(prompt + piece.produced);
    usage.prompt_tokens_details = vec![text_tokens(prompt)];
    usage
}

/// So many tokens, all of them text.
pub(crate) fn text_tokens(tokens: usize) -> ModalityTokenCount {
    let mut count = ModalityTokenCount::default();
    count.modality = Some(Modality::Text);
    count.token_count = i32::try_from(tokens).ok();
    count
}

/// Joins the chunks of one reply.
pub(crate) fn join(chunks: Vec<GenerateContentResponse>) -> GenerateContentResponse {
    let mut parts: Vec<Part> = Vec::new();
    let mut logprobs: Option<LogprobsResult> = None;
    let mut whole = GenerateContentResponse::default();
    for mut chunk in chunks {
        for candidate in &mut chunk.candidates {
            let said = candidate
                .content
                .take()
                .map(|content| content.parts)
                .unwrap_or_default();
            said.into_iter().for_each(|part| add(&mut parts, part));
            if let Some(more) = candidate.logprobs_result.take() {
                let all = logprobs.get_or_insert_default();
                all.chosen_candidates.extend(more.chosen_candidates);
                all.top_candidates.extend(more.top_candidates);
            }
        }
        whole = chunk;
    }
    for candidate in &mut whole.candidates {
        let parts = std::mem::take(&mut parts);
        candidate.content = Some(Content::default().role(Role::Model).parts(parts));
        candidate.logprobs_result = logprobs.take().map(Box::new);
    }
    whole
}

/// Adds a part; text goes on where text stands.
fn add(parts: &mut Vec<Part>, part: Part) {
    use generativeai::protocol::content::Data;
    match (
        parts.last_mut().and_then(|last| last.data.as_mut()),
        part.data,
    ) {
        (_, Some(Data::Text(text))) if text.is_empty() => {}
        (Some(Data::Text(text)), Some(Data::Text(more))) => text.push_str(&more),
        (_, Some(data)) => parts.push(data.into()),
        (_, None) => {}
    }
}
