//! Decoder of a streamed body in either format: server-sent events or a JSON array.

use bytes::{Buf, Bytes};

use super::array::ArrayDecoder;
use super::assembler::Malformed;
use super::sse::SseDecoder;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Decodes the events of a body. Its first byte decides on the format: `[` begins a JSON array, anything else
/// server-sent events.
#[derive(Debug)]
pub(crate) struct Events {
    format: Format,
    limit: usize,
    /// Whether an event has been returned. Without one, a body of other lines is not an event stream.
    any: bool,
}

#[derive(Debug)]
enum Format {
    /// Nothing has arrived but whitespace and this number of bytes of a byte order mark.
    Unknown(usize),
    Sse(SseDecoder),
    Array(ArrayDecoder),
}

/// Position at which a body ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyEnd {
    /// Between two events, or after the last element of the array.
    Clean,
    /// Within this event, or after it if only its blank line is missing.
    Open(Bytes),
    /// Before the array was closed.
    UnclosedArray,
    /// The body contains no event and is not an event stream. This is its beginning.
    NotAStream(Vec<u8>),
}

impl Events {
    /// Creates a decoder of events up to `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            format: Format::Unknown(0),
            limit,
            any: false,
        }
    }

    /// Adds the next chunk, once [`next`](Self::next) has returned `None` for the one before.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        match &mut self.format {
            Format::Unknown(_) => self.begin(chunk),
            Format::Sse(decoder) => decoder.push(chunk),
            Format::Array(decoder) => decoder.push(chunk),
        }
    }

    /// Returns the JSON of the next event, or `None` if it needs another chunk.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Malformed> {
        let event = match &mut self.format {
            Format::Unknown(_) => None,
            Format::Sse(decoder) => decoder.next()?,
            Format::Array(decoder) => decoder.next()?,
        };
        self.any |= event.is_some();
        Ok(event)
    }

    /// Ends the body. The returned position shows whether it was truncated.
    pub(crate) fn finish(&mut self) -> Result<BodyEnd, Malformed> {
        Ok(match &mut self.format {
            Format::Unknown(0) => BodyEnd::Clean,
            Format::Unknown(mark) => BodyEnd::NotAStream(BYTE_ORDER_MARK[..*mark].to_vec()),
            Format::Array(decoder) if decoder.is_closed() => BodyEnd::Clean,
            Format::Array(_) => BodyEnd::UnclosedArray,
            Format::Sse(decoder) => match (decoder.finish()?, decoder.stray()) {
                (Some(data), _) => BodyEnd::Open(data),
                (None, Some(stray)) if !self.any => BodyEnd::NotAStream(stray.to_vec()),
                (None, _) => BodyEnd::Clean,
            },
        })
    }

    /// Skips whitespace and a byte order mark, then decides on the format.
    fn begin(&mut self, mut chunk: Bytes) {
        let Format::Unknown(mark) = &mut self.format else {
            return;
        };
        // The standard ignores one byte order mark at the beginning. Its three bytes may arrive in several chunks.
        while let Some(&byte) = chunk.first() {
            if *mark < 3 && byte == BYTE_ORDER_MARK[*mark] {
                *mark += 1;
            } else if !(byte.is_ascii_whitespace() && matches!(*mark, 0 | 3)) {
                break;
            }
            chunk.advance(1);
        }
        self.format = match chunk.first() {
            None => return,
            Some(b'[') => Format::Array(ArrayDecoder::new(self.limit)),
            Some(_) => Format::Sse(SseDecoder::new(self.limit)),
        };
        self.push(chunk);
    }
}

#[cfg(test)]
mod tests;
