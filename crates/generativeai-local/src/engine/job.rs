//! What the engine is asked, and what it answers.

use std::time::Instant;

use generativeai::Result;
use llama_cpp_2::token::LlamaToken;
use llguidance::Matcher;
use tokio::sync::mpsc;

use crate::sampler::Sampling;

/// One reply to produce.
pub(crate) struct Job {
    /// The whole prompt.
    pub(crate) prompt: Vec<LlamaToken>,
    /// How tokens are chosen.
    pub(crate) sampling: Sampling,
    /// Texts at which the reply ends; they are not part of it.
    pub(crate) stops: Vec<String>,
    /// The most tokens to produce; none for as many as the context holds.
    pub(crate) max_tokens: Option<usize>,
    /// The grammar the reply must follow.
    pub(crate) grammar: Option<Matcher>,
    /// When the reply is no longer wanted.
    pub(crate) deadline: Option<Instant>,
}

/// A job in the queue.
pub(super) struct Order {
    pub(super) job: Job,
    pub(super) reply: mpsc::Sender<Result<Event>>,
}

/// A part of the answer.
#[derive(Debug)]
pub(crate) enum Event {
    /// More of the reply.
    Piece(Piece),
    /// The last of it.
    End(Piece, End),
}

/// A piece of a reply, and how far it has come with it.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// The text that was added; whole characters.
    pub(crate) text: String,
    /// The tokens that were added, if log-probabilities are wanted.
    pub(crate) logprobs: Vec<TokenLogprobs>,
    /// Tokens of the prompt that were remembered from before.
    pub(crate) cached: usize,
    /// Tokens produced so far.
    pub(crate) produced: usize,
}

/// A token with its log-probability, and the likeliest in its place with theirs.
pub(crate) type TokenLogprobs = (LlamaToken, f32, Vec<(LlamaToken, f32)>);

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The model or a stop sequence ended it.
    Stop,
    /// It reached the most tokens it may have, or the end of the context.
    Full,
}
