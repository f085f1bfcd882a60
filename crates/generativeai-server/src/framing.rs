//! Encoding of the chunks of a stream, byte for byte as the service does: some clients fail on any variation.
//!
//! With `alt=sse` the service sends server-sent events. Clients implement only a part of their syntax
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>): some split at `\r\n\r\n`, some require `data: `
//! with its space, some fail on comments and other fields. The service sends no end marker such as OpenAI's
//! `[DONE]`. Without `alt=sse` it sends the chunks as the elements of one JSON array, which clients parse as it
//! arrives.

use generativeai::protocol::response::GenerateContentResponse;

use crate::error::ApiError;
use crate::response::{JSON, write_json};

/// Encoding of a stream, and how far it has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events: `data: `, one line of JSON, `\r\n\r\n`. Without comments and other fields.
    Sse,
    /// A JSON array.
    Array {
        /// Whether the first element was written.
        started: bool,
    },
}

impl Framing {
    /// Returns the media type of the response.
    pub(crate) fn content_type(&self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Array { .. } => JSON,
        }
    }

    /// Encodes the next chunk, with the separator between it and the one before.
    pub(crate) fn chunk(&mut self, chunk: &GenerateContentResponse) -> Vec<u8> {
        let mut bytes = match self {
            Self::Sse => b"data: ".to_vec(),
            Self::Array { started: false } => b"[".to_vec(),
            Self::Array { started: true } => b",\r\n".to_vec(),
        };
        write_json(&mut bytes, chunk);
        match self {
            Self::Sse => bytes.extend_from_slice(b"\r\n\r\n"),
            Self::Array { started } => *started = true,
        }
        bytes
    }

    /// Returns the bytes after the last chunk. An array without chunks is `[]`.
    pub(crate) fn end(&self) -> &'static [u8] {
        match self {
            Self::Sse => b"",
            Self::Array { started: false } => b"[]",
            Self::Array { started: true } => b"]",
        }
    }

    /// Encodes an error within a stream: a line of JSON outside of any event, as the clients expect it. Returns `None`
    /// for an array, which has no place for an error.
    pub(crate) fn error(&self, error: &ApiError) -> Option<Vec<u8>> {
        match self {
            Self::Sse => Some([&error.to_json()[..], b"\n"].concat()),
            Self::Array { .. } => None,
        }
    }
}
