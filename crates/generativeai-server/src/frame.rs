//! How the chunks of a stream are put on the wire, to the byte.

use generativeai::protocol::response::GenerateContentResponse;

use crate::failure::Failure;

/// How the chunks of a stream are put on the wire.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events: `data: ` and one line of JSON, then an empty line. Nothing else.
    Sse,
    /// The elements of a JSON array; whether one was written already.
    Array(bool),
}

impl Framing {
    /// What the body of the answer is called.
    pub(crate) fn content_type(&self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Array(_) => "application/json; charset=UTF-8",
        }
    }

    pub(crate) fn chunk(&mut self, chunk: &GenerateContentResponse) -> Vec<u8> {
        let mut bytes = match self {
            Self::Sse => b"data: ".to_vec(),
            Self::Array(false) => b"[".to_vec(),
            Self::Array(true) => b",\r\n".to_vec(),
        };
        serde_json::to_writer(&mut bytes, chunk)
            .expect("a reply has string keys only, and memory takes them");
        match self {
            Self::Sse => bytes.extend_from_slice(b"\r\n\r\n"),
            Self::Array(any) => *any = true,
        }
        bytes
    }

    /// What follows the last chunk.
    pub(crate) fn end(&self) -> &'static [u8] {
        match self {
            Self::Sse => b"",
            Self::Array(false) => b"[]",
            Self::Array(true) => b"]",
        }
    }

    /// An error in mid-stream, as the clients look for it: a line that is no event. An array has no
    /// place for one.
    pub(crate) fn error(&self, failure: &Failure) -> Option<Vec<u8>> {
        match self {
            Self::Sse => Some([&failure.to_json()[..], b"\n"].concat()),
            Self::Array(_) => None,
        }
    }
}
