//! Replies: events of the engine become chunks, and chunks one response.

mod builder;
mod check;
mod holdback;
mod logprobs;
mod merge;
mod segments;
mod stream;

pub(crate) use builder::{ReplyBuilder, ReplyOptions, text_tokens};
pub(crate) use check::Checks;
pub(crate) use stream::{chunks, whole};
