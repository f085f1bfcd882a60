//! The body of a request: pieces that are written once, and shared by every attempt.

use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::GenerateContentRequest;

/// A body in pieces; a clone shares them.
#[derive(Clone)]
pub(super) struct Pieces(Arc<[Bytes]>);

impl Pieces {
    /// The JSON of a value.
    pub(super) fn of(value: &impl Serialize) -> Result<Self> {
        Ok(Self([json(value)?].into()))
    }

    /// The JSON of a request, without the model, which stands in the address.
    pub(super) fn of_request(mut request: GenerateContentRequest) -> Result<Self> {
        request.model = None;
        let contents = mem::take(&mut request.contents).json();
        let mut rest = json(&request)?;
        if contents.is_empty() {
            return Ok(Self([rest].into()));
        }
        let mut pieces = Vec::with_capacity(contents.len() + 3);
        pieces.push(Bytes::from_static(b"{\"contents\":["));
        pieces.extend(contents);
        // What follows: `}` of an empty object, else its members.
        rest.advance(1);
        pieces.push(Bytes::from_static(if rest.len() == 1 {
            b"]"
        } else {
            b"],"
        }));
        pieces.push(rest);
        Ok(Self(pieces.into()))
    }

    /// The body, to be sent from its beginning.
    pub(super) fn sending(&self) -> Sending {
        let left = self.0.iter().map(|piece| piece.len() as u64).sum();
        Sending {
            pieces: self.0.clone(),
            next: 0,
            left,
        }
    }
}

/// A body on its way; by default there is none.
#[derive(Default)]
pub(super) struct Sending {
    pieces: Arc<[Bytes]>,
    next: usize,
    left: u64,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.get(self.next).cloned();
        if let Some(piece) = &piece {
            self.next += 1;
            self.left -= piece.len() as u64;
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn json(value: &impl Serialize) -> Result<Bytes> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Request, "the request cannot be written as JSON").because(error)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sent(request: &Value) -> (Value, u64) {
        let request = serde_json::from_value(request.clone()).expect("a request");
        let mut body = Pieces::of_request(request).expect("a body").sending();
        let length = body.size_hint().exact().expect("a length");
        let mut text = Vec::new();
        let mut context = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) {
            text.extend_from_slice(frame.expect("no error").data_ref().expect("data"));
        }
        assert!(body.is_end_stream());
        assert_eq!(text.len() as u64, length);
        (serde_json::from_slice(&text).expect("JSON"), length)
    }

    #[test]
    fn a_request_is_sent_whole_but_for_its_model() {
        let hello = json!({"role": "user", "parts": [{"text": "Hello"}]});
        for rest in [
            json!({}),
            json!({"generationConfig": {"temperature": 0.5}, "new": 1}),
        ] {
            for contents in [json!([hello]), json!([hello, hello])] {
                let mut expected = rest.clone();
                expected["contents"] = contents;
                let mut request = expected.clone();
                request["model"] = "models/m".into();

                assert_eq!(sent(&request).0, expected);
            }
        }
    }

    #[test]
    fn a_request_without_contents_is_sent_as_it_is() {
        assert_eq!(sent(&json!({})), (json!({}), 2));
        let instruction = json!({"systemInstruction": {"parts": [{"text": "Be brief"}]}});
        assert_eq!(sent(&instruction).0, instruction);
    }
}
