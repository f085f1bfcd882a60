//! Checks that a prompt contains the text of every message.
//!
//! Some templates drop messages without an error, such as a system message or the result of a function. An answer to
//! such a prompt would look valid.

use serde_json::Value;

/// Returns the index of the first message whose text is not in the prompt; `None` if all are.
///
/// They must occur in the order of the messages. Whitespace is ignored, since many templates trim it, and text may be
/// escaped as in JSON. A system message may occur anywhere: some templates put it in front of the last question.
pub(super) fn first_missing(prompt: &str, messages: &[Value]) -> Option<usize> {
    let prompt = without_whitespace(prompt);
    let mut rest = prompt.as_str();
    for (index, message) in messages.iter().enumerate() {
        for text in texts_of(message) {
            let text = without_whitespace(&text);
            // Searched in the whole prompt, without advancing `rest`, since its place is not known.
            if message["role"] == "system" {
                if find(&prompt, &text).is_none() {
                    return Some(index);
                }
                continue;
            }
            match find(rest, &text) {
                Some(end) => rest = &rest[end..],
                None => return Some(index),
            }
        }
    }
    None
}

/// Returns the end of the first occurrence of the text, or of its form in a JSON string.
fn find(prompt: &str, text: &str) -> Option<usize> {
    let end_of = |text: &str| Some(prompt.find(text)? + text.len());
    let escaped = || {
        let quoted = Value::from(text).to_string();
        end_of(&quoted[1..quoted.len() - 1])
    };
    end_of(text).or_else(escaped)
}

/// Returns the strings of a message: its content, then the names of the called functions.
fn texts_of(message: &Value) -> Vec<String> {
    let content = match &message["content"] {
        Value::String(text) => text.clone(),
        pieces => pieces[0]["text"].as_str().unwrap_or_default().to_owned(),
    };
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let names = calls.filter_map(|call| call["function"]["name"].as_str());
    std::iter::once(content)
        .chain(names.map(str::to_owned))
        .collect()
}

fn without_whitespace(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn first_missing_of(prompt: &str, messages: &[(&str, &str)]) -> Option<usize> {
        let message = |(role, content): &(&str, &str)| json!({ "role": role, "content": content });
        let messages: Vec<_> = messages.iter().map(message).collect();
        first_missing(prompt, &messages)
    }

    #[test]
    fn strings_are_found_in_order_whatever_their_whitespace() {
        let messages = [
            ("user", " Hi,\n you "),
            ("assistant", "Hi"),
            ("user", "Bye"),
        ];

        assert_eq!(first_missing_of("[Hi, you] Hi [Bye]", &messages), None);
        assert_eq!(first_missing_of("[Hi, you] [Bye]", &messages), Some(1));
        assert_eq!(first_missing_of("[Bye] Hi [Hi, you]", &messages), Some(1));
    }

    #[test]
    fn system_text_may_follow_the_first_question() {
        let messages = [("system", "Be brief."), ("user", "Hi")];

        assert_eq!(first_missing_of("Hi Be brief.", &messages), None);
        assert_eq!(first_missing_of("Hi", &messages), Some(0));
    }

    #[test]
    fn text_may_be_escaped_as_json() {
        assert_eq!(
            first_missing_of(r#"{"output": "a \"b\""}"#, &[("tool", "a \"b\"")]),
            None
        );
    }
}
