//! The text form of a function call in a reply.
//!
//! A model writes a call as text between strings that its chat template defines. The same [`CallSyntax`] renders calls
//! in the history, is part of the grammar of a reply, and parses the calls in it.

use serde_json::{Deserializer, Map, Value};

/// Text form of a function call: a name and JSON arguments between fixed strings.
///
/// Chat templates differ in these strings. The default is the format of Hermes and Qwen models:
///
/// ```text
/// <tool_call>
/// {"name": "height", "arguments": {"mountain": "Ben Nevis"}}
/// </tool_call>
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallSyntax {
    /// Text before the name.
    pub(crate) before_name: String,
    /// Text between the name and the arguments.
    pub(crate) before_arguments: String,
    /// Text after the arguments.
    pub(crate) after_arguments: String,
}

impl Default for CallSyntax {
    fn default() -> Self {
        Self {
            before_name: "<tool_call>\n{\"name\": \"".to_owned(),
            before_arguments: "\", \"arguments\": ".to_owned(),
            after_arguments: "}\n</tool_call>".to_owned(),
        }
    }
}

impl CallSyntax {
    /// Derives the syntax from an example: the text of a call with this name and these arguments.
    ///
    /// Returns `None` if the arguments are not written as JSON, or if no text marks the start of the call.
    pub(crate) fn from_example(
        example: &str,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Option<Self> {
        let name_at = example.find(name)?;
        let after_name = name_at + name.len();
        // A brace after the name need not begin the arguments, so the values are compared.
        let (start, length) = example[after_name..]
            .match_indices('{')
            .find_map(|(at, _)| {
                let start = after_name + at;
                let (value, length) = first_json(&example[start..])?;
                (value == Value::Object(arguments.clone())).then_some((start, length))
            })?;
        let syntax = Self {
            before_name: example[..name_at].trim_start().to_owned(),
            before_arguments: example[after_name..start].to_owned(),
            after_arguments: example[start + length..].trim_end().to_owned(),
        };
        // A start of one character, such as `{`, would be found in any text.
        (syntax.start().len() > 1).then_some(syntax)
    }

    /// Removes what surrounds a call in a reply: thoughts that end with `thoughts_end`, and everything from a token that
    /// ends the reply. Such a token is not part of the text.
    pub(crate) fn trim(&mut self, thoughts_end: Option<&str>, ends: &[String]) {
        let split = thoughts_end.and_then(|end| self.before_name.rsplit_once(end));
        let call = split.map(|(_, call)| call.trim_start());
        // As in `from_example`, a start of one character would be found in any text.
        if let Some(call) = call.filter(|call| call.len() > 1) {
            self.before_name = call.to_owned();
        }
        let after = &mut self.after_arguments;
        if let Some(at) = ends.iter().filter_map(|end| after.find(end)).min() {
            after.truncate(after[..at].trim_end().len());
        }
    }

    /// Returns the text that marks the start of a call: a tag such as `<tool_call>`, or else all of the
    /// text before the name.
    ///
    /// In a reply that may call functions, the grammar allows this text only at the start of a call.
    pub(crate) fn start(&self) -> &str {
        let text = &self.before_name;
        let close = match text.chars().next() {
            Some('<') => '>',
            Some('[') => ']',
            _ => return text,
        };
        match text.find(close) {
            Some(at) => &text[..=at],
            None => text,
        }
    }

    /// Returns whether JSON may begin like a call. The grammar engine, which reads a reply without going back, could not
    /// distinguish the two.
    pub(crate) fn is_like_json(&self) -> bool {
        let start = self.start();
        let list = start.strip_prefix('[');
        // A list begins with a value: an object, a string, `true`, `false`, `null` or a number.
        let is_value = |char: char| "{[\"tfn-".contains(char) || char.is_ascii_digit();
        start.starts_with('{') || list.is_some_and(|list| list.starts_with(is_value))
    }

    /// Returns the text of a call. `arguments` must be JSON.
    pub(crate) fn write(&self, name: &str, arguments: &str) -> String {
        format!(
            "{}{name}{}{arguments}{}",
            self.before_name, self.before_arguments, self.after_arguments
        )
    }

    /// Parses text that begins with [`start`](Self::start). Returns the name, the arguments and the length of the call
    /// in bytes; `None` if the text does not begin with a whole call.
    pub(crate) fn parse(&self, text: &str) -> Option<(String, Map<String, Value>, usize)> {
        let rest = text.strip_prefix(self.before_name.as_str())?;
        let (name, rest) = rest.split_once(self.before_arguments.as_str())?;
        let (arguments, length) = first_json(rest)?;
        let Value::Object(arguments) = arguments else {
            return None;
        };
        let rest = rest[length..].strip_prefix(self.after_arguments.as_str())?;
        Some((name.to_owned(), arguments, text.len() - rest.len()))
    }
}

/// Reads the JSON value at the start of the text; returns it with its length in bytes.
fn first_json(text: &str) -> Option<(Value, usize)> {
    // A stream of values, because `from_str` of serde_json rejects text that follows the value.
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    Some((value, values.byte_offset()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn calls_in_a_list_are_like_json_if_a_value_may_begin_like_them() {
        for (start, expected) in [
            ("[{\"name\": \"", true),
            ("[tool_calls]", true),
            ("[1:", true),
            ("[TOOL_CALLS]", false),
            ("<tool_call>", false),
        ] {
            let syntax = CallSyntax {
                before_name: start.to_owned(),
                ..CallSyntax::default()
            };
            assert_eq!(syntax.is_like_json(), expected, "{start}");
        }
    }

    #[test]
    fn a_syntax_is_derived_from_an_example() {
        let arguments = members(json!({ "of": "Ben" }));
        for (example, start) in [
            (
                "<tool_call>\n{\"name\": \"probe\", \"arguments\": {\"of\": \"Ben\"}}\n</tool_call>",
                "<tool_call>",
            ),
            (
                "{\"name\": \"probe\", \"parameters\": {\"of\": \"Ben\"}}",
                "{\"name\": \"",
            ),
            ("[TOOL_CALLS]probe[ARGS]{\"of\":\"Ben\"}", "[TOOL_CALLS]"),
            (
                "<｜calls｜>probe<｜sep｜>\n```json\n{\n  \"of\": \"Ben\"\n}\n```<｜end｜>",
                "<｜calls｜>",
            ),
            ("<function=probe>{\"of\": \"Ben\"}</function>", "<function="),
        ] {
            let syntax = CallSyntax::from_example(example, "probe", &arguments);

            let syntax = syntax.unwrap_or_else(|| panic!("{example}"));
            assert_eq!(syntax.start(), start);
            assert_eq!(syntax.is_like_json(), start.starts_with('{'));
            let text = syntax.write("g", "{\"of\": \"Ben\"}");
            let (name, _, length) = syntax.parse(&text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((name.as_str(), length), ("g", text.len()));
        }
    }

    #[test]
    fn an_example_without_json_or_a_start_gives_no_syntax() {
        let arguments = members(json!({ "of": "Ben" }));
        for example in [
            "<function=f><parameter=of>Ben</parameter></function>",
            "f{\"of\": \"Ben\"}",
            "<call>f</call>",
            "",
        ] {
            assert_eq!(CallSyntax::from_example(example, "f", &arguments), None);
        }
    }

    #[test]
    fn a_part_of_a_call_is_not_a_call() {
        let syntax = CallSyntax::default();
        let text = syntax.write("f", "{\"a\": {\"b\": \"}}\"}}");

        for (end, _) in text.char_indices() {
            assert_eq!(syntax.parse(&text[..end]), None, "{end}");
        }
        assert_eq!(syntax.parse("<tool_call>{}"), None);
        assert_eq!(syntax.parse(&syntax.write("f", "5")), None);
    }
}
