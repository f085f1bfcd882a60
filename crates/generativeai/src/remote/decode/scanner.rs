//! Scanner that finds the end of a JSON value without parsing it.

use memchr::memchr2;

/// Returns whether a text is a JSON object or array that ends too early.
pub(in crate::remote) fn is_cut(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'[')) && JsonScanner::default().end(text).is_none()
}

/// State of the scan of one JSON value, which may arrive in several chunks.
///
/// Each chunk is scanned once. Parsing the value again with each chunk would take quadratic time, and an image has
/// several MiB. The scanner does not validate: it finds an end of invalid JSON as well, which the parser then rejects.
#[derive(Debug, Default)]
pub(super) struct JsonScanner {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl JsonScanner {
    /// Scans the next chunk. If the value ends in it, returns how many of its bytes belong to the value.
    pub(super) fn end(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < chunk.len() {
            if self.in_string {
                at = self.end_of_string(chunk, at)?;
                if !self.in_string && self.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            match chunk[at] {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' if self.depth == 1 => {
                    self.depth = 0;
                    return Some(at + 1);
                }
                // A number or a literal has no closing character, and ends before the next punctuation.
                b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => {
                    return Some(at);
                }
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// Scans a string from `at` on. Returns where to continue, or `None` if the chunk ends within the string.
    fn end_of_string(&mut self, chunk: &[u8], at: usize) -> Option<usize> {
        if self.is_escaped {
            self.is_escaped = false;
            return Some(at + 1);
        }
        let found = at + memchr2(b'"', b'\\', &chunk[at..])?;
        match chunk[found] {
            b'"' => self.in_string = false,
            _ => self.is_escaped = true,
        }
        Some(found + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_its_brackets_close() {
        for (text, end) in [
            (r#"{"a":[1,{"b":"}"}]} x"#, Some(19)),
            (r#""a \" b" x"#, Some(8)),
            (r#""\\" x"#, Some(4)),
            ("12,", Some(2)),
            ("null]", Some(4)),
            ("[[]", None),
            (r#"{"a":"\"}"#, None),
        ] {
            assert_eq!(JsonScanner::default().end(text.as_bytes()), end, "{text}");
        }
    }

    #[test]
    fn a_value_may_arrive_byte_by_byte() {
        let text = br#"{"a\\\"":["]",{"b":1}],"c":"\u007d"}"#;

        let mut scanner = JsonScanner::default();
        let ends: Vec<_> = text.iter().map(|byte| scanner.end(&[*byte])).collect();

        assert_eq!(ends.iter().position(Option::is_some), Some(text.len() - 1));
    }
}
