//! The body of a streamed answer: pieces in, the JSON of events out, in whichever form they came.

use bytes::{Buf, Bytes};

use super::array::Elements;
use super::gather::Malformed;
use super::sse::Decoder;

pub(super) const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Reads events from a body whose first byte tells its form: a JSON array, else server-sent events.
#[derive(Debug)]
pub(super) struct Events {
    form: Form,
    limit: usize,
    any: bool,
}

#[derive(Debug)]
enum Form {
    /// Nothing has come but blanks and so many bytes of a byte order mark.
    Unknown(usize),
    Sse(Decoder),
    Array(Elements),
}

/// How a body ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Between two events.
    Clean,
    /// Within this event, or behind it where only its blank line is missing.
    Open(Bytes),
    /// Before the array was closed.
    Unclosed,
    /// Without any event: this is how it began.
    Strange(Vec<u8>),
}

impl Events {
    /// Takes events of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            form: Form::Unknown(0),
            limit,
            any: false,
        }
    }

    /// Takes the next piece; the one before must have been read to its end.
    pub(super) fn push(&mut self, piece: Bytes) {
        match &mut self.form {
            Form::Unknown(_) => self.begin(piece),
            Form::Sse(decoder) => decoder.push(piece),
            Form::Array(elements) => elements.push(piece),
        }
    }

    /// The JSON of the next event, or `None` until another piece is pushed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Malformed> {
        let event = match &mut self.form {
            Form::Unknown(_) => None,
            Form::Sse(decoder) => decoder.next()?,
            Form::Array(elements) => elements.next()?,
        };
        self.any |= event.is_some();
        Ok(event)
    }

    /// What the end of the body means.
    pub(super) fn finish(&mut self) -> Result<End, Malformed> {
        Ok(match &mut self.form {
            Form::Unknown(0) => End::Clean,
            Form::Unknown(mark) => End::Strange(BYTE_ORDER_MARK[..*mark].to_vec()),
            Form::Array(elements) if elements.is_closed() => End::Clean,
            Form::Array(_) => End::Unclosed,
            Form::Sse(decoder) => match (decoder.finish()?, decoder.stray()) {
                (Some(data), _) => End::Open(data),
                (None, Some(stray)) if !self.any => End::Strange(stray.to_vec()),
                (None, _) => End::Clean,
            },
        })
    }

    /// Goes past blanks and a byte order mark, and finds out the form.
    fn begin(&mut self, mut piece: Bytes) {
        let Form::Unknown(mark) = &mut self.form else {
            return;
        };
        while let Some(&byte) = piece.first() {
            if *mark < 3 && byte == BYTE_ORDER_MARK[*mark] {
                *mark += 1;
            } else if !(byte.is_ascii_whitespace() && matches!(*mark, 0 | 3)) {
                break;
            }
            piece.advance(1);
        }
        match piece.first() {
            None => {}
            Some(b'[') => {
                let mut elements = Elements::new(self.limit);
                elements.push(piece);
                self.form = Form::Array(elements);
            }
            Some(_) => {
                let mut decoder = Decoder::new(self.limit);
                decoder.push(piece);
                self.form = Form::Sse(decoder);
            }
        }
    }
}
