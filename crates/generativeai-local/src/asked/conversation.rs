//! From contents to the messages a chat template knows.

use generativeai::Result;
use generativeai::protocol::content::{Content, Data, Part, Role};
use serde_json::{Value, json};

use crate::refusal::invalid;
use crate::template::Message;

use super::tools::{CALL_BEGIN, CALL_END};

/// The messages of a conversation; what one speaker says in a row is one message.
pub(super) fn messages<'a>(contents: impl Iterator<Item = &'a Content>) -> Result<Vec<Message>> {
    let mut messages: Vec<Message> = Vec::new();
    for (at, content) in contents.enumerate() {
        let place = format!("contents[{at}]");
        let role = role(&place, content)?;
        let content = words(&place, content)?;
        match messages.last_mut() {
            Some(last) if last.role == role => {
                last.content.push_str("\n\n");
                last.content.push_str(&content);
            }
            _ => messages.push(Message { role, content }),
        }
    }
    if messages.is_empty() {
        return Err(invalid("contents is empty: say something"));
    }
    Ok(messages)
}

fn role(place: &str, content: &Content) -> Result<&'static str> {
    match &content.role {
        None | Some(Role::User | Role::Function) => Ok("user"),
        Some(Role::Model) => Ok("assistant"),
        Some(Role::System) => Ok("system"),
        Some(other) => Err(invalid(format!(
            "{place}.role is {other:?}, and can be \"user\" or \"model\""
        ))),
    }
}

/// What a content says, as one text. What the model only thought is left out.
pub(super) fn words(place: &str, content: &Content) -> Result<String> {
    if content.parts.is_empty() {
        return Err(invalid(format!("{place}.parts is empty: say something")));
    }
    let mut words = String::new();
    for (at, part) in content.parts.iter().enumerate() {
        if !part.is_thought() {
            say(&mut words, part, &format!("{place}.parts[{at}]"))?;
        }
    }
    Ok(words)
}

fn say(words: &mut String, part: &Part, place: &str) -> Result<()> {
    match &part.data {
        Some(Data::Text(text)) => words.push_str(text),
        Some(Data::InlineData(blob)) => {
            let kind = blob.mime_type.as_deref().unwrap_or("no type");
            let text = kind
                .starts_with("text/")
                .then(|| blob.bytes())
                .and_then(Result::ok);
            let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
            words.push_str(&text.ok_or_else(|| deaf(place, kind))?);
        }
        Some(Data::FunctionCall(call)) => {
            let called = json!({ "name": call.name(), "arguments": call.args });
            paragraph(words, &format!("{CALL_BEGIN}\n{called}\n{CALL_END}"));
        }
        Some(Data::FunctionResponse(answer)) => {
            if !answer.parts.is_empty() {
                return Err(deaf(place, "media in a function response"));
            }
            let answer = json!({ "name": answer.name, "content": answer.response });
            paragraph(
                words,
                &format!("<tool_response>\n{answer}\n</tool_response>"),
            );
        }
        Some(Data::ExecutableCode(code)) => {
            let code = code.code.as_deref().unwrap_or_default();
            paragraph(words, &format!("```python\n{code}\n```"));
        }
        Some(Data::CodeExecutionResult(result)) => {
            let output = result.output.as_deref().unwrap_or_default();
            paragraph(words, &format!("```\n{output}\n```"));
        }
        None if part.unknown.is_empty() => {
            return Err(invalid(format!("{place} is empty: it needs text")));
        }
        _ => return Err(deaf(place, part.kind().unwrap_or("this part"))),
    }
    Ok(())
}

fn paragraph(words: &mut String, paragraph: &str) {
    if !words.is_empty() {
        words.push('\n');
    }
    words.push_str(paragraph);
}

fn deaf(place: &str, what: &str) -> generativeai::Error {
    invalid(format!(
        "{place}: the embedded model takes text, and cannot take {what}"
    ))
}

/// A value on one line.
pub(super) fn line(value: &Value) -> String {
    value.to_string()
}
