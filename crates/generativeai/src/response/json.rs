//! Deserialization of a JSON reply.
//!
//! Models do not always send plain JSON: some put it into a Markdown fence, and some write whole numbers as `1345.0`.
//! Both are accepted, in replies to requests with a schema and without one.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::{Deserializer, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::make_whole;
use crate::protocol::response::{FinishReason, GenerateContentResponse};

/// Maximum number of characters of a reply in an error.
const EXCERPT: usize = 80;

impl GenerateContentResponse {
    /// Deserializes the [text](Self::text) of the reply as JSON.
    ///
    /// A Markdown fence around the whole text is removed. A whole number such as `1345.0` is accepted for an integer.
    ///
    /// The request should set a [schema](crate::protocol::config::GenerationConfig::response_schema_of). The method
    /// `json` of a [message](crate::SendMessage::json) or a [single request](crate::GenerateContent::json) does that,
    /// and deserializes the reply.
    ///
    /// ```
    /// use generativeai::protocol::content::Content;
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let response = GenerateContentResponse::from(Content::model(r#"["Ben Nevis", 1345]"#));
    /// let (name, metres): (String, u32) = response.json()?;
    /// assert_eq!((name.as_str(), metres), ("Ben Nevis", 1345));
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`text`](Self::text). If the text does not deserialize as a `T`, the kind is
    /// [`Shape`](ErrorKind::Shape): the error contains this response, and its message the part of the text that does
    /// not match.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let text = self.text()?;
        let mut json = Cow::Borrowed(without_fence(&text));
        let mut read_json = read(&json);
        // Numbers are replaced only after a failure, so that a type which accepts `1345.0` gets it unchanged.
        if read_json.is_err()
            && let Some(whole) = with_whole_numbers(&json)
        {
            read_json = read(&whole);
            json = Cow::Owned(whole);
        }
        let (error, path) = match read_json {
            Ok(value) => return Ok(value),
            Err(misread) => misread,
        };
        let message = match self.finish_reason() {
            Some(FinishReason::MaxTokens) => {
                "the reply reached the maximum number of output tokens before its JSON was complete"
                    .to_owned()
            }
            _ => format!(
                "the reply does not match the requested type: `{}`",
                excerpt(&json, error.line(), error.column())
            ),
        };
        let shape = Error::new(ErrorKind::Shape, message).with_source(format!("{path}{error}"));
        Err(shape.with_response(self.clone()))
    }
}

/// Deserializes JSON. An error comes with the path of the value that does not match, if it is not the whole text, as
/// the beginning of its message.
fn read<T: DeserializeOwned>(json: &str) -> Result<T, (serde_json::Error, String)> {
    let mut deserializer = Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let has_path = error.path().iter().next().is_some();
        let path = has_path.then(|| format!("`{}`: ", error.path()));
        (error.into_inner(), path.unwrap_or_default())
    })?;
    // Without this, text after the JSON would be ignored.
    deserializer.end().map_err(|error| (error, String::new()))?;
    Ok(value)
}

/// Returns JSON with numbers such as `1345.0` as integers. `None` if it has no such numbers, or is not JSON.
fn with_whole_numbers(json: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(json).ok()?;
    make_whole(&mut value).then(|| value.to_string())
}

/// Returns the text without the Markdown fence around it, if the fence encloses the whole text.
fn without_fence(text: &str) -> &str {
    let fenced = text.trim().strip_prefix("```");
    let fenced = fenced.and_then(|rest| rest.strip_suffix("```")?.split_once('\n'));
    match fenced {
        // A fence on one line, or with a backtick in its first line, is a part of the text.
        Some((language, body)) if !language.contains('`') => body,
        _ => text,
    }
}

/// Returns up to 80 characters of the text around the position of an error, on one line. Lines and columns count
/// from 1, and columns count bytes; 0 is unknown.
fn excerpt(text: &str, line: usize, column: usize) -> String {
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1));
    let bytes = lines.map(str::len).sum::<usize>() + column;
    let before = text
        .char_indices()
        .take_while(|(offset, _)| *offset < bytes);
    let at = before.count();
    let from = match text.chars().count() {
        short if short <= EXCERPT => 0,
        length => at.saturating_sub(EXCERPT / 2).min(length - EXCERPT),
    };
    let mut rest = text.chars().skip(from);
    let shown: String = rest.by_ref().take(EXCERPT).collect();
    let [before, after] = [from > 0, rest.next().is_some()].map(|cut| if cut { "…" } else { "" });
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{before}{shown}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::content::Content;

    fn read_reply<T: DeserializeOwned>(text: &str) -> Result<T> {
        GenerateContentResponse::from(Content::model(text)).json()
    }

    /// Finding 21 of tests/newcomer.md.
    #[test]
    fn one_fence_around_the_whole_reply_is_removed() {
        for text in ["```json\n[1, 2]\n```", " \n```\n[1, 2]```\n", "[1, 2]"] {
            assert_eq!(read_reply::<Vec<u8>>(text).expect(text), [1, 2]);
        }
        for text in [
            "Here:\n```json\n[1, 2]\n```",
            "```json\n[1]\n```\n```json\n[2]\n```",
            "```[1, 2]```",
        ] {
            assert!(read_reply::<Vec<u8>>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whole_numbers_with_a_fraction_are_integers_where_the_type_needs_them() {
        let read: (u32, f64, Vec<i8>) = read_reply("[1345.0, 2.0, [-1e1]]").expect("numbers");
        assert_eq!(read, (1_345, 2.0, vec![-10]));
        let kept: Value = read_reply("[1.0]").expect("a value");
        assert_eq!(kept.to_string(), "[1.0]");

        for text in ["1345.5", "1e300", "-1.0"] {
            assert!(read_reply::<u32>(text).is_err(), "{text}");
        }
        let error = read_reply::<(u32, u32)>("[1.0, \"many\"]").unwrap_err();
        let cause = error.causes().next().expect("a cause").to_string();
        assert_eq!(
            cause,
            "`[1]`: invalid type: string \"many\", expected u32 at line 1 column 9"
        );

        let long = format!("[1.0, \"{}\", \"many\", 3]", "a".repeat(100));
        let error = read_reply::<(u32, String, u32, u32)>(&long).unwrap_err();
        assert!(error.to_string().contains("aaa\",\"many\",3]`"), "{error}");
    }

    /// Finding 21 of tests/newcomer.md.
    #[test]
    fn the_error_shows_the_text_around_the_place_that_does_not_match() {
        let error = read_reply::<u32>("It is\n1,345 metres.").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the reply does not match the requested type: `It is 1,345 metres.`"
        );

        let long = format!("[{}\n\"é\", 2]", "1,\n".repeat(200));
        let message = read_reply::<Vec<u8>>(&long).unwrap_err().to_string();
        assert!(
            message.contains("1, \"é\", 2]`") && message.contains("`…"),
            "{message}"
        );
        assert!(message.chars().count() < 140, "{message}");

        let (accents, zeros) = ("é".repeat(200), "0, ".repeat(100));
        for long in [
            format!("[[\"{accents}\"], \"many\", {zeros}0]"),
            format!("```json\n[[\"{accents}\"],\n\"many\", {zeros}0]\n```"),
        ] {
            let error = read_reply::<(Vec<String>, u8)>(&long).unwrap_err();
            assert!(error.to_string().contains("\"many\""), "{error}");
        }
    }
}
