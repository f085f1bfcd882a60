//! Converts contents to the messages that chat templates take.

use generativeai::Result;
use generativeai::protocol::content::{Content, Data, Part, Role};
use serde_json::json;

use crate::error::invalid_argument;
use crate::template::Message;

use super::tools::{CALL_BEGIN, CALL_END};

/// Converts contents. Neighbouring contents of one role become one message.
pub(super) fn parse<'a>(contents: impl Iterator<Item = &'a Content>) -> Result<Vec<Message>> {
    let mut messages: Vec<Message> = Vec::new();
    for (at, content) in contents.enumerate() {
        let path = format!("contents[{at}]");
        let role = role(&path, content)?;
        let content = text_of(&path, content)?;
        match messages.last_mut() {
            Some(last) if last.role == role => {
                last.content.push_str("\n\n");
                last.content.push_str(&content);
            }
            _ => messages.push(Message { role, content }),
        }
    }
    if messages.is_empty() {
        return Err(invalid_argument("contents is empty: add a message"));
    }
    Ok(messages)
}

fn role(path: &str, content: &Content) -> Result<&'static str> {
    match &content.role {
        None | Some(Role::User | Role::Function) => Ok("user"),
        Some(Role::Model) => Ok("assistant"),
        Some(Role::System) => Ok("system"),
        Some(other) => Err(invalid_argument(format!(
            "{path}.role is \"{other}\": use \"user\" or \"model\""
        ))),
    }
}

/// Returns the text of a content, thoughts excluded.
pub(super) fn text_of(path: &str, content: &Content) -> Result<String> {
    if content.parts.is_empty() {
        return Err(invalid_argument(format!(
            "{path}.parts is empty: add a part with text"
        )));
    }
    let mut text = String::new();
    for (at, part) in content.parts.iter().enumerate() {
        if !part.is_thought() {
            append(&mut text, part, &format!("{path}.parts[{at}]"))?;
        }
    }
    Ok(text)
}

fn append(text: &mut String, part: &Part, path: &str) -> Result<()> {
    match &part.data {
        Some(Data::Text(more)) => text.push_str(more),
        Some(Data::InlineData(blob)) => {
            let mime_type = blob.mime_type.as_deref().unwrap_or("data without a type");
            let bytes = mime_type
                .starts_with("text/")
                .then(|| blob.bytes())
                .and_then(Result::ok);
            let decoded = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            text.push_str(&decoded.ok_or_else(|| unsupported(path, mime_type))?);
        }
        Some(Data::FunctionCall(call)) => {
            let call = json!({ "name": call.name(), "arguments": call.args });
            paragraph(text, &format!("{CALL_BEGIN}\n{call}\n{CALL_END}"));
        }
        Some(Data::FunctionResponse(answer)) => {
            if !answer.parts.is_empty() {
                return Err(unsupported(path, "media in a function response"));
            }
            let answer = json!({ "name": answer.name, "content": answer.response });
            paragraph(
                text,
                &format!("<tool_response>\n{answer}\n</tool_response>"),
            );
        }
        Some(Data::ExecutableCode(code)) => {
            let code = code.code.as_deref().unwrap_or_default();
            paragraph(text, &format!("```python\n{code}\n```"));
        }
        Some(Data::CodeExecutionResult(result)) => {
            let output = result.output.as_deref().unwrap_or_default();
            paragraph(text, &format!("```\n{output}\n```"));
        }
        None if part.unknown.is_empty() => {
            return Err(invalid_argument(format!("{path} is empty: add text")));
        }
        _ => return Err(unsupported(path, part.kind().unwrap_or("this part"))),
    }
    Ok(())
}

fn paragraph(text: &mut String, paragraph: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(paragraph);
}

fn unsupported(path: &str, what: &str) -> generativeai::Error {
    invalid_argument(format!(
        "{path}: the embedded model reads text, but not {what}"
    ))
}
