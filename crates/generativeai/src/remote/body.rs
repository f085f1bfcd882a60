//! The body of a request: pieces that are written once, and shared by every attempt.

use std::convert::Infallible;
use std::io::IoSlice;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf;
use hyper::body::{Body, Frame, SizeHint};
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::Json;
use crate::protocol::request::GenerateContentRequest;

/// A body in pieces; a clone shares them.
#[derive(Clone)]
pub(super) struct Pieces(Arc<Parts>);

/// What a body is made of: contents that are kept as JSON, and all else.
#[derive(Default)]
struct Parts {
    before: &'static str,
    contents: Option<Json>,
    after: &'static str,
    rest: Vec<u8>,
}

impl Pieces {
    /// The JSON of a value.
    pub(super) fn of(value: &impl Serialize) -> Result<Self> {
        let rest = json(value)?;
        Ok(Self(Arc::new(Parts {
            rest,
            ..Parts::default()
        })))
    }

    /// The JSON of a request, without the model, which stands in the address.
    pub(super) fn of_request(mut request: GenerateContentRequest) -> Result<Self> {
        request.model = None;
        let contents = mem::take(&mut request.contents);
        if contents.is_empty() {
            return Self::of(&request);
        }
        let mut rest = json(&request)?;
        let mut after = "]}";
        if rest == b"{}" {
            rest.clear();
        } else {
            // It goes on where the contents end.
            rest[0] = b',';
            after = "]";
        }
        Ok(Self(Arc::new(Parts {
            before: "{\"contents\":[",
            contents: Some(contents.json()),
            after,
            rest,
        })))
    }

    /// The pieces, none of which is empty.
    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let parts = &*self.0;
        [parts.before.as_bytes()]
            .into_iter()
            .chain(parts.contents.iter().flat_map(Json::pieces))
            .chain([parts.after.as_bytes(), &parts.rest])
            .filter(|piece| !piece.is_empty())
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }

    /// The body, to be sent from its beginning.
    pub(super) fn sending(&self) -> Sending {
        Sending(Some(Unsent {
            pieces: self.clone(),
            next: 0,
            sent: 0,
            left: self.len(),
        }))
    }
}

/// A body on its way; by default there is none.
///
/// It is one frame, whatever pieces it has: a frame costs more than a piece.
#[derive(Default)]
pub(super) struct Sending(Option<Unsent>);

impl Body for Sending {
    type Data = Unsent;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Unsent>, Infallible>>> {
        Poll::Ready(self.0.take().map(|unsent| Ok(Frame::data(unsent))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.0.as_ref().map_or(0, |unsent| unsent.left);
        SizeHint::with_exact(left as u64)
    }
}

/// What is not sent yet of a body.
pub(super) struct Unsent {
    pieces: Pieces,
    /// The piece that is next, and how much of it is sent.
    next: usize,
    sent: usize,
    left: usize,
}

impl Unsent {
    fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut sent = self.sent;
        let pieces = self.pieces.iter().skip(self.next);
        pieces.map(move |piece| &piece[mem::take(&mut sent)..])
    }
}

impl Buf for Unsent {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        self.chunks().next().unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(self.chunks());
        filled
            .map(|(slice, chunk)| *slice = IoSlice::new(chunk))
            .count()
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.left, "only what is left can be sent");
        self.left -= count;
        self.sent += count;
        for piece in self.pieces.iter().skip(self.next) {
            if self.sent < piece.len() {
                break;
            }
            self.sent -= piece.len();
            self.next += 1;
        }
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Request, "the request cannot be written as JSON").with_source(error)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::content::{Content, Contents, Transcript};

    fn sent(request: &Value) -> (Value, u64) {
        let request = serde_json::from_value(request.clone()).expect("a request");
        let mut body = Pieces::of_request(request).expect("a body").sending();
        let length = body.size_hint().exact().expect("a length");
        let mut text = Vec::new();
        let mut context = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) {
            let mut data = frame.expect("no error").into_data().ok().expect("data");
            // In steps that end within pieces, and beyond them.
            for step in (1..).map(|step| step % 7) {
                let mut slices = [IoSlice::new(&[]); 64];
                let filled = data.chunks_vectored(&mut slices);
                let all: Vec<u8> = slices[..filled]
                    .iter()
                    .flat_map(|slice| slice.to_vec())
                    .collect();
                assert_eq!(all.len(), data.remaining());
                assert!(all.starts_with(data.chunk()));
                if all.is_empty() {
                    break;
                }
                let step = step.min(all.len());
                text.extend_from_slice(&all[..step]);
                data.advance(step);
            }
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
    fn more_pieces_than_there_is_room_for_come_one_after_the_other() {
        let texts: Vec<String> = (0..100).map(|at| at.to_string().repeat(5_000)).collect();
        let mut history = Arc::new(Transcript::default());
        for text in &texts {
            Arc::make_mut(&mut history).extend([Content::user(text.as_str())]);
            // Each content becomes a piece of its own.
            Contents::new(Arc::clone(&history), Vec::new()).json();
        }
        let contents = Contents::new(history, vec![Content::user("now")]);
        let request = GenerateContentRequest::default().contents(contents.clone());
        let pieces = Pieces::of_request(request).expect("a body");
        let whole = json!({ "contents": contents }).to_string();

        for room in [1, 2, 16, 64] {
            let mut body = pieces.sending();
            assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
            let mut left = body.0.take().expect("a body");
            let mut sent = Vec::new();
            while left.has_remaining() {
                let mut slices = vec![IoSlice::new(&[]); room];
                let filled = left.chunks_vectored(&mut slices);
                assert!(filled == room || filled < 64);
                assert_eq!(*slices[0], *left.chunk());
                let all: Vec<u8> = slices[..filled]
                    .iter()
                    .flat_map(|slice| slice.to_vec())
                    .collect();
                // What a socket takes of it ends anywhere.
                let taken = all.len() - all.len() / 3;
                sent.extend_from_slice(&all[..taken]);
                left.advance(taken);
            }
            assert!(sent == whole.as_bytes(), "{room}");
        }
    }

    #[test]
    fn a_request_without_contents_is_sent_as_it_is() {
        assert_eq!(sent(&json!({})), (json!({}), 2));
        let instruction = json!({"systemInstruction": {"parts": [{"text": "Be brief"}]}});
        assert_eq!(sent(&instruction).0, instruction);
    }
}
