//! Requests in the queue of the engine.

use std::time::Instant;

use super::embedding::Embedding;
use super::generation::Generation;

/// A request that waits for its start.
#[expect(
    clippy::large_enum_variant,
    reason = "the queue is short, and most of its items are replies"
)]
pub(super) enum Work {
    Reply(Generation),
    Embedding(Embedding),
}

impl Work {
    /// Returns whether the receiver of the result was dropped, or the deadline has passed. In the second case the
    /// request fails.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        match self {
            Self::Reply(reply) => reply.is_over(now),
            Self::Embedding(embedding) => embedding.is_over(now),
        }
    }

    /// Returns the time at which the request fails.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Reply(reply) => reply.deadline(),
            Self::Embedding(embedding) => embedding.deadline,
        }
    }
}
