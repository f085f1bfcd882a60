//! JSON with single quotes and trailing commas, which the service accepts in requests.
//!
//! The parser of the service is
//! [`json_stream_parser.cc`](https://github.com/protocolbuffers/protobuf/blob/v3.20.3/src/google/protobuf/util/internal/json_stream_parser.cc)
//! of Protocol Buffers. The curl commands of the Files API's documentation rely on it: `{'file': {'display_name': 'a'}}`.

/// Rewrites single quotes to double quotes, and trailing commas to spaces, so that almost all bytes keep their
/// positions.
pub(super) fn to_json(loose: &[u8]) -> Vec<u8> {
    let mut json = Vec::with_capacity(loose.len());
    let mut rest = loose.iter().copied();
    // Position of a comma after a value that only white space follows, and the last byte that is not white space.
    let (mut comma, mut last) = (None, b'[');
    while let Some(byte) = rest.next() {
        match byte {
            b'"' | b'\'' => push_string(&mut json, &mut rest, byte),
            b'}' | b']' => {
                if let Some(comma) = comma {
                    json[comma] = b' ';
                }
                json.push(byte);
            }
            _ => json.push(byte),
        }
        if !byte.is_ascii_whitespace() {
            let is_separator = byte == b',' && !b"[{,".contains(&last);
            comma = is_separator.then(|| json.len() - 1);
            last = byte;
        }
    }
    json
}

/// Adds a string, of which `rest` begins after its opening `quote`.
fn push_string(json: &mut Vec<u8>, rest: &mut impl Iterator<Item = u8>, quote: u8) {
    json.push(b'"');
    while let Some(byte) = rest.next() {
        match byte {
            byte if byte == quote => {
                json.push(b'"');
                return;
            }
            b'"' => json.extend(b"\\\""),
            b'\\' => match rest.next() {
                Some(b'\'') => json.push(b'\''),
                escaped => json.extend([b'\\'].into_iter().chain(escaped)),
            },
            _ => json.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(loose: &str) -> String {
        String::from_utf8(to_json(loose.as_bytes())).expect("text")
    }

    #[test]
    fn single_quotes_and_trailing_commas_are_rewritten() {
        for (loose, json) in [
            ("{'a': 'b'}", r#"{"a": "b"}"#),
            (
                r#"{"it's": 'a "b" \'c\' \\'}"#,
                r#"{"it's": "a \"b\" 'c' \\"}"#,
            ),
            ("[{'a': 1,}, \n]", "[{\"a\": 1 }  \n]"),
            (r#"["a,]", ',}',]"#, r#"["a,]", ",}" ]"#),
            // What the service refuses stays invalid.
            ("[,,]", "[,,]"),
            ("[ ,]", "[ ,]"),
            ("{,}", "{,}"),
            // The service accepts names without quotes, which nothing documents.
            ("{a: 1}", "{a: 1}"),
            ("['a", "[\"a"),
            ("'\\", "\"\\"),
        ] {
            assert_eq!(rewritten(loose), json, "{loose}");
        }
    }
}
