//! A body that is one JSON array: bytes in, its elements out.

use bytes::{Buf, Bytes};

use super::extent::Extent;
use super::gather::{Gather, Malformed};

/// Splits an array into its elements, as they come.
///
/// Any split of the bytes gives the same elements, and each byte is looked at once. An element that
/// came in one piece is not copied.
#[derive(Debug)]
pub(super) struct Elements {
    piece: Bytes,
    element: Gather,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Before the bracket that opens the array.
    Outside,
    /// Behind that bracket, where the array may end at once.
    Opened,
    /// Behind a comma.
    Expecting,
    /// Within an element.
    Within(Extent),
    /// Behind an element.
    Behind,
    /// Behind the bracket that closes the array.
    Closed,
}

impl Elements {
    /// Takes elements of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            piece: Bytes::new(),
            element: Gather::new(limit),
            state: State::Outside,
        }
    }

    /// Takes the next piece; the one before must have been read to its end.
    pub(super) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty(), "the piece before is read to its end");
        self.piece = piece;
    }

    /// The next element, or `None` until another piece is pushed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Malformed> {
        loop {
            if let State::Within(extent) = &mut self.state {
                let Some(end) = extent.end(&self.piece) else {
                    self.element.keep(&mut self.piece)?;
                    return Ok(None);
                };
                self.state = State::Behind;
                return self.element.complete(&mut self.piece, end).map(Some);
            }
            while self.piece.first().is_some_and(u8::is_ascii_whitespace) {
                self.piece.advance(1);
            }
            let Some(&byte) = self.piece.first() else {
                return Ok(None);
            };
            self.step(byte)?;
        }
    }

    /// Whether the array was closed.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Goes past one byte of punctuation, or into an element.
    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        let next = match (&self.state, byte) {
            (State::Outside, b'[') => State::Opened,
            (State::Opened | State::Behind, b']') => State::Closed,
            (State::Behind, b',') => State::Expecting,
            (State::Opened | State::Expecting, b',' | b']' | b'}' | b':') => {
                return Err(Malformed::Array("an element is missing"));
            }
            (State::Opened | State::Expecting, _) => {
                self.state = State::Within(Extent::default());
                return Ok(());
            }
            (State::Behind, _) => return Err(Malformed::Array("a comma is missing")),
            (State::Closed, _) => return Err(Malformed::Array("it goes on behind its end")),
            (State::Outside | State::Within(_), _) => {
                return Err(Malformed::Array("it does not begin as one"));
            }
        };
        self.state = next;
        self.piece.advance(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(pieces: &[&str]) -> Result<(Vec<String>, bool), Malformed> {
        let mut array = Elements::new(32);
        let mut found = Vec::new();
        for piece in pieces {
            array.push(Bytes::copy_from_slice(piece.as_bytes()));
            while let Some(element) = array.next()? {
                found.push(String::from_utf8(element.to_vec()).expect("text"));
            }
        }
        Ok((found, array.is_closed()))
    }

    #[test]
    fn elements_come_out_as_they_came() {
        let whole = " [{\"a\":\"],[\"}\r\n,\r\nnull, [1,2] , 3]\r\n";
        let expected = ["{\"a\":\"],[\"}", "null", "[1,2]", "3"].map(String::from);

        for split in 0..whole.len() {
            let (found, closed) = elements(&[&whole[..split], &whole[split..]]).expect("an array");
            assert_eq!(found, expected, "split at {split}");
            assert!(closed, "split at {split}");
        }
    }

    #[test]
    fn an_empty_array_has_no_elements() {
        assert_eq!(elements(&["[", "]"]), Ok((Vec::new(), true)));
    }

    #[test]
    fn an_array_that_was_cut_is_not_closed() {
        assert_eq!(elements(&["[{},{\"a\":"]), Ok((vec!["{}".into()], false)));
        assert_eq!(elements(&["[{},"]), Ok((vec!["{}".into()], false)));
    }

    #[test]
    fn what_is_no_array_is_refused() {
        for text in ["{}", "[,", "[{},]", "[{} {}]", "[] x", "[}"] {
            assert!(elements(&[text]).is_err(), "{text}");
        }
    }

    #[test]
    fn an_element_over_the_limit_is_refused_before_it_is_whole() {
        let long = format!("[\"{}", "x".repeat(32));
        assert_eq!(elements(&[&long]), Err(Malformed::TooLarge(32)));
    }
}
