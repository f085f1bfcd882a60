//! The text form of a function call in a reply.
//!
//! A model writes a call as text between strings that its chat template defines. The same [`CallSyntax`] renders calls
//! in the history, is part of the grammar of a reply, and parses the calls in it.

mod parameters;

use serde_json::{Map, Value};

use parameters::first_json;
pub(crate) use parameters::{Parameters, common_end, common_start};

/// Text form of a function call: a name and arguments between fixed strings.
///
/// Chat templates differ in these strings, and in the form of the arguments. The default is the format of Hermes and
/// Qwen models:
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
    /// Form of the arguments; `None` if they are a JSON object.
    pub(crate) parameters: Option<Parameters>,
    /// Text after the arguments.
    pub(crate) after_arguments: String,
    /// Text between the arguments of a call and the name of the next one, where calls are elements of a list. `None` if
    /// each call repeats all strings.
    pub(crate) between_calls: Option<String>,
}

/// A parsed call: the name and the arguments.
pub(crate) type ParsedCall = (String, Map<String, Value>);

impl Default for CallSyntax {
    fn default() -> Self {
        Self {
            before_name: "<tool_call>\n{\"name\": \"".to_owned(),
            before_arguments: "\", \"arguments\": ".to_owned(),
            parameters: None,
            after_arguments: "}\n</tool_call>".to_owned(),
            between_calls: None,
        }
    }
}

impl CallSyntax {
    /// Derives the syntax from an example: the text of a call with this name and these arguments, which are a text, a
    /// number and a text.
    ///
    /// Returns `None` if the form of the arguments is unknown, or if no text marks the start of the call.
    pub(crate) fn from_example(
        example: &str,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Option<Self> {
        let (before_name, rest) = example.split_once(name)?;
        // A brace after the name need not begin the arguments, so the values are compared.
        let json = rest.match_indices('{').find_map(|(start, _)| {
            let (value, length) = first_json(&rest[start..])?;
            let is_whole = value == Value::Object(arguments.clone());
            is_whole.then(|| (&rest[..start], None, &rest[start + length..]))
        });
        let (before_arguments, parameters, after_arguments) = json.or_else(|| {
            let (before, parameters, after) = Parameters::from_example(rest, arguments)?;
            (!after.trim_end().is_empty()).then_some((before, Some(parameters), after))
        })?;
        let syntax = Self {
            before_name: before_name.trim_start().to_owned(),
            before_arguments: before_arguments.to_owned(),
            parameters,
            after_arguments: after_arguments.trim_end().to_owned(),
            between_calls: None,
        };
        // A start of one character, such as `{`, would be found in any text.
        (syntax.start().len() > 1).then_some(syntax)
    }

    /// Sets the text between calls from an example: the text of two calls of the function.
    pub(crate) fn set_between_calls<'a>(&mut self, example: &'a str, name: &str) {
        // Returns the text before the next name, and the text after its arguments.
        let next = |text: &'a str| {
            let (before, rest) = text.split_once(name)?;
            let (_, rest) = self.parse_arguments(rest.strip_prefix(&self.before_arguments)?)?;
            Some((before, rest))
        };
        let between = next(example).and_then(|(_, rest)| {
            let (between, rest) = next(rest)?;
            let is_last = rest.starts_with(&self.after_arguments);
            is_last.then(|| between.to_owned())
        });
        self.between_calls = between;
    }

    /// Removes what surrounds a call in a reply: thoughts that end with `thoughts_end`, and everything from a token that
    /// ends the reply. Such a token is not part of the text. Calls that are complete without the text between them are
    /// not elements of a list.
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
        let is_complete = |between: &mut String| between.starts_with(&self.after_arguments);
        self.between_calls.take_if(is_complete);
    }

    /// Returns all strings of the syntax.
    pub(crate) fn marks(&self) -> Vec<&String> {
        let mut marks = vec![&self.before_name, &self.before_arguments];
        marks.extend(&self.between_calls);
        marks.push(&self.after_arguments);
        if let Some(form) = &self.parameters {
            marks.extend([&form.before_name, &form.between]);
            let values = std::iter::once(&form.json).chain(&form.text);
            marks.extend(values.flat_map(|around| [&around.before, &around.after]));
        }
        marks
    }

    /// Returns whether a tag occurs inside a call, around the function or an argument. Text may contain it, as it often
    /// is an ordinary word of XML.
    pub(crate) fn is_inside(&self, tag: &str) -> bool {
        self.parameters.is_some()
            && self.marks().iter().any(|mark| mark.contains(tag))
            && tag != self.start()
            && !self.after_arguments.ends_with(tag)
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

    /// Returns whether every argument is parsed as text, since only the schema of a parameter shows whether it is JSON.
    pub(crate) fn is_untyped(&self) -> bool {
        self.parameters.as_ref().is_some_and(Parameters::is_untyped)
    }

    /// Returns the text of a call with JSON arguments.
    pub(crate) fn write(&self, name: &str, arguments: &str) -> String {
        format!(
            "{}{name}{}{arguments}{}",
            self.before_name, self.before_arguments, self.after_arguments
        )
    }

    /// Returns the text with which every call ends.
    pub(crate) fn end(&self) -> String {
        let brace = if self.parameters.is_none() { "}" } else { "" };
        format!("{brace}{}", self.after_arguments)
    }

    /// Parses text that begins with [`start`](Self::start). Returns a call, or all calls of a list, and their length in
    /// bytes; `None` if the text does not begin with a whole call or list.
    pub(crate) fn parse(&self, text: &str) -> Option<(Vec<ParsedCall>, usize)> {
        let mut rest = text.strip_prefix(self.before_name.as_str())?;
        let mut calls = Vec::new();
        loop {
            let (name, arguments) = self.split_name(rest)?;
            let (arguments, after) = self.parse_arguments(arguments)?;
            calls.push((name.to_owned(), arguments));
            if let Some(after) = after.strip_prefix(self.after_arguments.as_str()) {
                return Some((calls, text.len() - after.len()));
            }
            rest = after.strip_prefix(self.between_calls.as_deref()?)?;
        }
    }

    /// Splits the name of a call from its arguments.
    fn split_name<'a>(&self, text: &'a str) -> Option<(&'a str, &'a str)> {
        if self.before_arguments.is_empty() {
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
            return Some(text.split_at(text.find(|c| !is_name(c))?));
        }
        text.split_once(self.before_arguments.as_str())
    }

    /// Parses the arguments at the start of the text; returns the rest of the text.
    fn parse_arguments<'a>(&self, text: &'a str) -> Option<(Map<String, Value>, &'a str)> {
        if let Some(parameters) = &self.parameters {
            return Some(parameters.parse(text));
        }
        let (Value::Object(arguments), length) = first_json(text)? else {
            return None;
        };
        Some((arguments, &text[length..]))
    }
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
            let (calls, length) = syntax.parse(&text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(calls, [("g".to_owned(), arguments.clone())]);
            assert_eq!(length, text.len());
        }
    }

    #[test]
    fn an_example_in_another_form_or_without_a_start_gives_no_syntax() {
        let arguments = arguments();
        for example in [
            "probe{\"probe_a\": \"\\\"A\\\" x\", \"probe_b\": 12345, \"probe_c\": \"\\\"C\\\" x\"}",
            "[probe(probe_a=\"A\", probe_b=12345, probe_c=\"C\")]",
            "<call>probe(\"A\" x, 12345, \"C\" x)</call>",
            "<call>probe{'probe_a': '\"A\" x', 'probe_b': 12345, 'probe_c': '\"C\" x'}</call>",
            "<call>probe(probe_a=\"\"A\" x\", probe_b=\"12345\", probe_c=\"\"C\" x\")</call>",
            "<call>probe</call>",
            "",
        ] {
            let syntax = CallSyntax::from_example(example, "probe", &arguments);
            assert_eq!(syntax, None, "{example}");
        }
    }

    /// Returns the arguments of the examples.
    fn arguments() -> Map<String, Value> {
        members(json!({ "probe_a": "\"A\" x", "probe_b": 12345, "probe_c": "\"C\" x" }))
    }

    impl CallSyntax {
        /// Returns a syntax with a tag around each argument.
        pub(crate) fn tagged() -> Self {
            Self::from_example(TAGGED, "probe", &arguments()).unwrap()
        }

        /// Returns a syntax whose calls and arguments are written as in Python, in a list.
        pub(crate) fn pythonic() -> Self {
            let mut syntax = Self::from_example(PYTHONIC, "probe", &arguments()).unwrap();
            let two = "<calls>[probe(probe_b=12345), probe(probe_b=12345)]</calls>";
            syntax.set_between_calls(two, "probe");
            syntax
        }

        /// Returns a syntax with quotes that are tags, around text only, and with sorted arguments.
        pub(crate) fn quoted() -> Self {
            let reversed = arguments().into_iter().rev().collect();
            Self::from_example(QUOTED, "probe", &reversed).unwrap()
        }
    }

    const TAGGED: &str = "<call>\n<name=probe>\n<set=probe_a>\n\"A\" x\n</set>\n<set=probe_b>\n12345\n</set>\n\
         <set=probe_c>\n\"C\" x\n</set>\n</name>\n</call>";
    const PYTHONIC: &str =
        "<calls>[probe(probe_a='\"A\" x', probe_b=12345, probe_c='\"C\" x')]</calls>";
    const QUOTED: &str =
        "<|call>do:probe{probe_a:<|q|>\"A\" x<|q|>,probe_b:12345,probe_c:<|q|>\"C\" x<|q|>}<call|>";

    /// Row 17 of tests/field.md: forms of arguments that are not one JSON object.
    #[test]
    fn arguments_are_read_in_the_form_of_the_example() {
        let named = |value: Value| vec![("g".to_owned(), members(value))];
        let text = json!({ "a": "1 <b>\n2", "n": "-5", "c": "" });
        let typed = json!({ "a": "1 <b>\n2", "n": -5, "c": "" });
        for (example, whole, expected, empty) in [
            (
                TAGGED,
                "<call>\n<name=g>\n<set=a>\n1 <b>\n2\n</set>\n<set=n>\n-5\n</set>\n<set=c>\n\n</set>\n</name>\n</call>",
                &text,
                "<call>\n<name=g>\n</name>\n</call>",
            ),
            (
                "<call>probe\n<key>probe_a</key>\n<val>\"A\" x</val>\n<key>probe_b</key>\n<val>12345</val>\n\
                 <key>probe_c</key>\n<val>\"C\" x</val>\n</call>",
                "<call>g\n<key>a</key>\n<val>1 <b>\n2</val>\n<key>n</key>\n<val>-5</val>\n<key>c</key>\n<val></val>\n</call>",
                &text,
                "<call>g\n</call>",
            ),
            (
                "<call>probe<key>probe_a</key><val>\"A\" x</val><key>probe_b</key><val>12345</val>\
                 <key>probe_c</key><val>\"C\" x</val></call>",
                "<call>g<key>a</key><val>1 <b>\n2</val><key>n</key><val>-5</val><key>c</key><val></val></call>",
                &text,
                "<call>g</call>",
            ),
            (
                "<calls>\n<do name=\"probe\">\n<set name=\"probe_a\" text=\"true\">\"A\" x</set>\n\
                 <set name=\"probe_b\" text=\"false\">12345</set>\n<set name=\"probe_c\" text=\"true\">\"C\" x</set>\n\
                 </do>\n</calls>",
                "<calls>\n<do name=\"g\">\n<set name=\"a\" text=\"true\">1 <b>\n2</set>\n\
                 <set name=\"n\" text=\"false\">-5</set>\n<set name=\"c\" text=\"true\"></set>\n</do>\n</calls>",
                &typed,
                "<calls>\n<do name=\"g\">\n</do>\n</calls>",
            ),
            (
                QUOTED,
                "<|call>do:g{a:<|q|>1 <b>\n2<|q|>,n:-5,c:<|q|><|q|>}<call|>",
                &typed,
                "<|call>do:g{}<call|>",
            ),
            (
                PYTHONIC,
                "<calls>[g(a=\"1 <b>\\n2\", n=-5, c=\"\")]</calls>",
                &typed,
                "<calls>[g()]</calls>",
            ),
        ] {
            let syntax = CallSyntax::from_example(example, "probe", &arguments());

            let syntax = syntax.unwrap_or_else(|| panic!("{example}"));
            assert_eq!(syntax.is_untyped(), expected == &text, "{example}");
            for (text, expected) in [(whole, expected.clone()), (empty, json!({}))] {
                let parsed = syntax.parse(&format!("{text} and more"));
                assert_eq!(parsed, Some((named(expected), text.len())), "{text}");
                for (end, _) in text.char_indices() {
                    assert_eq!(syntax.parse(&text[..end]), None, "{}", &text[..end]);
                }
            }
        }
    }

    #[test]
    fn a_value_may_end_without_the_white_space_of_the_template() {
        let text = "<call>\n<name=g>\n<set=a>\n1</set>\n</name>\n</call>";

        let (calls, _) = CallSyntax::tagged().parse(text).unwrap();

        assert_eq!(calls[0].1["a"], "1");
    }

    /// Row 17 of tests/field.md: several calls between one pair of tags.
    #[test]
    fn calls_may_be_elements_of_a_list() {
        let json = members(json!({ "probe_a": "x" }));
        let text = json
            .iter()
            .map(|(name, value)| format!("{{\"{name}\":{value}}}"));
        let text = text.collect::<String>();
        for (one, two, between) in [
            (
                format!("[CALLS] [{{\"f\": \"probe\", \"of\": {text}}}]"),
                format!(
                    "[CALLS] [{{\"f\": \"probe\", \"of\": {text}}}, {{\"f\": \"probe\", \"of\": {text}}}]"
                ),
                Some("}, {\"f\": \""),
            ),
            (
                format!("<calls><call>probe{text}</call></calls>"),
                format!("<calls><call>probe{text}</call><call>probe{text}</call></calls>"),
                Some("</call><call>"),
            ),
            (
                format!("<call>probe{text}</call>"),
                format!("<call>probe{text}</call>\n<call>probe{text}</call>"),
                None,
            ),
            (
                format!("<call>probe:0{text}</call>"),
                format!("<call>probe:0{text}<call>probe:1{text}</call>"),
                None,
            ),
        ] {
            let mut syntax = CallSyntax::from_example(&one, "probe", &json).unwrap();
            syntax.set_between_calls(&two, "probe");
            syntax.trim(None, &[]);

            assert_eq!(syntax.between_calls.as_deref(), between, "{two}");
            let (calls, length) = syntax.parse(&two).unwrap_or_default();
            if between.is_some() {
                let call = ("probe".to_owned(), json.clone());
                assert_eq!((calls, length), (vec![call.clone(), call], two.len()));
            }
        }
        let pythonic = "<calls>[f(), g(a=1, b=[2]), h()]</calls>";
        let (calls, _) = CallSyntax::pythonic().parse(pythonic).unwrap();
        assert_eq!(calls.len(), 3);
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
