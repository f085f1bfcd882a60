//! Body of a request: serialized once, in pieces that all attempts share.

use std::io::IoSlice;
use std::mem;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use http_body_util::Full;
use serde::Serialize;

use crate::protocol::request::GenerateContentRequest;

/// A serialized body that any number of attempts can send: its pieces, none of which is empty. By default it is empty.
#[derive(Default)]
pub(super) struct SharedBody(Arc<Vec<Bytes>>);

impl SharedBody {
    /// Serializes a value.
    pub(super) fn of(value: &impl Serialize) -> Self {
        Self::of_bytes(to_json(value).into())
    }

    /// Wraps bytes, such as a piece of a file.
    pub(super) fn of_bytes(bytes: Bytes) -> Self {
        let filled = Some(bytes).filter(|bytes| !bytes.is_empty());
        Self(Arc::new(filled.into_iter().collect()))
    }

    /// Serializes a request, without its model, which is part of the URL.
    ///
    /// The JSON of the history is cached and not copied, so only the new contents of a turn are serialized.
    pub(super) fn of_request(mut request: GenerateContentRequest) -> Self {
        request.model = None;
        let contents = mem::take(&mut request.contents);
        if contents.is_empty() {
            return Self::of(&request);
        }
        let mut rest = to_json(&request);
        // The members of the request follow the contents in one object: the opening brace of `rest` becomes a comma,
        // and its closing brace ends the object.
        rest[0] = b',';
        if rest == b",}" {
            rest.remove(0);
        }
        let contents = contents.json();
        let mut pieces = Vec::with_capacity(contents.len() + 3);
        pieces.push(Bytes::from_static(b"{\"contents\":["));
        pieces.extend(contents);
        pieces.extend([Bytes::from_static(b"]"), rest.into()]);
        Self(Arc::new(pieces))
    }

    /// Creates the body of one attempt.
    pub(super) fn to_request_body(&self) -> RequestBody {
        Full::new(self.to_buf())
    }

    fn to_buf(&self) -> BodyBuf {
        BodyBuf {
            pieces: Arc::clone(&self.0),
            piece: 0,
            offset: 0,
            remaining: self.0.iter().map(Bytes::len).sum(),
        }
    }
}

/// Body of one attempt.
///
/// All pieces are in one frame, which hyper writes with vectored I/O: in hyper, a frame costs more than a piece.
pub(super) type RequestBody = Full<BodyBuf>;

/// Bytes of a body that have not been sent.
pub(super) struct BodyBuf {
    pieces: Arc<Vec<Bytes>>,
    /// Index of the current piece.
    piece: usize,
    /// Number of bytes of the current piece that have been sent.
    offset: usize,
    remaining: usize,
}

impl Buf for BodyBuf {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        let piece = self.pieces.get(self.piece);
        piece.map(|piece| &piece[self.offset..]).unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        // The offset belongs to the first piece: `take` leaves 0 for the others.
        let mut offset = self.offset;
        let filled = slices.iter_mut().zip(&self.pieces[self.piece..]);
        filled
            .map(|(slice, piece)| *slice = IoSlice::new(&piece[mem::take(&mut offset)..]))
            .count()
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining, "cannot advance past the end");
        self.remaining -= count;
        self.offset += count;
        while let Some(piece) = self.pieces.get(self.piece)
            && self.offset >= piece.len()
        {
            self.offset -= piece.len();
            self.piece += 1;
        }
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("requests have only string keys, and no serializer that fails")
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use hyper::body::Body as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::content::{Content, Contents, Transcript};

    fn sent(request: &Value) -> (Value, u64) {
        let request = serde_json::from_value(request.clone()).expect("a request");
        let mut body = SharedBody::of_request(request).to_request_body();
        let length = body.size_hint().exact().expect("a length");
        let mut text = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) {
            let mut data = frame.expect("no error").into_data().ok().expect("data");
            // In steps that end within pieces and beyond them.
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
    fn a_request_is_sent_whole_except_for_its_model() {
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
    fn more_pieces_than_slices_are_sent_one_after_the_other() {
        let texts: Vec<String> = (0..100).map(|at| at.to_string().repeat(5_000)).collect();
        let mut history = Arc::new(Transcript::default());
        for text in &texts {
            Arc::make_mut(&mut history).extend([Content::user(text.as_str())]);
            // Each content becomes a separate piece.
            Contents::new(Arc::clone(&history), Vec::new()).json();
        }
        let contents = Contents::new(history, vec![Content::user("now")]);
        let request = GenerateContentRequest::default().contents(contents.clone());
        let body = SharedBody::of_request(request);
        let whole = json!({ "contents": contents }).to_string();

        for room in [1, 2, 16, 64] {
            let mut buf = body.to_buf();
            assert_eq!(buf.remaining(), whole.len());
            let mut sent = Vec::new();
            while buf.has_remaining() {
                let mut slices = vec![IoSlice::new(&[]); room];
                let filled = buf.chunks_vectored(&mut slices);
                assert!(filled == room || filled < 64);
                assert_eq!(*slices[0], *buf.chunk());
                let all: Vec<u8> = slices[..filled]
                    .iter()
                    .flat_map(|slice| slice.to_vec())
                    .collect();
                // A socket may accept any part of it.
                let taken = all.len() - all.len() / 3;
                sent.extend_from_slice(&all[..taken]);
                buf.advance(taken);
            }
            assert!(sent == whole.as_bytes(), "{room}");
        }
    }

    #[test]
    fn a_request_without_contents_is_sent_unchanged() {
        assert_eq!(sent(&json!({})), (json!({}), 2));
        let instruction = json!({"systemInstruction": {"parts": [{"text": "Be brief"}]}});
        assert_eq!(sent(&instruction).0, instruction);
    }
}
