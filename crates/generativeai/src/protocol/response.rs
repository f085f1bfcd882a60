//! Replies: candidates, finish reasons, citations, log probabilities and token usage.

mod candidate;
mod citation;
mod logprobs;
mod merge;
mod message;
mod usage;

pub use candidate::*;
pub use citation::*;
pub use logprobs::*;
pub use message::*;
