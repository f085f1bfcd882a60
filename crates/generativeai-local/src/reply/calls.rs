//! Separates function calls from the text of a reply.

use generativeai::protocol::content::{FunctionCall, Part};
use serde_json::{Map, Value};

use crate::request::{CALL_BEGIN, CALL_END};

/// Incremental parser of calls.
#[derive(Debug, Default)]
pub(super) struct CallParser {
    /// Text that is not classified yet.
    held: String,
    in_call: bool,
    after_call: bool,
}

impl CallParser {
    /// Adds text of the reply; returns the text and the calls that are complete.
    pub(super) fn push(&mut self, text: &str) -> Vec<Part> {
        self.held.push_str(text);
        let mut parts = Vec::new();
        loop {
            let tag = if self.in_call { CALL_END } else { CALL_BEGIN };
            let Some(at) = self.held.find(tag) else {
                break;
            };
            let before = self.held[..at].to_owned();
            self.held.drain(..at + tag.len());
            if self.in_call {
                parts.extend(parse(&before));
                self.after_call = true;
            } else {
                parts.extend(self.text(before));
            }
            self.in_call = !self.in_call;
        }
        if !self.in_call {
            let text = self.held.len() - partial_tag(&self.held);
            let before = self.held.drain(..text).collect();
            parts.extend(self.text(before));
        }
        parts
    }

    /// Returns the text that was held back, at the end of the reply. An incomplete call is dropped; the
    /// finish reason shows that the reply was cut off.
    pub(super) fn finish(&mut self) -> Option<Part> {
        let rest = std::mem::take(&mut self.held);
        if self.in_call { None } else { self.text(rest) }
    }

    /// Creates a text part; `None` for the whitespace between calls.
    fn text(&self, text: String) -> Option<Part> {
        let separates_calls = self.after_call && text.trim().is_empty();
        (!text.is_empty() && !separates_calls).then(|| Part::text(text))
    }
}

fn parse(call: &str) -> Option<Part> {
    let mut call: Map<String, Value> = serde_json::from_str(call).ok()?;
    let Some(Value::String(name)) = call.remove("name") else {
        return None;
    };
    let arguments = match call.remove("arguments") {
        Some(Value::Object(arguments)) => arguments,
        _ => Map::new(),
    };
    Some(FunctionCall::new(name, arguments).into())
}

/// Returns the length of the longest suffix that may be the start of a call.
fn partial_tag(text: &str) -> usize {
    (1..CALL_BEGIN.len())
        .rev()
        .find(|&length| text.ends_with(&CALL_BEGIN[..length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a reply in pieces of `size` bytes; returns its text and the names of the called functions.
    fn parse_in_pieces(reply: &str, size: usize) -> (String, Vec<String>) {
        let mut calls = CallParser::default();
        let mut parts = Vec::new();
        for piece in reply.as_bytes().chunks(size) {
            parts.extend(calls.push(std::str::from_utf8(piece).unwrap()));
        }
        parts.extend(calls.finish());
        let text = parts.iter().filter_map(Part::as_text).collect();
        let names = parts.iter().filter_map(Part::as_function_call);
        (text, names.map(|call| call.name().to_owned()).collect())
    }

    #[test]
    fn any_split_gives_the_same_text_and_calls() {
        let reply = "Let me <b>see.<tool_call>{\"name\":\"a\",\"arguments\":{}}</tool_call>\n\
                     <tool_call>{\"name\":\"b\",\"arguments\":{\"x\":1}}</tool_call>";
        for size in 1..=reply.len() {
            let (text, names) = parse_in_pieces(reply, size);
            assert_eq!(
                (text.as_str(), names.len()),
                ("Let me <b>see.", 2),
                "{size}"
            );
        }
    }

    #[test]
    fn an_incomplete_call_is_dropped_and_an_incomplete_tag_is_text() {
        assert_eq!(
            parse_in_pieces("a<tool_call>{\"name\":", 50),
            ("a".to_owned(), Vec::new())
        );
        assert_eq!(
            parse_in_pieces("a<tool", 50),
            ("a<tool".to_owned(), Vec::new())
        );
    }
}
