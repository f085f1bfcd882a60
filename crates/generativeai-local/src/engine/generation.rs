//! State of one reply while it is generated.

use std::time::Instant;

use generativeai::{Error, Result};
use llama_cpp_2::token::LlamaToken;
use llguidance::Matcher;
use tokio::sync::mpsc;

use crate::error;
use crate::model::Model;
use crate::sampler::{Choice, Sampler};

use super::job::{End, Event, Job, Piece, TokenLogprobs};
use super::text::TextDecoder;
use super::thinking_budget::ThinkingBudget;

/// A reply that is being generated, or waits for that.
///
/// `tokens` holds the prompt and everything generated so far. The tokens that are not in the context yet are decoded
/// next: a long prompt, the token just sampled, or a preempted chat that is decoded again from its beginning.
pub(super) struct Generation {
    pub(super) tokens: Vec<LlamaToken>,
    /// Sequence of the context that belongs to this reply.
    pub(super) sequence: usize,
    /// Number of tokens in the prompt.
    prompt: usize,
    /// Number of prompt tokens that were cached when the reply was first admitted. Admissions after a preemption do not
    /// change it.
    cached: Option<usize>,
    max_tokens: usize,
    sampler: Sampler,
    text: TextDecoder,
    grammar: Option<Matcher>,
    thinking: ThinkingBudget,
    /// Log-probabilities of tokens whose text was not sent yet.
    pending_logprobs: Vec<TokenLogprobs>,
    deadline: Option<Instant>,
    events: mpsc::Sender<Result<Event>>,
    /// Capacity reserved for the last event. A reply can thus fail or expire while its channel is full, although the
    /// engine never waits for capacity. `None` once the event was sent, or if the receiver was dropped at once.
    last_event: Option<mpsc::OwnedPermit<Result<Event>>>,
}

/// State of a reply after a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// The reply needs more tokens.
    Running,
    /// The last event was sent.
    Finished,
}

impl Generation {
    /// Creates a reply. `context` is the size of the context in tokens.
    pub(super) fn new(job: Job, events: mpsc::Sender<Result<Event>>, context: usize) -> Self {
        // Cannot underflow: `Engine::submit` rejects prompts that leave no room for a reply.
        let available = context - job.prompt.len();
        Self {
            prompt: job.prompt.len(),
            tokens: job.prompt,
            sequence: 0,
            cached: None,
            max_tokens: job.max_tokens.min(available),
            sampler: Sampler::new(job.sampling),
            text: TextDecoder::new(job.stops),
            grammar: job.grammar,
            thinking: ThinkingBudget::new(job.thinking, job.calls),
            pending_logprobs: Vec::new(),
            deadline: job.deadline,
            last_event: events.clone().try_reserve_owned().ok(),
            events,
        }
    }

    /// Assigns a sequence of the context, which already holds the first `cached` tokens.
    pub(super) fn assign(&mut self, sequence: usize, cached: usize) {
        self.sequence = sequence;
        self.cached.get_or_insert(cached);
    }

    /// Returns whether the receiver of the reply was dropped, or the deadline has passed. In the second case the reply
    /// fails.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        let is_expired = self.deadline.is_some_and(|deadline| deadline <= now);
        if is_expired {
            self.fail(error::deadline_exceeded());
        }
        is_expired || self.events.is_closed()
    }

    /// Returns whether the reply channel has capacity for another piece. The reserved last event does not count.
    pub(super) fn has_capacity(&self) -> bool {
        self.events.capacity() > 0
    }

    /// Returns the time at which the reply fails.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Ends the reply with an error.
    pub(super) fn fail(&mut self, error: Error) {
        self.send_last(Err(error));
    }

    /// Samples the next token from the logits of the last one, and sends the text that it completes.
    pub(super) fn advance(&mut self, model: &Model, logits: &[f32]) -> Status {
        match self.sample(model, logits) {
            Ok(Some(token)) => self.emit(model, token),
            Ok(None) => self.finish(End::Stop, String::new()),
            Err(error) => {
                self.fail(error);
                Status::Finished
            }
        }
    }

    /// Samples a token; `None` at the end of the reply.
    fn sample(&mut self, model: &Model, logits: &[f32]) -> Result<Option<LlamaToken>> {
        let generated = self.generated();
        // A forced token replaces the choice of the model, whose logits are not used. It still passes through the
        // grammar, so that the grammar's state matches the reply.
        if let Some(token) = self.thinking.next_forced(generated) {
            return self.accept(token).map(Some);
        }
        // An error of the grammar ends the reply: without a mask, the reply would no longer be constrained.
        let mask = match &mut self.grammar {
            Some(grammar) => Some(grammar.compute_mask_or_eos().map_err(grammar_failed)?),
            None => None,
        };
        let allowed = mask.as_ref().unwrap_or(model.printable());
        let Choice { token, logprobs } = self
            .sampler
            .sample(logits, allowed)
            .ok_or_else(|| error::internal("the model returned no usable logits"))?;
        // The end token has no text and is not part of the reply, so it is not counted either.
        if model.is_end_of_generation(token) {
            return Ok(None);
        }
        self.pending_logprobs
            .extend(logprobs.map(|(own, top)| (token, own, top)));
        self.accept(token).map(Some)
    }

    /// Appends a token to the reply.
    fn accept(&mut self, token: LlamaToken) -> Result<LlamaToken> {
        if let Some(grammar) = &mut self.grammar {
            grammar
                .consume_token(token.0.cast_unsigned())
                .map_err(grammar_failed)?;
        }
        self.tokens.push(token);
        Ok(token)
    }

    /// Sends the text that a token completes, and ends the reply at a stop sequence, at the end of the grammar, or at
    /// the limit of its length.
    fn emit(&mut self, model: &Model, token: LlamaToken) -> Status {
        let is_answer = |text: &str| self.thinking.push(text);
        let decoded = self.text.push(model.bytes_of(token), is_answer);
        // A stopped grammar allows only the end token. Ending here saves the batch that would sample it.
        let complete = self.grammar.as_ref().is_some_and(Matcher::is_stopped);
        if decoded.stopped || complete {
            return self.finish(End::Stop, decoded.text);
        }
        if self.generated() >= self.max_tokens {
            return self.finish(End::MaxTokens, decoded.text);
        }
        if !decoded.text.is_empty() {
            let piece = self.piece(decoded.text);
            // Cannot fail for lack of capacity: the scheduler checked `has_capacity` before it
            // decoded the token. If the receiver is gone, the scheduler notices before the next batch.
            let _ = self.events.try_send(Ok(Event::Piece(piece)));
        }
        Status::Running
    }

    /// Sends the last event: `text`, and the text that was held back.
    fn finish(&mut self, end: End, mut text: String) -> Status {
        text.push_str(&self.text.finish(end));
        let piece = self.piece(text);
        self.send_last(Ok(Event::End(piece, end)));
        Status::Finished
    }

    fn send_last(&mut self, event: Result<Event>) {
        if let Some(permit) = self.last_event.take() {
            permit.send(event);
        }
    }

    /// Returns the number of tokens generated so far.
    fn generated(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    fn piece(&mut self, text: String) -> Piece {
        Piece {
            text,
            logprobs: std::mem::take(&mut self.pending_logprobs),
            cached: self.cached.unwrap_or(0),
            generated: self.generated(),
        }
    }
}

fn grammar_failed(error: impl std::fmt::Display) -> Error {
    error::invalid_argument(format!(
        "the response schema is too complex to enforce: {error}"
    ))
}
