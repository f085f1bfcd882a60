//! Reading of messages with duplicate members: some gateways send a member under its `camelCase` and its `snake_case`
//! name.
//!
//! The reader of a message reports a duplicate as an error, whose position is after the name of the second member. One
//! of the two is removed from the text, and the text is read again. Free data, such as the arguments of a call, are
//! read as maps, which do not report duplicates. So they may have any names, and nothing is removed from them.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_json::Error;

use super::tokens::{string_length, value_length};
use crate::protocol::wire::is_snake_case;

/// Maximum number of bytes that are read again. Each duplicate takes another pass over the text, so that a message
/// with very many would take quadratic time.
const MAX_REREAD: usize = 64 << 20;

/// Number of passes that are always allowed, however long the text is.
const MIN_PASSES: usize = 32;

/// Beginning of serde's message for a duplicate member. serde_json's error does not contain the name in another form.
const DUPLICATE: &str = "duplicate field `";

/// Reads JSON again without its duplicate members, after reading it has failed with `error`.
///
/// # Errors
/// The JSON is refused for another reason, or has too many duplicates.
pub(super) fn read_without<T: DeserializeOwned>(
    mut json: Cow<'_, str>,
    mut error: Error,
) -> Result<T, Error> {
    let mut left = MAX_REREAD.max(json.len().saturating_mul(MIN_PASSES));
    while let Some(rest) = left.checked_sub(json.len()) {
        left = rest;
        let message = error.to_string();
        let name = message.strip_prefix(DUPLICATE);
        let name = name.and_then(|rest| rest.split('`').next());
        let Some(member) = name.and_then(|name| superfluous(&json, name, offset_of(&json, &error)))
        else {
            break;
        };
        json.to_mut().replace_range(member, "");
        match serde_json::from_str(&json) {
            Ok(read) => return Ok(read),
            Err(other) => error = other,
        }
    }
    Err(error)
}

/// Returns the offset in bytes of an error, which has a line and a column.
fn offset_of(json: &str, error: &Error) -> usize {
    // serde_json ends lines at `\n` only, and its columns count bytes.
    let lines = json.split_inclusive('\n');
    let before: usize = lines
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    (before + error.column()).min(json.len())
}

/// Member of an object in the text.
struct Member {
    name: Range<usize>,
    /// Offset after the colon. White space may precede the value.
    value: usize,
}

/// Returns the range of the superfluous one of two members, including a comma. The name of the second member ends at
/// `end`.
fn superfluous(json: &str, name: &str, end: usize) -> Option<Range<usize>> {
    let members = members_before(json, end)?;
    let (second, before) = members.split_last()?;
    let name_of = |member: &Member| &json[member.name.start + 1..member.name.end - 1];
    let is_named =
        |member: &&Member| name_of(member) == name || is_snake_case(name_of(member), name);
    let first = before.iter().rfind(is_named)?;
    let is_null = |member: &Member| json[member.value..].trim_start().starts_with("null");
    let is_canonical = |member: &Member| name_of(member) == name;
    // `null` means absent and never wins. Then the name in `camelCase` wins, and between equal names the last member.
    let keeps_first =
        is_null(second) || !is_null(first) && is_canonical(first) && !is_canonical(second);
    let cut = if keeps_first { second } else { first };
    let length = value_length(&json[cut.value..])?;
    let after = cut.value + length;
    let rest = json[after..].trim_start();
    // The second member has a comma before it, and the first one after it.
    Some(match keeps_first {
        true => json[..cut.name.start].rfind(',')?..after,
        false => cut.name.start..json.len() - rest.strip_prefix(',')?.len(),
    })
}

/// Returns the members of the innermost object around `end`, up to the member whose name ends there.
fn members_before(json: &str, end: usize) -> Option<Vec<Member>> {
    // The parser has accepted the text before `end`, so a string is a name exactly if a colon follows it.
    let mut open: Vec<Vec<Member>> = Vec::new();
    let mut at = 0;
    while at < end {
        match json.as_bytes()[at] {
            b'"' => {
                let name = at..at + string_length(&json[at..]);
                at = name.end;
                let rest = json[at..].trim_start();
                if let Some(value) = rest.strip_prefix(':') {
                    let value = json.len() - value.len();
                    open.last_mut()?.push(Member { name, value });
                }
                continue;
            }
            b'{' | b'[' => open.push(Vec::new()),
            b'}' | b']' => _ = open.pop()?,
            _ => {}
        }
        at += 1;
    }
    open.pop()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::protocol::read_json;
    use crate::protocol::response::GenerateContentResponse;

    fn read(reply: &str) -> Value {
        let reply: GenerateContentResponse = read_json(reply.as_bytes()).expect(reply);
        json!(reply)
    }

    /// Rows 4 and 6 of tests/field.md.
    #[test]
    fn a_member_under_both_of_its_names_is_read_once() {
        for reply in [
            r#"{"usage_metadata":{"promptTokenCount":1},"usageMetadata":{"promptTokenCount":2}}"#,
            r#"{"usageMetadata":{"promptTokenCount":2} , "usage_metadata":{"promptTokenCount":1}}"#,
            "{\n  \"usageMetadata\": {\"promptTokenCount\": 2},\n  \"usage_metadata\": null\n}",
            "{\n\"usageMetadata\": null,\n \"usage_metadata\" : {\"promptTokenCount\": 2}}",
            r#"{"usageMetadata":{"promptTokenCount":1},"usageMetadata":{"promptTokenCount":2}}"#,
            r#"{"usageMetadata":{"promptTokenCount":2},"usageMetadata":null}"#,
            r#"{"usageMetadata":{"promptTokenCount":9,"prompt_token_count":9,"promptTokenCount":2,"prompt_token_count":7}}"#,
        ] {
            assert_eq!(
                read(reply),
                json!({"usageMetadata": {"promptTokenCount": 2}}),
                "{reply}"
            );
        }
    }

    /// Rows 4 and 6 of tests/field.md.
    #[test]
    fn names_in_free_data_are_never_duplicates() {
        let args = json!({"a_b": "{", "aB": ["]", {"a_b": 1, "aB": 2}], "finish_reason": 1, "finishReason": 2});
        let reply = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"f","args":{args}}},
            "thought_signature":"\",é","thoughtSignature":"c2ln"}}]}},"finish_reason":"STOP","finishReason":"STOP",
            "citationMetadata":{{"x":1e400}}}}]}}"#
        );

        let candidate = &read(&reply)["candidates"][0];

        assert_eq!(candidate["finishReason"], "STOP");
        let part = &candidate["content"]["parts"][0];
        assert_eq!(part["functionCall"]["args"], args);
        assert_eq!(part["thoughtSignature"], "c2ln");
        assert_eq!(candidate["citationMetadata"]["x"], "1e400");
    }

    #[test]
    fn a_large_message_may_have_some_duplicates() {
        let image = "x".repeat(24 << 20);
        let reply = format!(
            r#"{{"responseId":"a","response_id":"b","modelVersion":"m","model_version":"n","turnToken":"t",
            "turn_token":"u","candidates":[{{"content":{{"parts":[{{"text":"{image}"}}]}}}}]}}"#
        );

        let reply: GenerateContentResponse = read_json(reply.as_bytes()).expect("a reply");

        assert_eq!(reply.response_id.as_deref(), Some("a"));
        assert_eq!(reply.turn_token.as_deref(), Some("t"));
        let text = reply.candidates[0].parts()[0].as_text();
        assert_eq!(text.map(str::len), Some(image.len()));
    }

    #[test]
    fn json_that_is_refused_for_another_reason_stays_an_error() {
        for json in [
            r#"{"responseId":1,"response_id":"a"}"#,
            r#"{"responseId":"a","response_id""#,
            r#"{"responseId":"a","response_id":"#,
            r#"{"responseId":"a","response_id":"b""#,
            r#"{"responseId":"a","response_id":"b"]"#,
        ] {
            assert!(
                read_json::<GenerateContentResponse>(json.as_bytes()).is_err(),
                "{json}"
            );
        }
    }
}
