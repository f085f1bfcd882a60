//! Decoder of a streamed body in either format: server-sent events or a JSON array.

use bytes::Bytes;

use super::array::ArrayDecoder;
use super::input::Input;
use super::sse::SseDecoder;
use crate::error::Result;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Decodes the events of a body. Its first byte decides on the format: `[` begins a JSON array, anything else
/// server-sent events.
#[derive(Debug)]
pub(crate) struct Events {
    input: Input,
    format: Format,
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
            input: Input::new(limit),
            format: Format::Unknown(0),
            any: false,
        }
    }

    /// Adds the next chunk, once [`next`](Self::next) has returned `None` for the one before.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        self.input.push(chunk);
        self.begin();
    }

    /// Returns the JSON of the next event, or `None` if it needs another chunk.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>> {
        let event = match &mut self.format {
            Format::Unknown(_) => None,
            Format::Sse(decoder) => decoder.next(&mut self.input)?,
            Format::Array(decoder) => decoder.next(&mut self.input)?,
        };
        self.any |= event.is_some();
        Ok(event)
    }

    /// Ends the body. The returned position shows whether it was truncated.
    pub(crate) fn finish(&mut self) -> Result<BodyEnd> {
        Ok(match &mut self.format {
            Format::Unknown(0) => BodyEnd::Clean,
            Format::Unknown(mark) => BodyEnd::NotAStream(BYTE_ORDER_MARK[..*mark].to_vec()),
            Format::Array(ArrayDecoder::Closed) => BodyEnd::Clean,
            Format::Array(_) => BodyEnd::UnclosedArray,
            Format::Sse(decoder) => match (decoder.finish(&mut self.input)?, decoder.stray()) {
                (Some(data), _) => BodyEnd::Open(data),
                (None, Some(stray)) if !self.any => BodyEnd::NotAStream(stray.to_vec()),
                (None, _) => BodyEnd::Clean,
            },
        })
    }

    /// Skips whitespace and a byte order mark, then decides on the format, unless it is known.
    fn begin(&mut self) {
        let Format::Unknown(mark) = &mut self.format else {
            return;
        };
        // The standard ignores one byte order mark at the beginning. Its three bytes may arrive in several chunks.
        while let Some(&byte) = self.input.chunk().first() {
            if *mark < 3 && byte == BYTE_ORDER_MARK[*mark] {
                *mark += 1;
            } else if !(byte.is_ascii_whitespace() && matches!(*mark, 0 | 3)) {
                break;
            }
            self.input.skip(1);
        }
        self.format = match self.input.chunk().first() {
            None => return,
            Some(b'[') => {
                self.input.skip(1);
                Format::Array(ArrayDecoder::Opened)
            }
            Some(_) => Format::Sse(SseDecoder::default()),
        };
    }
}

#[cfg(test)]
mod tests;
