//! Server-sent events: bytes in, the data of events out.

use bytes::{Buf, Bytes};
use memchr::memchr2;

use super::extent::Extent;
use super::gather::{Gather, Malformed};

/// How much of a line that is no field is kept for the error.
const STRAY: usize = 200;

/// Reads a stream of server-sent events as the standard says, and one thing more: a JSON object on
/// a line of its own is an event too, since that is how the service tells of an error in mid-stream.
///
/// Any split of the bytes gives the same events, and each byte is looked at once. Data that came in
/// one piece on one line is not copied.
#[derive(Debug)]
pub(super) struct Decoder {
    piece: Bytes,
    line: Gather,
    after_return: bool,
    data: Data,
    bare: Option<Extent>,
    stray: Option<Bytes>,
    limit: usize,
}

/// The data of the event that is being read.
#[derive(Debug)]
enum Data {
    None,
    Line(Bytes),
    Lines(Vec<u8>),
}

impl Decoder {
    /// A decoder that takes events of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            piece: Bytes::new(),
            line: Gather::new(limit),
            after_return: false,
            data: Data::None,
            bare: None,
            stray: None,
            limit,
        }
    }

    /// Takes the next piece; the one before must have been read to its end.
    pub(super) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty(), "the piece before is read to its end");
        self.piece = piece;
    }

    /// The data of the next event, or `None` until another piece is pushed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Malformed> {
        loop {
            if self.bare.is_some() {
                return self.bare_value();
            }
            self.skip_line_feed();
            if self.line.is_empty() && self.piece.first() == Some(&b'{') {
                if let Some(data) = self.data.take() {
                    return Ok(Some(data));
                }
                self.bare = Some(Extent::default());
                continue;
            }
            let Some(line) = self.next_line()? else {
                return Ok(None);
            };
            if !line.is_empty() {
                self.field(line)?;
            } else if let Some(data) = self.data.take() {
                return Ok(Some(data));
            }
        }
    }

    /// The data of the event that the end of the body left open: whole but for its blank line, or
    /// cut anywhere.
    pub(super) fn finish(&mut self) -> Result<Option<Bytes>, Malformed> {
        let line = self.line.rest();
        if self.bare.take().is_some() {
            return Ok(Some(line));
        }
        if !line.is_empty() && b"data".starts_with(&line) {
            self.data.push(Bytes::new(), self.limit)?;
        } else if !line.is_empty() {
            self.field(line)?;
        }
        Ok(self.data.take())
    }

    /// The beginning of the first line that was neither field nor comment.
    pub(super) fn stray(&self) -> Option<&[u8]> {
        self.stray.as_deref()
    }

    /// A line that ended with a carriage return may have a line feed to it, perhaps in another piece.
    fn skip_line_feed(&mut self) {
        if self.after_return && !self.piece.is_empty() {
            self.after_return = false;
            if self.piece[0] == b'\n' {
                self.piece.advance(1);
            }
        }
    }

    fn next_line(&mut self) -> Result<Option<Bytes>, Malformed> {
        let Some(end) = memchr2(b'\n', b'\r', &self.piece) else {
            self.line.keep(&mut self.piece)?;
            return Ok(None);
        };
        let line = self.line.complete(&mut self.piece, end)?;
        self.after_return = self.piece[0] == b'\r';
        self.piece.advance(1);
        Ok(Some(line))
    }

    fn bare_value(&mut self) -> Result<Option<Bytes>, Malformed> {
        let end = self
            .bare
            .as_mut()
            .and_then(|extent| extent.end(&self.piece));
        let Some(end) = end else {
            self.line.keep(&mut self.piece)?;
            return Ok(None);
        };
        self.bare = None;
        self.line.complete(&mut self.piece, end).map(Some)
    }

    fn field(&mut self, line: Bytes) -> Result<(), Malformed> {
        let (name, value) = match line.iter().take(6).position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], line.slice(colon + 1..)),
            None => (&line[..], Bytes::new()),
        };
        match name {
            b"data" => self.data.push(without_space(value), self.limit),
            b"" | b"event" | b"id" | b"retry" => Ok(()),
            _ => {
                if self.stray.is_none() {
                    self.stray = Some(Bytes::copy_from_slice(&line[..line.len().min(STRAY)]));
                }
                Ok(())
            }
        }
    }
}

impl Data {
    fn push(&mut self, line: Bytes, limit: usize) -> Result<(), Malformed> {
        let before = match self {
            Self::None => {
                *self = Self::Line(line);
                return Ok(());
            }
            Self::Line(first) => first.to_vec(),
            Self::Lines(lines) => std::mem::take(lines),
        };
        if before.len() + 1 + line.len() > limit {
            return Err(Malformed::TooLarge(limit));
        }
        let mut lines = before;
        lines.push(b'\n');
        lines.extend_from_slice(&line);
        *self = Self::Lines(lines);
        Ok(())
    }

    fn take(&mut self) -> Option<Bytes> {
        match std::mem::replace(self, Self::None) {
            Self::None => None,
            Self::Line(line) => Some(line),
            Self::Lines(lines) => Some(lines.into()),
        }
    }
}

fn without_space(mut value: Bytes) -> Bytes {
    if value.first() == Some(&b' ') {
        value.advance(1);
    }
    value
}
