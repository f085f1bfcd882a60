//! Decoder of a body that is one JSON array: bytes in, elements out.

use bytes::Bytes;

use super::input::Input;
use super::scanner::JsonScanner;
use crate::error::{Error, ErrorKind, Result};

/// Splits a JSON array into its elements as they arrive. Its value is the position after the opening bracket.
#[derive(Debug)]
pub(super) enum ArrayDecoder {
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
    /// Returns the next element, or `None` if it needs another chunk.
    pub(super) fn next(&mut self, input: &mut Input) -> Result<Option<Bytes>> {
        loop {
            if let Self::Element(scanner) = self {
                let Some(end) = scanner.end(input.chunk()) else {
                    input.buffer()?;
                    return Ok(None);
                };
                *self = Self::ElementRead;
                return input.complete(end).map(Some);
            }
            let is_space = |byte: &&u8| byte.is_ascii_whitespace();
            input.skip(input.chunk().iter().take_while(is_space).count());
            let Some(&byte) = input.chunk().first() else {
                return Ok(None);
            };
            *self = self.after(byte)?;
            // The first byte of an element is not skipped: the scanner has to read it.
            if !matches!(self, Self::Element(_)) {
                input.skip(1);
            }
        }
    }

    /// Returns the position after a byte of punctuation, or at the first byte of an element.
    fn after(&self, byte: u8) -> Result<Self> {
        let problem = match (self, byte) {
            (Self::Opened | Self::ElementRead, b']') => return Ok(Self::Closed),
            (Self::ElementRead, b',') => return Ok(Self::ElementExpected),
            (Self::ElementRead, _) => "a comma is missing",
            (Self::Closed, _) => "text follows its end",
            (_, b',' | b']' | b'}' | b':') => "an element is missing",
            _ => return Ok(Self::Element(JsonScanner::default())),
        };
        let message = format!("the response is not a valid JSON array: {problem}");
        Err(Error::new(ErrorKind::Decode, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes the chunks of an array after its opening bracket.
    fn elements(chunks: &[&str]) -> Result<(Vec<String>, bool)> {
        let mut input = Input::new(32);
        let mut array = ArrayDecoder::Opened;
        let mut found = Vec::new();
        for chunk in chunks {
            input.push(Bytes::copy_from_slice(chunk.as_bytes()));
            while let Some(element) = array.next(&mut input)? {
                found.push(String::from_utf8(element.to_vec()).expect("text"));
            }
        }
        Ok((found, matches!(array, ArrayDecoder::Closed)))
    }

    #[test]
    fn any_split_of_the_bytes_gives_the_same_elements() {
        let whole = " {\"a\":\"],[\"}\r\n,\r\nnull, [1,2] , 3]\r\n";
        let expected = ["{\"a\":\"],[\"}", "null", "[1,2]", "3"].map(String::from);

        for split in 0..whole.len() {
            let (found, closed) = elements(&[&whole[..split], &whole[split..]]).expect("an array");
            assert_eq!(found, expected, "split at {split}");
            assert!(closed, "split at {split}");
        }
    }

    #[test]
    fn an_empty_array_has_no_elements() {
        assert_eq!(elements(&[" ", "]"]).expect("an array"), (Vec::new(), true));
    }

    #[test]
    fn a_truncated_array_is_not_closed() {
        for text in ["{},{\"a\":", "{},"] {
            let (found, closed) = elements(&[text]).expect("an array");
            assert_eq!((found, closed), (vec!["{}".into()], false), "{text}");
        }
    }

    #[test]
    fn an_invalid_array_is_rejected() {
        for text in [",", "{},]", "{} {}]", "] x", "}"] {
            let error = elements(&[text]).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Decode, "{text}");
        }
    }

    #[test]
    fn an_element_over_the_limit_is_rejected_before_it_is_complete() {
        let long = format!("\"{}", "x".repeat(32));
        let error = elements(&[&long]).expect_err("too long");
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
}
