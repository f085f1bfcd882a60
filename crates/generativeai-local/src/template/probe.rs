//! Detects the features of a template by rendering small conversations with it.
//!
//! A template does not declare its features, and its source is a program. So marked strings are rendered, and searched
//! in the output.

use serde_json::{Value, json};

use crate::call_syntax::CallSyntax;

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

/// Returns the support for functions. `None` if the template ignores functions, calls or responses, or
/// writes the arguments of a call in another form than JSON.
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
    let arguments = json!({ "probe_argument": "probe value" });
    let call = json!({ "role": "assistant", "content": "", "tool_calls": [
        { "id": ID, "type": "function", "function": { "name": NAME, "arguments": arguments } },
    ] });
    let response = json!({ "role": "tool", "name": NAME, "tool_call_id": ID, "content": RESPONSE });
    let declared = render(json!([user]))?;
    let plain = render(json!([user, { "role": "assistant", "content": TEXT }]))?;
    let called = render(json!([user, call]))?;
    let answered = render(json!([user, call, response]))?;
    if !declared.contains(NAME) || !answered.contains(RESPONSE) {
        return None;
    }
    // The two prompts differ only in the reply: a call in one, text in the other.
    let example = difference(&called, &plain);
    Some(NativeTools {
        calls: CallSyntax::from_example(example, NAME, arguments.as_object()?)?,
        tags: tags(&answered),
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
    json!({ "type": "function", "function": {
        "name": NAME,
        "description": "A probe.",
        "parameters": {
            "type": "object",
            "properties": { "probe_argument": { "type": "string", "description": "A probe." } },
            "required": ["probe_argument"],
        },
    } })
}

/// Returns the part of `text` that is not shared with `other` at the beginning or the end. A tag of which only a part is
/// shared belongs to it.
fn difference<'a>(text: &'a str, other: &str) -> &'a str {
    // The bytes before `start` are equal, so it is a boundary of characters in both texts.
    let start = text
        .char_indices()
        .zip(other.chars())
        .find(|((_, a), b)| a != b)
        .map_or(text.len().min(other.len()), |((at, _), _)| at);
    let end: usize = text[start..]
        .chars()
        .rev()
        .zip(other[start..].chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    let end = text.len() - end;
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
