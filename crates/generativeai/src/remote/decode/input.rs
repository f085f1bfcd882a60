//! Input of a decoder: the current chunk, and what earlier chunks began.

use bytes::{Buf, Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result};

/// Bytes of a body that have arrived and are not decoded.
#[derive(Debug)]
pub(super) struct Input {
    chunk: Bytes,
    /// Beginning of a line or value whose end has not arrived. The allocation is reused once the events that were split
    /// off it have been dropped.
    begun: BytesMut,
    limit: usize,
}

impl Input {
    /// Creates an empty input of lines and values up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            chunk: Bytes::new(),
            begun: BytesMut::new(),
            limit,
        }
    }

    /// Adds the next chunk, once the one before has been read.
    pub(super) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "the chunk before has been read");
        self.chunk = chunk;
    }

    /// Returns the rest of the chunk.
    pub(super) fn chunk(&self) -> &[u8] {
        &self.chunk
    }

    /// Returns whether an earlier chunk contains the beginning of the line or value.
    pub(super) fn has_begun(&self) -> bool {
        !self.begun.is_empty()
    }

    /// Skips bytes of the chunk.
    pub(super) fn skip(&mut self, count: usize) {
        self.chunk.advance(count);
    }

    /// Buffers the rest of the chunk, which does not contain the end of the line or value.
    ///
    /// # Errors
    /// The line or value is larger than the limit. So one without an end never fills the memory.
    pub(super) fn buffer(&mut self) -> Result<()> {
        self.check(self.begun.len() + self.chunk.len())?;
        self.begun.extend_from_slice(&self.chunk);
        self.chunk.clear();
        Ok(())
    }

    /// Returns a line or value: its beginning, and the next `length` bytes of the chunk.
    pub(super) fn complete(&mut self, length: usize) -> Result<Bytes> {
        self.check(self.begun.len() + length)?;
        if self.begun.is_empty() {
            return Ok(self.chunk.split_to(length));
        }
        self.begun.extend_from_slice(&self.chunk[..length]);
        self.skip(length);
        Ok(self.take_begun())
    }

    /// Returns the beginning of a line or value whose end is missing.
    pub(super) fn take_begun(&mut self) -> Bytes {
        self.begun.split().freeze()
    }

    /// Checks the length of an event.
    pub(super) fn check(&self, length: usize) -> Result<()> {
        if length <= self.limit {
            return Ok(());
        }
        let limit = self.limit;
        let message = format!("an event of the response is larger than {limit} bytes");
        Err(Error::new(ErrorKind::Limit, message))
    }
}
