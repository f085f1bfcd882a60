//! Data passed between requests and the engine thread.

use std::time::Instant;

use llama_cpp_2::token::LlamaToken;
use llguidance::Matcher;

use crate::sampler::Sampling;
use crate::segments::Calls;

use super::thinking_budget::ThinkingLimit;

/// Settings of the engine, fixed when it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineOptions {
    /// Size of the context in tokens. All chats share it, and one chat may fill it.
    pub(crate) context: u32,
    /// Maximum number of replies that are generated at the same time.
    pub(crate) chats: usize,
    /// Maximum number of requests that wait.
    pub(crate) queue: usize,
    /// Maximum number of compute threads. Fewer are used while other programs keep cores busy.
    pub(crate) threads: usize,
    /// Generates one reply at a time and reuses nothing, so that equal requests get equal replies: floating-point sums
    /// depend on the tokens that are decoded together.
    pub(crate) deterministic: bool,
}

/// One reply to generate.
pub(crate) struct Job {
    /// Tokens of the whole prompt.
    pub(crate) prompt: Vec<LlamaToken>,
    /// Sampling settings.
    pub(crate) sampling: Sampling,
    /// Stop sequences: strings that end the reply and are not part of it.
    pub(crate) stops: Vec<String>,
    /// Maximum number of generated tokens, thoughts included. The context may hold fewer.
    pub(crate) max_tokens: usize,
    /// Form and limit of the thoughts, if the model thinks.
    pub(crate) thinking: Option<ThinkingLimit>,
    /// Form of calls, if the reply may have any.
    pub(crate) calls: Option<Calls>,
    /// Grammar that the reply must match.
    pub(crate) grammar: Option<Matcher>,
    /// Time at which the reply fails if it is not complete. The engine checks it before each batch, also while the job
    /// waits.
    pub(crate) deadline: Option<Instant>,
}

/// Progress of a reply.
#[derive(Debug)]
pub(crate) enum Event {
    /// More of the reply.
    Piece(Piece),
    /// The rest of the reply, and why it ended.
    End(Piece, End),
}

/// A piece of a reply, with the token counts so far.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// Text added by this piece: whole characters.
    pub(crate) text: String,
    /// Tokens added by this piece; empty unless log-probabilities were requested.
    pub(crate) logprobs: Vec<TokenLogprobs>,
    /// Prompt tokens served from the prefix cache.
    pub(crate) cached: usize,
    /// Tokens generated so far, thoughts included.
    pub(crate) generated: usize,
}

/// A token, its log-probability, and the most probable tokens at its position with theirs.
pub(crate) type TokenLogprobs = (LlamaToken, f32, Vec<(LlamaToken, f32)>);

/// Reason why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The model ended it, or a stop sequence was reached.
    Stop,
    /// The reply reached its maximum number of tokens, or the end of the context.
    MaxTokens,
}
