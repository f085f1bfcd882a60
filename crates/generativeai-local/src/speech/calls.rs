//! Calls of functions in the words of a model.

use generativeai::protocol::content::{FunctionCall, Part};
use serde_json::{Map, Value};

use crate::asked::{CALL_BEGIN, CALL_END};

/// Tells calls from text, as it comes.
#[derive(Debug, Default)]
pub(super) struct Calls {
    held: String,
    within: bool,
    called: bool,
}

impl Calls {
    /// Takes more of the reply, and gives the text and the calls that are complete.
    pub(super) fn push(&mut self, text: &str) -> Vec<Part> {
        self.held.push_str(text);
        let mut parts = Vec::new();
        loop {
            let mark = if self.within { CALL_END } else { CALL_BEGIN };
            let Some(at) = self.held.find(mark) else {
                break;
            };
            let before = self.held[..at].to_owned();
            self.held.drain(..at + mark.len());
            if self.within {
                parts.extend(read(&before));
                self.called = true;
            } else {
                parts.extend(self.text(before));
            }
            self.within = !self.within;
        }
        if !self.within {
            let sayable = self.held.len() - possible_mark(&self.held);
            let before = self.held.drain(..sayable).collect();
            parts.extend(self.text(before));
        }
        parts
    }

    /// Gives what was held back, at the end; half a call is no call, and the finish reason tells.
    pub(super) fn finish(&mut self) -> Option<Part> {
        let rest = std::mem::take(&mut self.held);
        if self.within { None } else { self.text(rest) }
    }

    /// Text, but for the white space that parts calls.
    fn text(&self, text: String) -> Option<Part> {
        let parts_calls = self.called && text.trim().is_empty();
        (!text.is_empty() && !parts_calls).then(|| Part::text(text))
    }
}

fn read(call: &str) -> Option<Part> {
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

/// How many bytes at the end may be the beginning of a call.
fn possible_mark(text: &str) -> usize {
    (1..CALL_BEGIN.len())
        .rev()
        .find(|&length| text.ends_with(&CALL_BEGIN[..length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said and called when the reply comes in pieces of `size` bytes.
    fn read_in_pieces(reply: &str, size: usize) -> (String, Vec<String>) {
        let mut calls = Calls::default();
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
            let (text, names) = read_in_pieces(reply, size);
            assert_eq!(
                (text.as_str(), names.len()),
                ("Let me <b>see.", 2),
                "{size}"
            );
        }
    }

    #[test]
    fn half_a_call_is_none_and_half_a_mark_is_text() {
        assert_eq!(
            read_in_pieces("a<tool_call>{\"name\":", 50),
            ("a".to_owned(), Vec::new())
        );
        assert_eq!(
            read_in_pieces("a<tool", 50),
            ("a<tool".to_owned(), Vec::new())
        );
    }
}
