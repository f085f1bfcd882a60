//! Decoder of a body that is one JSON array: bytes in, elements out.

use bytes::{Buf, Bytes};

use super::assembler::{Assembler, Malformed};
use super::scanner::JsonScanner;

/// Splits a JSON array into its elements as they arrive.
#[derive(Debug)]
pub(super) struct ArrayDecoder {
    chunk: Bytes,
    element: Assembler,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Before the opening bracket.
    Start,
    /// After the opening bracket, where the array may end.
    Opened,
    /// After a comma, where an element has to follow.
    ElementExpected,
    /// Within an element.
    Element(JsonScanner),
    /// After an element.
    ElementRead,
    /// After the closing bracket.
    Closed,
}

impl ArrayDecoder {
    /// Creates a decoder of elements up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            chunk: Bytes::new(),
            element: Assembler::new(limit),
            state: State::Start,
        }
    }

    /// Adds the next chunk, once [`next`](Self::next) has returned `None` for the one before.
    pub(super) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "the chunk before has been read");
        self.chunk = chunk;
    }

    /// Returns the next element, or `None` if it needs another chunk.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Malformed> {
        loop {
            if let State::Element(scanner) = &mut self.state {
                let Some(end) = scanner.end(&self.chunk) else {
                    self.element.buffer(&mut self.chunk)?;
                    return Ok(None);
                };
                self.state = State::ElementRead;
                return self.element.complete(&mut self.chunk, end).map(Some);
            }
            while self.chunk.first().is_some_and(u8::is_ascii_whitespace) {
                self.chunk.advance(1);
            }
            let Some(&byte) = self.chunk.first() else {
                return Ok(None);
            };
            self.step(byte)?;
        }
    }

    /// Returns whether the array has been closed.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Reads one byte of punctuation, or enters an element.
    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        let next = match (&self.state, byte) {
            (State::Start, b'[') => State::Opened,
            (State::Opened | State::ElementRead, b']') => State::Closed,
            (State::ElementRead, b',') => State::ElementExpected,
            (State::Opened | State::ElementExpected, b',' | b']' | b'}' | b':') => {
                return Err(Malformed::Array("an element is missing"));
            }
            (State::Opened | State::ElementExpected, _) => {
                // The byte is not skipped: it is the first one of the element, which the scanner has to read.
                self.state = State::Element(JsonScanner::default());
                return Ok(());
            }
            (State::ElementRead, _) => return Err(Malformed::Array("a comma is missing")),
            (State::Closed, _) => return Err(Malformed::Array("text follows its end")),
            (State::Start | State::Element(_), _) => {
                return Err(Malformed::Array("it does not start with a bracket"));
            }
        };
        self.state = next;
        self.chunk.advance(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(chunks: &[&str]) -> Result<(Vec<String>, bool), Malformed> {
        let mut array = ArrayDecoder::new(32);
        let mut found = Vec::new();
        for chunk in chunks {
            array.push(Bytes::copy_from_slice(chunk.as_bytes()));
            while let Some(element) = array.next()? {
                found.push(String::from_utf8(element.to_vec()).expect("text"));
            }
        }
        Ok((found, array.is_closed()))
    }

    #[test]
    fn any_split_of_the_bytes_gives_the_same_elements() {
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
    fn a_truncated_array_is_not_closed() {
        assert_eq!(elements(&["[{},{\"a\":"]), Ok((vec!["{}".into()], false)));
        assert_eq!(elements(&["[{},"]), Ok((vec!["{}".into()], false)));
    }

    #[test]
    fn an_invalid_array_is_rejected() {
        for text in ["{}", "[,", "[{},]", "[{} {}]", "[] x", "[}"] {
            assert!(elements(&[text]).is_err(), "{text}");
        }
    }

    #[test]
    fn an_element_over_the_limit_is_rejected_before_it_is_complete() {
        let long = format!("[\"{}", "x".repeat(32));
        assert_eq!(elements(&[&long]), Err(Malformed::TooLarge(32)));
    }
}
