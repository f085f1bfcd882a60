//! Puts together what arrives in pieces: without a copy when it came in one.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

/// What the body of an answer was found not to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// One event is larger than the limit, in bytes.
    TooLarge(usize),
    /// The body is not what it began as.
    Array(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => {
                write!(f, "an event of the answer is larger than {limit} bytes")
            }
            Self::Array(what) => write!(f, "the answer is no JSON array: {what}"),
        }
    }
}

/// The beginning of something whose end has not arrived.
///
/// What one whole was gathered in is used for the next, once that one is dropped.
#[derive(Debug)]
pub(super) struct Gather {
    kept: BytesMut,
    limit: usize,
}

impl Gather {
    /// Gathers at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            kept: BytesMut::new(),
            limit,
        }
    }

    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Keeps all of the piece, until the rest arrives.
    pub(super) fn keep(&mut self, piece: &mut Bytes) -> Result<(), Malformed> {
        self.check(piece.len())?;
        self.kept.extend_from_slice(piece);
        piece.clear();
        Ok(())
    }

    /// What was kept and the first `length` bytes of the piece: the whole.
    pub(super) fn complete(
        &mut self,
        piece: &mut Bytes,
        length: usize,
    ) -> Result<Bytes, Malformed> {
        self.check(length)?;
        if self.kept.is_empty() {
            return Ok(piece.split_to(length));
        }
        self.kept.extend_from_slice(&piece[..length]);
        piece.advance(length);
        Ok(self.rest())
    }

    /// What was kept, though no end arrived.
    pub(super) fn rest(&mut self) -> Bytes {
        self.kept.split().freeze()
    }

    fn check(&self, more: usize) -> Result<(), Malformed> {
        if self.kept.len() + more > self.limit {
            return Err(Malformed::TooLarge(self.limit));
        }
        Ok(())
    }
}
