//! Converts contents to the messages of a conversation.

use generativeai::Result;
use generativeai::protocol::content::{Blob, Content, Data, FunctionResponsePart, Part, Role};

use crate::conversation::{Body, Call, Message};
use crate::error::invalid_argument;

use super::media;

/// Converts contents. The index of a content is part of the path in error messages.
///
/// # Errors
///
/// 400 for an empty conversation or content, an unknown role, and a part that is not text.
pub(super) fn parse<'a>(contents: impl Iterator<Item = &'a Content>) -> Result<Vec<Message>> {
    let mut messages = Vec::new();
    for (index, content) in contents.enumerate() {
        let path = format!("contents[{index}]");
        let bodies = match &content.role {
            // `function` is the role of responses in older clients.
            None | Some(Role::User | Role::Function) => user(&path, content)?,
            Some(Role::Model) => vec![assistant(&path, content)?],
            // The default of the field in Protocol Buffers.
            Some(Role::Unknown(role)) if role.is_empty() => user(&path, content)?,
            Some(Role::System) => vec![Body::System(text_of(&path, content)?)],
            Some(other) => {
                return Err(invalid_argument(format!(
                    "{path}.role is \"{other}\": use \"user\" or \"model\""
                )));
            }
        };
        messages.extend(bodies.into_iter().map(|body| Message {
            path: path.clone(),
            body,
        }));
    }
    if messages.is_empty() {
        return Err(invalid_argument("contents is empty: add a message"));
    }
    Ok(messages)
}

/// Returns the text of a content, thoughts excluded.
pub(crate) fn text_of(path: &str, content: &Content) -> Result<String> {
    let mut text = String::new();
    for (part, path) in parts(path, content)? {
        if !part.is_thought() {
            text.push_str(&text_of_part(part, &path)?);
        }
    }
    Ok(text)
}

/// Converts a content of the user. Each function response becomes a separate message, in the order of the parts: chat
/// templates have the role `tool` for them. The texts of their media are in the last message, as text of the user.
fn user(path: &str, content: &Content) -> Result<Vec<Body>> {
    let mut bodies = Vec::new();
    let (mut text, mut media) = (String::new(), String::new());
    for (part, path) in parts(path, content)? {
        if part.is_thought() {
            continue;
        }
        let Some(Data::FunctionResponse(response)) = &part.data else {
            text.push_str(&text_of_part(part, &path)?);
            continue;
        };
        if !text.is_empty() {
            bodies.push(Body::User(std::mem::take(&mut text)));
        }
        let name = response.name.clone().unwrap_or_default();
        for (at, part) in response.parts.iter().enumerate() {
            let path = format!("{path}.functionResponse.parts[{at}]");
            let attached = text_of_response_part(part, &path)?;
            media.push_str(&format!("Media of the response of `{name}`:\n{attached}\n"));
        }
        bodies.push(Body::Tool {
            id: response.id.clone(),
            name,
            content: response.response.clone().unwrap_or_default(),
        });
    }
    media.push_str(&text);
    if !media.is_empty() || bodies.is_empty() {
        bodies.push(Body::User(media));
    }
    Ok(bodies)
}

/// Converts a content of the model.
fn assistant(path: &str, content: &Content) -> Result<Body> {
    let (mut text, mut thoughts, mut calls) = (String::new(), String::new(), Vec::new());
    for (part, path) in parts(path, content)? {
        match &part.data {
            Some(Data::Text(thought)) if part.is_thought() => thoughts.push_str(thought),
            Some(Data::FunctionCall(call)) => calls.push(Call {
                id: call.id.clone(),
                name: call.name().to_owned(),
                arguments: call.args.clone().unwrap_or_default(),
            }),
            _ if part.is_thought() => {}
            _ => text.push_str(&text_of_part(part, &path)?),
        }
    }
    Ok(Body::Assistant {
        text,
        thoughts,
        calls,
    })
}

/// Returns the parts of a content with their paths.
///
/// # Errors
///
/// 400 if there are none, as in the API.
fn parts<'a>(
    path: &'a str,
    content: &'a Content,
) -> Result<impl Iterator<Item = (&'a Part, String)>> {
    if content.parts.is_empty() {
        return Err(invalid_argument(format!(
            "{path}.parts is empty: add a part with text"
        )));
    }
    let indexed = content.parts.iter().enumerate();
    Ok(indexed.map(move |(index, part)| (part, format!("{path}.parts[{index}]"))))
}

/// Returns the text of a medium in a function response.
fn text_of_response_part(part: &FunctionResponsePart, path: &str) -> Result<String> {
    match &part.inline_data {
        Some(blob) => text_of_blob(blob, path),
        None => Err(unsupported(path, "files in a function response")),
    }
}

fn text_of_blob(blob: &Blob, path: &str) -> Result<String> {
    media::text_of(blob).ok_or_else(|| {
        let mime_type = blob.mime_type.as_deref().unwrap_or_default();
        match mime_type {
            _ if blob.bytes().is_err() => {
                invalid_argument(format!("{path}: the data is not valid base64"))
            }
            "" => unsupported(path, "data that is not text"),
            text if text.starts_with("text/") => invalid_argument(format!(
                "{path}: the data is not {text} in UTF-8: add its encoding to the media type, as in \
                 `text/plain; charset=windows-1252`"
            )),
            other => unsupported(path, other),
        }
    })
}

/// Returns the text of a part. Code that another model ran, and its output, become code blocks in Markdown.
fn text_of_part(part: &Part, path: &str) -> Result<String> {
    match &part.data {
        Some(Data::Text(text)) => Ok(text.clone()),
        Some(Data::InlineData(blob)) => text_of_blob(blob, path),
        Some(Data::ExecutableCode(code)) => {
            let code = code.code.as_deref().unwrap_or_default();
            Ok(format!("\n```python\n{code}\n```\n"))
        }
        Some(Data::CodeExecutionResult(result)) => {
            let output = result.output.as_deref().unwrap_or_default();
            Ok(format!("\n```\n{output}\n```\n"))
        }
        // A signature without text: the encrypted state of a Gemini model, in a conversation that began with it.
        None if part.thought_signature.is_some() => Ok(String::new()),
        None if part.unknown.is_empty() => {
            Err(invalid_argument(format!("{path} is empty: add text")))
        }
        _ => Err(unsupported(path, part.kind().unwrap_or("this part"))),
    }
}

fn unsupported(path: &str, what: &str) -> generativeai::Error {
    invalid_argument(format!(
        "{path}: the embedded model reads text, but not {what}"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_in_a_function_response_follows_the_responses() {
        let response = |mime_type: &str| {
            json!({ "functionResponse": {
                "name": "read",
                "parts": [{ "inlineData": { "mimeType": mime_type, "data": "YWJj" } }],
            } })
        };
        let content = |mime_type: &str| -> Content {
            let other = json!({ "functionResponse": { "name": "other" } });
            let parts = [response(mime_type), other, json!({ "text": "Go on" })];
            serde_json::from_value(json!({ "parts": parts })).unwrap()
        };

        let messages = parse([content("text/csv")].iter()).unwrap();
        let error = parse([content("image/png")].iter()).unwrap_err();

        let last = messages.last().map(|message| &message.body);
        let text = "Media of the response of `read`:\nabc\nGo on";
        assert_eq!(messages.len(), 3);
        assert_eq!(last, Some(&Body::User(text.to_owned())));
        let expected = "contents[0].parts[0].functionResponse.parts[0]: the embedded model reads text, but not image/png";
        assert!(error.to_string().contains(expected), "{error}");
    }
}
