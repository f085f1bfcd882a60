//! Replies: converts events of the engine to chunks, and merges chunks to one response.
//!
//! ```text
//! Event ──segments─▶ thoughts, text, calls ──holdback─▶ parts ──builder─▶ chunk ──merge─▶ response
//! ```

mod builder;
mod check;
mod holdback;
mod logprobs;
mod stream;

pub(crate) use builder::{ReplyBuilder, text_tokens};
pub(crate) use stream::{chunks, whole};
