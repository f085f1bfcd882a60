//! Lenient reading of JSON: large numbers, `NaN`, half surrogate pairs, deep nesting and duplicate members.
//!
//! serde_json reads the text unchanged. Only if it fails, or could have rounded an integer, the text is scanned, the
//! values that it cannot read are replaced, and the text is read again. So an ordinary message costs one pass.

mod duplicates;
mod tokens;

use serde::de::{DeserializeOwned, Error};

use self::tokens::{string_length, value_length};

/// Reads a message from JSON, including values that [`serde_json::from_slice`] refuses or rounds.
///
/// Models, gateways and proxies produce such values. One of them must not make a whole reply unreadable, so each is
/// read as follows:
///
/// | in the JSON | read as |
/// | --- | --- |
/// | a number beyond the range of an `f64`, such as `1e400` | a string |
/// | an integer of more than 64 bits that an `f64` does not hold exactly | a string |
/// | `NaN`, `Infinity` and `-Infinity`, as Python and JavaScript libraries write them | a string, which is how proto JSON writes them |
/// | half of a surrogate pair in a string, such as `\ud83d` | U+FFFD, the replacement character |
/// | more than 127 levels of lists and objects | at a depth of more than 100, each is a string that contains its JSON |
/// | a member of a message under both of its names, `finishReason` and `finish_reason` | the one in `camelCase`, unless it is `null` |
/// | a member of a message twice under one name | the last one, unless it is `null` |
///
/// A value at a depth of 101 to 127 also becomes a string if the JSON has another value of this table. The brackets in
/// such a string are not checked.
///
/// So no digit of an integer is lost. A number that became a string is still read by an `f64` field of a message. An
/// integer field reports an error, as does a type outside of this crate.
///
/// ```
/// use generativeai::protocol::{self, content::FunctionCall};
///
/// let call: FunctionCall = protocol::read_json(br#"{"name":"f","args":{"x":1e400,"y":1.5}}"#)?;
/// assert_eq!(call.arg("x").unwrap(), "1e400");
/// assert_eq!(call.arg("y").unwrap(), 1.5);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
/// The JSON is invalid, or does not match the type.
pub fn read_json<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    // Validates all bytes in one pass. `serde_json::from_slice` would validate each string separately, which is slower.
    let text = std::str::from_utf8(json).map_err(serde_json::Error::custom)?;
    // Programs on Windows write a byte order mark. RFC 8259, section 8.1, allows readers to ignore it.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    // serde_json rounds an integer of more than 64 bits to an `f64` without an error, so it has to be found first.
    if may_have_long_integer(json)
        && let Some(repaired) = repair(text)
    {
        let read = serde_json::from_str(&repaired);
        return read.or_else(|error| duplicates::read_without(repaired.into(), error));
    }
    serde_json::from_str(text).or_else(|error| match repair(text) {
        Some(repaired) => serde_json::from_str(&repaired)
            .or_else(|error| duplicates::read_without(repaired.into(), error)),
        None => duplicates::read_without(text.into(), error),
    })
}

/// Returns whether the text may contain an integer of more than 64 bits: 20 or more digits where a number may begin, or
/// 19 digits that begin with a 9, after a minus sign.
///
/// Inspects every 19th byte and the digits around it, since a run of 19 digits covers at least one of these bytes.
fn may_have_long_integer(json: &[u8]) -> bool {
    const DIGITS: usize = 19;
    let is_digit = |at: &usize| json[*at].is_ascii_digit();
    let mut hits = (DIGITS - 1..json.len()).step_by(DIGITS).filter(is_digit);
    hits.any(|hit| {
        let before = (0..hit).rev().take_while(is_digit).take(DIGITS).count();
        let after = (hit..json.len())
            .take_while(is_digit)
            .take(DIGITS + 1)
            .count();
        let first = hit - before;
        let previous = json[..first].last();
        // Digits within a string, such as an id or a time, mostly follow a quote or a letter. A match would cost a scan
        // of the whole text, with each of its numbers parsed.
        let may_begin = previous.is_none_or(|byte| b" \t\r\n:,[-".contains(byte));
        // `i64::MIN` has 19 digits and begins with a 9. A `u64` holds every positive integer of 19 digits.
        let may_be_below = previous == Some(&b'-') && json[first] == b'9';
        let least = if may_be_below { DIGITS } else { DIGITS + 1 };
        may_begin && before + after >= least
    })
}

/// Numbers that are not valid JSON, as Python's `json` and other libraries write them.
const NOT_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Returns whether a number has to be read as a string: it is not finite, is beyond the range of an `f64`, or is an
/// integer that neither 64 bits nor an `f64` represent exactly.
fn is_too_large(number: &str) -> bool {
    if NOT_FINITE.contains(&number) {
        return true;
    }
    // An `f64` represents all integers of 15 digits. Most numbers are that short and need not be parsed.
    let is_short = number.len() < 16 && !number.contains(['e', 'E']);
    if is_short {
        return false;
    }
    let Ok(float) = number.parse::<f64>() else {
        return false;
    };
    let digits = number.strip_prefix('-').unwrap_or(number);
    let is_integer = digits.bytes().all(|byte| byte.is_ascii_digit());
    let fits = || number.parse::<u64>().is_ok() || number.parse::<i64>().is_ok();
    float.is_infinite() || is_integer && !fits() && format!("{float:.0}") != number
}

/// Maximum depth of lists and objects. serde_json fails beyond 127 levels.
const MAX_DEPTH: usize = 100;

/// Returns the text with the values replaced that serde_json refuses or rounds; `None` if there are none.
///
/// Numbers and values that are nested too deep become strings, and half surrogate pairs U+FFFD. The text may be invalid
/// JSON: all the rest is copied unchanged, and the parser reports errors in it.
fn repair(json: &str) -> Option<String> {
    let mut repaired = String::new();
    let mut copied = 0;
    let mut at = 0;
    let mut depth = 0_usize;
    while let Some(&byte) = json.as_bytes().get(at) {
        let token = &json[at..];
        let length = match byte {
            b'"' => string_length(token),
            b'-' | b'0'..=b'9' | b'N' | b'I' => number_length(token),
            // A value without an end takes the rest of the text. The objects around it stay open, which is an error.
            b'[' | b'{' if depth == MAX_DEPTH => value_length(token).unwrap_or(token.len()),
            b'[' | b'{' => {
                depth += 1;
                1
            }
            // Invalid JSON may close more than it opens.
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                1
            }
            // Outside of strings, a character of several bytes is invalid. The loop below skips its other bytes.
            _ => 1,
        };
        let replacement = match token.get(..length) {
            Some(string) if byte == b'"' => replace_half_surrogates(string),
            Some(number) if is_too_large(number) => Some(format!("\"{number}\"")),
            Some(deep) if deep.len() > 1 && matches!(byte, b'[' | b'{') => {
                Some(serde_json::Value::from(deep).to_string())
            }
            _ => None,
        };
        if let Some(replacement) = replacement {
            repaired.push_str(&json[copied..at]);
            repaired.push_str(&replacement);
            copied = at + length;
        }
        at += length;
        while !json.is_char_boundary(at) {
            at += 1;
        }
    }
    repaired.push_str(&json[copied..]);
    (copied > 0).then_some(repaired)
}

/// Replaces each escape of half a surrogate pair by the escape of U+FFFD. Returns `None` if there is nothing to
/// replace.
fn replace_half_surrogates(string: &str) -> Option<String> {
    const LENGTH: usize = "\\ud83d".len();
    let escaped = |at: usize| {
        let digits = string.get(at..at + LENGTH)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut repaired = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = string[at..].find('\\') {
        at += found;
        let is_half = match escaped(at) {
            Some(0xD800..0xDC00) => match escaped(at + LENGTH) {
                Some(0xDC00..0xE000) => {
                    at += LENGTH;
                    false
                }
                _ => true,
            },
            Some(0xDC00..0xE000) => true,
            _ => false,
        };
        if is_half {
            repaired.push_str(&string[copied..at]);
            repaired.push_str("\\ufffd");
            copied = at + LENGTH;
        }
        at += match escaped(at) {
            Some(_) => LENGTH,
            // The backslash and the character that it escapes, which may be longer than a byte in invalid JSON.
            None => 1 + string[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }
    repaired.push_str(&string[copied..]);
    (copied > 0).then_some(repaired)
}

/// Returns the length of the number at the start, which may be one of [`NOT_FINITE`].
///
/// At least 1, so that the scan also passes an `N` or an `I` that begins something else.
fn number_length(json: &str) -> usize {
    if let Some(word) = NOT_FINITE.iter().find(|word| json.starts_with(*word)) {
        return word.len();
    }
    let is_part = |byte: u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    json.bytes()
        .position(|byte| !is_part(byte))
        .map_or(json.len(), |length| length.max(1))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::config::GenerationConfig;
    use crate::protocol::response::GenerateContentResponse;

    /// Row 6 of tests/field.md.
    #[test]
    fn a_number_beyond_the_range_is_read_as_a_string() {
        let reply = r#"{"candidates":[{"content":{"parts":[{"text":"1e999 é \" -1e999"},
            {"functionCall":{"name":"f","args":{"a":[1e400,-2E+400,1e4],"é":1e308}}}]}}]}"#;

        let reply: GenerateContentResponse = read_json(reply.as_bytes()).expect("a reply");

        let parts = reply.candidates[0].parts();
        assert_eq!(parts[0].as_text(), Some("1e999 é \" -1e999"));
        let call = parts[1].as_function_call().expect("a call");
        assert_eq!(
            json!(call.args),
            json!({"a": ["1e400", "-2E+400", 1e4], "é": 1e308})
        );
        assert!(serde_json::from_value::<f64>(call.args.clone().unwrap()["a"][0].clone()).is_err());
    }

    #[test]
    fn digits_in_a_string_are_not_searched_for_a_long_integer() {
        for (json, is_searched) in [
            (r#"{"text":"01234567890123456789"}"#, false),
            (
                r#"{"id":"x01234567890123456789012345678901234567890123456789"}"#,
                false,
            ),
            (r#"{"id":1234567890123456789}"#, false),
            (r#"{"id":12345678901234567890}"#, true),
            (r#"{"id": -12345678901234567890}"#, true),
            (r#"{"id":-9223372036854775809}"#, true),
            (r#"{"id":9223372036854775809}"#, false),
            (r#"{"id":"call-1764446733123456789"}"#, false),
            (
                r#"{"ids":[1,123456789012345678901234567890123456789012345678901234]}"#,
                true,
            ),
        ] {
            assert_eq!(
                may_have_long_integer(json.as_bytes()),
                is_searched,
                "{json}"
            );
        }
    }

    /// Row 6 of tests/field.md.
    #[test]
    fn an_integer_of_more_than_64_bits_keeps_its_digits() {
        for (number, is_exact) in [
            ("18446744073709551615", true),
            ("-9223372036854775808", true),
            ("-9223372036854775809", false),
            ("100000000000000000000", true),
            ("18446744073709551616", true),
            ("18446744073709551617", false),
            ("-12345678901234567890", false),
            ("123456789012345678901234567890", false),
        ] {
            let reply = format!(
                r#"{{"newMember":{{"id":{number}}},"candidates":[{{"content":{{"parts":[
                {{"text":"123456789012345678901234567890"}},
                {{"functionCall":{{"name":"f","args":{{"x":[{number}]}}}}}}]}}}}]}}"#
            );
            let reply: GenerateContentResponse = read_json(reply.as_bytes()).expect("a reply");

            let text = reply.candidates[0].parts()[0].as_text();
            assert_eq!(text, Some("123456789012345678901234567890"));
            let call = reply.candidates[0].parts()[1]
                .as_function_call()
                .expect("a call");
            for value in [
                &reply.unknown.get("newMember").unwrap()["id"],
                &call.arg("x").unwrap()[0],
            ] {
                match is_exact {
                    true => assert_eq!(value.as_f64(), number.parse().ok(), "{number}"),
                    false => assert_eq!(value, number),
                }
            }
        }
    }

    /// Row 6 of tests/field.md.
    #[test]
    fn numbers_that_json_does_not_have_are_read_as_proto_json_writes_them() {
        let reply = r#"{"candidates":[{"avgLogprobs":NaN,"finishReason":"STOP","content":{"parts":[
            {"functionCall":{"name":"f","args":{"a":[-Infinity,NaN,1],"NaN":Infinity}}}]}}]}"#;

        let reply: GenerateContentResponse = read_json(reply.as_bytes()).expect("a reply");

        let candidate = &reply.candidates[0];
        assert!(candidate.avg_logprobs.expect("a number").is_nan());
        let call = candidate.parts()[0].as_function_call().expect("a call");
        assert_eq!(
            json!(call.args),
            json!({"a": ["-Infinity", "NaN", 1], "NaN": "Infinity"})
        );
    }

    /// Row 6 of tests/field.md.
    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        for (json, text) in [
            (r#""\ud83d""#, "\u{FFFD}"),
            (r#""a\ude00b""#, "a\u{FFFD}b"),
            (r#""\ud83d\ude00\ud83dé""#, "😀\u{FFFD}é"),
            (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
            (r#""\\ud83d \ud83d\n""#, "\\ud83d \u{FFFD}\n"),
            (r#""\uD83D\u0041""#, "\u{FFFD}A"),
        ] {
            assert_eq!(read_json::<String>(json.as_bytes()).expect(json), text);
        }
        let args = br#"{"name":"f","args":{"\ud800":["\udfff"]}}"#;
        let call: crate::protocol::content::FunctionCall = read_json(args).expect("a call");
        assert_eq!(json!(call.args), json!({"\u{FFFD}": ["\u{FFFD}"]}));
    }

    /// Row 6 of tests/field.md.
    #[test]
    fn values_that_are_nested_too_deep_are_read_as_their_json() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}\"é]\"{}", open.repeat(300), close.repeat(300));
            let reply = format!(
                r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"f","args":{{"x":{deep},"y":1}}}}}},
                {{"text":"after"}}]}},"finishReason":"STOP"}}],"new":{deep}}}"#
            );

            let reply: GenerateContentResponse = read_json(reply.as_bytes()).expect("a reply");

            let parts = reply.candidates[0].parts();
            let call = parts[0].as_function_call().expect("a call");
            assert_eq!(call.arg("y"), Some(&json!(1)));
            assert_eq!(parts[1].as_text(), Some("after"));
            let mut value = call.arg("x").expect("an argument");
            while let Some(inner) = value.get(0).or(value.get("a")) {
                value = inner;
            }
            let rest = value.as_str().expect("text");
            assert!(deep.contains(rest) && rest.contains("\"é]\""), "{rest}");
            assert!(serde_json::to_string(&reply).is_ok());
        }
        let unclosed = format!("{{\"a\":{}", "[".repeat(300));
        assert!(read_json::<Value>(unclosed.as_bytes()).is_err());
    }

    #[test]
    fn invalid_json_stays_an_error() {
        for json in [
            "",
            "{",
            "[1e400",
            r#"{"a":1e400"#,
            "é1e400",
            "\"1e400",
            "1e400e",
            "1e400 1",
            "nan",
            "Nan",
            "-NaN",
            "Infinity1",
            r#""\ud83"#,
            r#""\ud83d"#,
            r#""\ud8é0""#,
            r#""\ud83d\é""#,
            r#""\"#,
        ] {
            assert!(read_json::<Value>(json.as_bytes()).is_err(), "{json}");
        }
        assert!(read_json::<Value>(b"\"\xff\"").is_err());
        assert_eq!(
            read_json::<Value>("\u{FEFF}[1]".as_bytes()).unwrap(),
            json!([1])
        );
        let error = read_json::<GenerationConfig>(br#"{"topK":1e400}"#).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`1e400` is not a 32-bit integer")
        );
    }
}
