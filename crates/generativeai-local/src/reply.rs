//! Replies: events of the engine become chunks, and chunks one response.

mod builder;
mod calls;
mod merge;
mod stream;

pub(crate) use builder::{ReplyBuilder, text_tokens};
pub(crate) use stream::{chunks, whole};
