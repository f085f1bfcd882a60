//! Finds where a JSON value ends, without reading what it says.

use memchr::memchr2;

/// How far the reading of one JSON value has come.
///
/// Looks at each byte once. It does not judge the value: what is no JSON ends somewhere, too.
#[derive(Debug, Default)]
pub(super) struct Extent {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Extent {
    /// Reads on, and gives the number of bytes of `piece` that belong to the value if it ends there.
    pub(super) fn end(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < piece.len() {
            if self.in_string {
                at = self.end_of_string(piece, at)?;
                if !self.in_string && self.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            match piece[at] {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' if self.depth == 1 => {
                    self.depth = 0;
                    return Some(at + 1);
                }
                b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => {
                    return Some(at);
                }
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// Reads a string on from `at`; where to go on, or `None` if the piece ends within it.
    fn end_of_string(&mut self, piece: &[u8], at: usize) -> Option<usize> {
        if self.escaped {
            self.escaped = false;
            return Some(at + 1);
        }
        let found = at + memchr2(b'"', b'\\', &piece[at..])?;
        match piece[found] {
            b'"' => self.in_string = false,
            _ => self.escaped = true,
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
            assert_eq!(Extent::default().end(text.as_bytes()), end, "{text}");
        }
    }

    #[test]
    fn a_value_may_come_byte_by_byte() {
        let text = br#"{"a\\\"":["]",{"b":1}],"c":"\u007d"}"#;

        let mut extent = Extent::default();
        let ends: Vec<_> = text.iter().map(|byte| extent.end(&[*byte])).collect();

        assert_eq!(ends.iter().position(Option::is_some), Some(text.len() - 1));
    }
}
