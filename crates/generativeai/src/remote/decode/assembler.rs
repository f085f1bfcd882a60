//! Assembler of lines and values that arrive in several chunks. Those that arrive in one chunk are not copied.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

/// Reason why a body cannot be decoded any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// An event is larger than this limit, in bytes.
    TooLarge(usize),
    /// The body began as a JSON array and does not continue as one.
    Array(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => {
                write!(f, "an event of the response is larger than {limit} bytes")
            }
            Self::Array(what) => write!(f, "the response is not a valid JSON array: {what}"),
        }
    }
}

/// Beginning of a line or value whose end has not arrived yet.
#[derive(Debug)]
pub(super) struct Assembler {
    /// The allocation is reused once the events that were split off it have been dropped.
    buffer: BytesMut,
    limit: usize,
}

impl Assembler {
    /// Creates an assembler of values up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
        }
    }

    /// Returns whether nothing is buffered.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Buffers the whole chunk, which does not contain the end.
    ///
    /// # Errors
    /// The value is larger than the limit. So a value without an end never fills the memory.
    pub(super) fn buffer(&mut self, chunk: &mut Bytes) -> Result<(), Malformed> {
        self.check(chunk.len())?;
        self.buffer.extend_from_slice(chunk);
        chunk.clear();
        Ok(())
    }

    /// Returns the buffered bytes and the first `length` bytes of the chunk.
    pub(super) fn complete(
        &mut self,
        chunk: &mut Bytes,
        length: usize,
    ) -> Result<Bytes, Malformed> {
        self.check(length)?;
        if self.buffer.is_empty() {
            return Ok(chunk.split_to(length));
        }
        self.buffer.extend_from_slice(&chunk[..length]);
        chunk.advance(length);
        Ok(self.take())
    }

    /// Returns the buffered bytes, without an end.
    pub(super) fn take(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }

    fn check(&self, additional: usize) -> Result<(), Malformed> {
        if self.buffer.len() + additional > self.limit {
            return Err(Malformed::TooLarge(self.limit));
        }
        Ok(())
    }
}
