//! Detects the features of a template by rendering small conversations with it.
//!
//! A template does not declare its features, and its source is a program. So marked strings are rendered, and searched
//! in the output.

use serde_json::{Value, json};

use crate::call_syntax::{CallSyntax, common_end, common_start};

use super::environment::Compiled;
use super::variables::{Rendering, Thinking, Variables};

/// Support of a template for functions.
#[derive(Clone, Debug)]
pub(super) struct NativeTools {
    /// Text form of a call.
    pub(super) calls: CallSyntax,
    /// Tags that the template puts around functions, calls and responses.
    pub(super) tags: Vec<String>,
}

const NAME: &str = "probe_function";
/// Nine letters and digits: the templates of Mistral models accept nothing else.
const ID: &str = "probeid00";
const TEXT: &str = "Probe text.";
const RESPONSE: &str = "Probe response.";

/// Returns the support for functions. `None` if the template ignores functions, calls or responses, or writes a call in
/// an unknown form.
pub(super) fn native_tools(template: &Compiled, variables: &Variables) -> Option<NativeTools> {
    let render = |messages: Value| {
        let variables = variables.with(Rendering {
            messages,
            tools: json!([declaration()]),
            add_generation_prompt: false,
            thinking: Thinking::Default,
        });
        template.render(variables).ok()
    };
    let user = json!({ "role": "user", "content": "Probe question." });
    // Not in alphabetical order, as some templates sort them. Quotes show whether a text is escaped.
    let arguments =
        json!({ "probe_c": "\"c\" text", "probe_b": 1_234_567, "probe_a": "\"a\" text" });
    let call = |arguments: &Value| {
        let function = json!({ "name": NAME, "arguments": arguments });
        json!({ "id": ID, "type": "function", "function": function })
    };
    let calls = |calls: Value| json!({ "role": "assistant", "content": "", "tool_calls": calls });
    let one = calls(json!([call(&arguments)]));
    // A number is written in the same way by all templates.
    let short = call(&json!({ "probe_b": arguments["probe_b"] }));
    let two = calls(json!([short, short]));
    let response = json!({ "role": "tool", "name": NAME, "tool_call_id": ID, "content": RESPONSE });
    let declared = render(json!([user]))?;
    let plain = render(json!([user, { "role": "assistant", "content": TEXT }]))?;
    let called = render(json!([user, one]))?;
    let answered = render(json!([user, one, response]))?;
    if !declared.contains(NAME) || !answered.contains(RESPONSE) {
        return None;
    }
    // The two prompts differ only in the reply: a call in one, text in the other.
    let example = difference(&called, &plain);
    let mut calls = CallSyntax::from_example(example, NAME, arguments.as_object()?)?;
    // Some templates accept a single call.
    if let Some(called) = render(json!([user, two])) {
        calls.set_between_calls(difference(&called, &plain), NAME);
    }
    // A template with tags around arguments also declares functions in tags such as `<name>`, which text may contain.
    let declarations = match calls.parameters {
        Some(_) => common_start(&answered, &declared).len(),
        None => 0,
    };
    Some(NativeTools {
        calls,
        tags: tags(&answered[declarations..]),
    })
}

/// Returns whether a template has a variable that turns thinking off: the prompts with and without thinking differ.
pub(super) fn can_stop_thinking(template: &Compiled, variables: &Variables) -> bool {
    let render = |thinking| {
        let variables = variables.with(Rendering {
            messages: json!([{ "role": "user", "content": "Probe question." }]),
            tools: Value::Null,
            add_generation_prompt: true,
            thinking,
        });
        template.render(variables).ok()
    };
    let off = render(Thinking::Off);
    off.is_some() && off != render(Thinking::On)
}

/// Returns the declaration of the function that is called.
fn declaration() -> Value {
    let text = json!({ "type": "string", "description": "A probe." });
    let number = json!({ "type": "integer", "description": "A probe." });
    json!({ "type": "function", "function": {
        "name": NAME,
        "description": "A probe.",
        "parameters": {
            "type": "object",
            "properties": { "probe_c": text, "probe_b": number, "probe_a": text },
            "required": ["probe_c"],
        },
    } })
}

/// Returns the part of `text` that is not shared with `other` at the beginning or the end. A tag of which only a part is
/// shared belongs to it.
fn difference<'a>(text: &'a str, other: &str) -> &'a str {
    let start = common_start(text, other).len();
    let end = text.len() - common_end(&text[start..], &other[start..]).len();
    let start = open_tag(&text[..start]).unwrap_or(start);
    let rest = open_tag(&text[start..end]).and_then(|_| text[end..].find(['>', ']']));
    &text[start..rest.map_or(end, |rest| end + rest + 1)]
}

/// Returns the position of a tag in which the text ends.
fn open_tag(text: &str) -> Option<usize> {
    let at = text.rfind(['<', '['])?;
    let is_inside = !text[at..].contains(|c: char| c.is_whitespace() || ">]{\"',".contains(c));
    is_inside.then_some(at)
}

/// Returns all tags in the text, such as `<tool_response>` and `[/INST]`, without repetitions.
fn tags(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, open) in text.match_indices(['<', '[']) {
        let close = if open == "<" { '>' } else { ']' };
        let Some(length) = text[at..].find(close) else {
            continue;
        };
        let tag = &text[at..=at + length];
        let inner = &tag[1..tag.len() - 1];
        // Other brackets are JSON, comparisons or prose.
        let is_tag = (2..=40).contains(&inner.len())
            && !inner.contains(|c: char| c.is_whitespace() || "<[{\"',".contains(c));
        if is_tag && !found.iter().any(|other| other == tag) {
            found.push(tag.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_of_two_strings_is_between_their_common_ends() {
        assert_eq!(difference("abXcd", "abYYcd"), "X");
        assert_eq!(difference("abab", "ab"), "ab");
        assert_eq!(difference("same", "same"), "");
        assert_eq!(
            difference(
                "<|a|>[<|START_CALL|>f<|call|>",
                "<|a|>[<|START_TEXT|>t<|end|>"
            ),
            "<|START_CALL|>f<|call|>"
        );
        assert_eq!(difference("a < [\"b\"]", "a < [\"c\"]"), "b");
    }

    #[test]
    fn tags_are_found_once_each() {
        let text =
            "<|im_start|>user\n<tool_response>\n[/INST]{\"a\": [1, 2]} < b > <tool_response>";

        assert_eq!(tags(text), ["<|im_start|>", "<tool_response>", "[/INST]"]);
    }
}
