//! Arguments that are not one JSON object: each parameter is written between strings.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Deserializer, Map, Value};

/// Text form of arguments, one parameter after the other.
///
/// The form of Qwen3-Coder, in which each value has the same strings around it:
///
/// ```text
/// <parameter=mountain>
/// Ben Nevis
/// </parameter>
/// ```
///
/// The Pythonic form of LFM2.5 is `mountain="Ben Nevis", unit="m"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// Text before the name.
    pub(crate) before_name: String,
    /// Strings around text that is written without quotes and escapes. `None` if strings are written as JSON.
    pub(crate) text: Option<Around>,
    /// Strings around a JSON value.
    pub(crate) json: Around,
    /// Text between two parameters.
    pub(crate) between: String,
    /// Whether the parameters are in alphabetical order, and not in that of their declaration.
    pub(crate) is_sorted: bool,
}

/// Strings around a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Around {
    /// Text between the name and the value.
    pub(crate) before: String,
    /// Text after the value.
    pub(crate) after: String,
}

impl Around {
    /// Returns the text that ends a value, without the white space in front of it. Models sometimes leave it out.
    pub(crate) fn end(&self) -> &str {
        self.after.trim_start()
    }
}

impl Parameters {
    /// Derives the form from the arguments of a call: a text, a number and a text. The example may have them in reverse
    /// order. Returns the text before them, the form, and the text after them. `None` if they are written in another form.
    pub(super) fn from_example<'a>(
        mut example: &'a str,
        arguments: &Map<String, Value>,
    ) -> Option<(&'a str, Self, &'a str)> {
        let mut arguments: Vec<_> = arguments.iter().collect();
        let is_sorted = example.find(arguments.first()?.0) > example.find(arguments.last()?.0);
        if is_sorted {
            arguments.reverse();
        }
        let mut around = Vec::new();
        let mut is_plain = true;
        for (name, value) in arguments {
            let (before_name, rest) = example.split_once(name.as_str())?;
            let plain = value.as_str().and_then(|text| rest.split_once(text));
            is_plain &= plain.is_some() || !value.is_string();
            let (before, after) = plain.or_else(|| rest.split_once(&value.to_string()))?;
            around.push((before_name, before));
            example = after;
        }
        let [(first, before_text), (second, before_json), (third, other)] = around[..] else {
            return None;
        };
        // `second` and `third` follow a text and a number, and end with the same beginning of a parameter.
        let mut after_text = common_start(second, example);
        // A tag of which only a part is shared does not belong to the end of the text.
        if let Some(at) = after_text
            .rfind('<')
            .filter(|&at| !after_text[at..].contains('>'))
        {
            after_text = &after_text[..at];
        }
        let next = &second[after_text.len()..];
        let after_json = third.strip_suffix(next)?;
        let before_name = common_end(next, first);
        // A name or a number in quotes is part of Python's `repr`, printed by a template that expected JSON.
        let quotes = ['"', '\''];
        if before_text != other
            || before_json.is_empty()
            || before_json.ends_with(quotes)
            || before_name.starts_with(quotes)
        {
            return None;
        }
        let text = Around {
            before: before_text.to_owned(),
            after: after_text.to_owned(),
        };
        // A single character such as a quote may occur in the text. Python reads strings in the form of JSON as well.
        let is_plain = is_plain && text.end().trim_end().chars().count() > 1;
        let parameters = Self {
            before_name: before_name.to_owned(),
            text: is_plain.then_some(text),
            json: Around {
                before: before_json.to_owned(),
                after: after_json.to_owned(),
            },
            between: next[..next.len() - before_name.len()].to_owned(),
            is_sorted,
        };
        let start = &first[..first.len() - before_name.len()];
        Some((start, parameters, &example[after_text.len()..]))
    }

    /// Returns whether a text and a JSON value have equal strings around them, so that only the schema of a parameter
    /// distinguishes the two.
    pub(crate) fn is_untyped(&self) -> bool {
        self.text.as_ref() == Some(&self.json)
    }

    /// Returns whether a parameter of this name is found in a call.
    pub(crate) fn can_name(&self, name: &str) -> bool {
        let json = (&self.json, "0");
        let text = self.text.iter().map(|text| (text, ""));
        text.chain([json]).all(|(around, value)| {
            let text = format!(
                "{}{name}{}{value}{}",
                self.before_name, around.before, around.after
            );
            let parsed = self.parse_one(&text);
            parsed.is_some_and(|(found, _, rest)| found == name && rest.is_empty())
        })
    }

    /// Parses the parameters at the start of the text; returns the rest of the text.
    pub(super) fn parse<'a>(&self, mut text: &'a str) -> (Map<String, Value>, &'a str) {
        let mut arguments = Map::new();
        let mut between = "";
        loop {
            let next = text.strip_prefix(between);
            let Some((name, value, rest)) = next.and_then(|next| self.parse_one(next)) else {
                return (arguments, text);
            };
            arguments.insert(name.to_owned(), value);
            text = rest;
            between = &self.between;
        }
    }

    /// Parses the parameter at the start of the text; returns its name, its value and the rest of the text.
    fn parse_one<'a>(&self, text: &'a str) -> Option<(&'a str, Value, &'a str)> {
        let text = text.strip_prefix(self.before_name.as_str())?;
        let json_at = text.find(self.json.before.as_str());
        let plain = self.text.as_ref().and_then(|plain| {
            let at = text.find(plain.before.as_str())?;
            json_at.is_none_or(|json| at <= json).then_some((at, plain))
        });
        if let Some((at, plain)) = plain {
            let (value, rest) = text[at + plain.before.len()..].split_once(plain.end())?;
            let space = &plain.after[..plain.after.len() - plain.end().len()];
            let value = value.strip_suffix(space).unwrap_or(value);
            return is_name(&text[..at]).then(|| (&text[..at], value.into(), rest));
        }
        let name = &text[..json_at?];
        let rest = &text[name.len() + self.json.before.len()..];
        let (value, length) = first_json(rest)?;
        let rest = rest[length..].strip_prefix(self.json.after.as_str())?;
        is_name(name).then_some((name, value, rest))
    }
}

/// Returns whether a text may be the name of a parameter, and not the end of the arguments.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with([')', ']', '}']) && !text.contains(['<', '>', '\n'])
}

/// Reads the JSON value at the start of the text; returns it with its length in bytes.
pub(super) fn first_json(text: &str) -> Option<(Value, usize)> {
    // As raw text first: `from_str` rejects any text after the value, and a stream of values rejects most.
    let raw = <&RawValue>::deserialize(&mut Deserializer::from_str(text)).ok()?;
    let value = serde_json::from_str(raw.get()).ok()?;
    let space = text.len() - text.trim_start().len();
    Some((value, space + raw.get().len()))
}

/// Returns what two texts have in common at their start.
pub(crate) fn common_start<'a>(text: &'a str, other: &str) -> &'a str {
    let pairs = text.chars().zip(other.chars());
    let common = pairs.take_while(|(a, b)| a == b);
    &text[..common.map(|(a, _)| a.len_utf8()).sum()]
}

/// Returns what two texts have in common at their end.
pub(crate) fn common_end<'a>(text: &'a str, other: &str) -> &'a str {
    let pairs = text.chars().rev().zip(other.chars().rev());
    let common = pairs.take_while(|(a, b)| a == b);
    &text[text.len() - common.map(|(a, _)| a.len_utf8()).sum::<usize>()..]
}
