//! One reply in the making.

use std::time::Instant;

use generativeai::{Error, Result};
use llama_cpp_2::token::LlamaToken;
use llguidance::Matcher;
use tokio::sync::mpsc;

use crate::model::Model;
use crate::refusal;
use crate::sampler::{Choice, Sampler};

use super::job::{End, Event, Job, Order, Piece, TokenLogprobs};
use super::text::Text;

/// A reply in the making: everything but its place in the context.
///
/// Its `tokens` are the prompt and what was produced. Those the context does not hold yet are to be
/// decoded next; whether they are a long prompt, a token just produced, or a chat that had to give
/// up its place and starts again, is all the same.
pub(super) struct Chat {
    pub(super) tokens: Vec<LlamaToken>,
    /// The sequence it has in the context.
    pub(super) sequence: usize,
    prompt: usize,
    cached: Option<usize>,
    most: usize,
    sampler: Sampler,
    text: Text,
    grammar: Option<Matcher>,
    unsaid: Vec<TokenLogprobs>,
    deadline: Option<Instant>,
    reply: mpsc::Sender<Result<Event>>,
    /// Room kept for the last event, so that it is never lost.
    last: Option<mpsc::OwnedPermit<Result<Event>>>,
}

/// Whether a chat goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    GoesOn,
    Over,
}

impl Chat {
    pub(super) fn new(order: Order, context: usize) -> Self {
        let Order { job, reply } = order;
        let Job {
            prompt,
            sampling,
            stops,
            max_tokens,
            grammar,
            deadline,
        } = job;
        let room = context - prompt.len();
        Self {
            prompt: prompt.len(),
            tokens: prompt,
            sequence: 0,
            cached: None,
            most: max_tokens.map_or(room, |most| most.min(room)),
            sampler: Sampler::new(sampling),
            text: Text::new(stops),
            grammar,
            unsaid: Vec::new(),
            deadline,
            last: reply.clone().try_reserve_owned().ok(),
            reply,
        }
    }

    /// Takes its place in the context, which already holds `kept` of its tokens.
    pub(super) fn take_place(&mut self, sequence: usize, kept: usize) {
        self.sequence = sequence;
        self.cached.get_or_insert(kept);
    }

    /// Whether somebody still waits for the reply.
    pub(super) fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    /// Whether its reader keeps up, so that one more piece can be handed out.
    pub(super) fn can_speak(&self) -> bool {
        self.reply.capacity() > 0
    }

    /// Whether its time is up.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Ends with an error.
    pub(super) fn fail(&mut self, error: Error) {
        self.hand_out_last(Err(error));
    }

    /// Chooses the next token from the logits of the last.
    pub(super) fn speak(&mut self, model: &Model, logits: &[f32]) -> Turn {
        match self.next_token(model, logits) {
            Ok(None) => self.end(End::Stop, String::new()),
            Ok(Some(token)) => self.say(model, token),
            Err(error) => {
                self.fail(error);
                Turn::Over
            }
        }
    }

    /// The next token, or `None` at the end of the reply.
    fn next_token(&mut self, model: &Model, logits: &[f32]) -> Result<Option<LlamaToken>> {
        let allowed = match &mut self.grammar {
            Some(grammar) => Some(grammar.compute_mask_or_eos().map_err(unconstrained)?),
            None => None,
        };
        let Choice { token, logprobs } = self
            .sampler
            .choose(logits, allowed.as_ref())
            .ok_or_else(|| refusal::broken("the model gave no token a probability"))?;
        if model.ends(token) {
            return Ok(None);
        }
        if let Some(grammar) = &mut self.grammar {
            grammar
                .consume_token(token.0.cast_unsigned())
                .map_err(unconstrained)?;
        }
        self.unsaid
            .extend(logprobs.map(|(own, top)| (token, own, top)));
        self.tokens.push(token);
        Ok(Some(token))
    }

    fn say(&mut self, model: &Model, token: LlamaToken) -> Turn {
        let said = self.text.push(model.bytes_of(token));
        let complete = self.grammar.as_ref().is_some_and(Matcher::is_stopped);
        if said.stopped || complete {
            return self.end(End::Stop, said.text);
        }
        if self.produced() >= self.most {
            return self.end(End::Full, said.text);
        }
        if !said.text.is_empty() {
            let piece = self.piece(said.text);
            // There is room: `can_speak` was asked before the token was decoded.
            let _ = self.reply.try_send(Ok(Event::Piece(piece)));
        }
        Turn::GoesOn
    }

    fn end(&mut self, end: End, mut text: String) -> Turn {
        text.push_str(&self.text.finish());
        let piece = self.piece(text);
        self.hand_out_last(Ok(Event::End(piece, end)));
        Turn::Over
    }

    fn hand_out_last(&mut self, event: Result<Event>) {
        if let Some(room) = self.last.take() {
            room.send(event);
        }
    }

    fn produced(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    fn piece(&mut self, text: String) -> Piece {
        Piece {
            text,
            logprobs: std::mem::take(&mut self.unsaid),
            cached: self.cached.unwrap_or(0),
            produced: self.produced(),
        }
    }
}

fn unconstrained(error: impl std::fmt::Display) -> Error {
    refusal::invalid(format!(
        "the schema asks for more than can be kept to: {error}"
    ))
}
