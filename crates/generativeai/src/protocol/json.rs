//! Reading JSON that contains numbers of any size.

use serde::de::{DeserializeOwned, Error};

/// Reads a message from JSON, also if it contains numbers that neither an `f64` nor a 64-bit integer can hold.
///
/// [`serde_json::from_slice`] refuses a whole document for one number such as `1e400`, which is valid JSON
/// and may be an argument of a function call, and rounds integers of more than 64 bits. This function reads
/// such a number as a string: the message is read, no digit is lost, and only code that expects a number in
/// that place gets an error.
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
    // To validate UTF-8 once is faster than for each string.
    let text = std::str::from_utf8(json).map_err(serde_json::Error::custom)?;
    if may_have_long_integer(json)
        && let Some(quoted) = quote_large_numbers(text)
    {
        return serde_json::from_str(&quoted);
    }
    serde_json::from_str(text).or_else(|error| match quote_large_numbers(text) {
        Some(quoted) => serde_json::from_str(&quoted),
        None => Err(error),
    })
}

/// Returns whether there are as many digits in a row as only an integer of more than 64 bits has. Looks at few bytes.
fn may_have_long_integer(json: &[u8]) -> bool {
    const DIGITS: usize = 20;
    let is_digit = |at: &usize| json[*at].is_ascii_digit();
    let mut hits = (DIGITS - 1..json.len()).step_by(DIGITS).filter(is_digit);
    hits.any(|hit| {
        let before = (0..hit).rev().take_while(is_digit).take(DIGITS).count();
        let after = (hit..json.len()).take_while(is_digit).take(DIGITS).count();
        before + after >= DIGITS
    })
}

/// Returns whether a number would lose digits: it is beyond the range of an `f64`, or an integer that neither 64 bits
/// nor an `f64` hold exactly.
fn is_too_large(number: &str) -> bool {
    let Ok(float) = number.parse::<f64>() else {
        return false;
    };
    let digits = number.strip_prefix('-').unwrap_or(number);
    let is_integer = digits.bytes().all(|byte| byte.is_ascii_digit());
    let fits = || number.parse::<u64>().is_ok() || number.parse::<i64>().is_ok();
    float.is_infinite() || is_integer && !fits() && format!("{float:.0}") != number
}

/// Puts numbers that would lose digits into quotes; `None` if there are none.
fn quote_large_numbers(json: &str) -> Option<String> {
    let mut quoted = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(&byte) = json.as_bytes().get(at) {
        let token = &json[at..];
        let length = match byte {
            b'"' => string_length(token),
            b'-' | b'0'..=b'9' => number_length(token),
            // A character of several bytes is invalid here; its bytes are skipped one by one below.
            _ => 1,
        };
        let number = token.get(..length).filter(|_| byte != b'"');
        let number = number.filter(|number| is_too_large(number));
        if let Some(number) = number {
            quoted.push_str(&json[copied..at]);
            quoted.extend(["\"", number, "\""]);
            copied = at + length;
        }
        at += length;
        while !json.is_char_boundary(at) {
            at += 1;
        }
    }
    quoted.push_str(&json[copied..]);
    (copied > 0).then_some(quoted)
}

/// Returns the length of the string at the start, with its quotes.
fn string_length(json: &str) -> usize {
    let mut escaped = true;
    let end = json.bytes().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => byte == b'"',
    });
    end.map_or(json.len(), |end| end + 1)
}

/// Returns the length of the number at the start.
fn number_length(json: &str) -> usize {
    let is_part = |byte: u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    json.bytes()
        .position(|byte| !is_part(byte))
        .unwrap_or(json.len())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::config::GenerationConfig;
    use crate::protocol::response::GenerateContentResponse;

    /// Field row 6.
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

    /// Field row 6.
    #[test]
    fn an_integer_of_more_than_64_bits_keeps_its_digits() {
        for (number, is_exact) in [
            ("18446744073709551615", true),
            ("-9223372036854775808", true),
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
        ] {
            assert!(read_json::<Value>(json.as_bytes()).is_err(), "{json}");
        }
        assert!(read_json::<Value>(b"\"\xff\"").is_err());
        let error = read_json::<GenerationConfig>(br#"{"topK":1e400}"#).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`1e400` is not a 32-bit integer")
        );
    }
}
