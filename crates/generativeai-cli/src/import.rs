//! Reading conversations from files: of this program, of the Gemini API, and of other programs.

use generativeai::protocol::content::{Blob, Content, FunctionCall, FunctionResponse, Part, Role};
use serde_json::{Map, Value};

use crate::exit::UsageError;

/// Members that hold the list of messages, in files of the Gemini API and of other programs.
const LISTS: [&str; 6] = [
    "contents",
    "history",
    "messages",
    "chat_messages",
    "conversations",
    "chunks",
];
/// Members that hold the object with that list.
const WRAPPERS: [&str; 4] = [
    "chunkedPrompt",
    "conversation",
    "request",
    "generateContentRequest",
];
/// Members that hold the author of a message.
const AUTHORS: [&str; 5] = ["role", "author", "sender", "from", "type"];
/// Members that hold the text of a message, or its parts.
const TEXTS: [&str; 5] = ["parts", "content", "text", "value", "message"];

const EXPECTED: &str = "expected JSON Lines of `genai sessions export`, a file of /save, a list of \
    contents, or an object with `contents` or `messages`";

/// A conversation that was read from a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Imported {
    pub(crate) contents: Vec<Content>,
    /// System messages. A session does not store them.
    pub(crate) instruction: Option<String>,
}

/// Whether a file is an event log of `genai sessions export`.
pub(crate) fn is_event_log(bytes: &[u8]) -> bool {
    let line = bytes.split(|&byte| byte == b'\n').next();
    let first: Option<Value> = line.and_then(|line| serde_json::from_slice(line).ok());
    first.is_some_and(|first| first.get("generativeaiSession").is_some())
}

/// Reads a conversation.
///
/// # Errors
/// The file has another form, or a message that cannot be represented; the error names it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Imported, UsageError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let messages = match serde_json::from_slice(bytes) {
        Ok(value) => messages(value)?,
        Err(error) => json_lines(bytes)
            .ok_or_else(|| UsageError(format!("the file is not JSON ({error}): {EXPECTED}")))?,
    };
    let mut imported = Imported::default();
    for (at, message) in messages.into_iter().enumerate() {
        imported
            .add(message)
            .map_err(|problem| UsageError(format!("message {}: {problem}", at + 1)))?;
    }
    Ok(imported)
}

/// The objects of a file with one on each line.
fn json_lines(bytes: &[u8]) -> Option<Vec<Value>> {
    let lines = bytes.split(|&byte| byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    let values: Result<Vec<Value>, _> = lines.map(serde_json::from_slice).collect();
    values.ok().filter(|values| !values.is_empty())
}

/// Finds the list of messages in a file.
fn messages(value: Value) -> Result<Vec<Value>, UsageError> {
    match value {
        Value::Array(mut list) => {
            // An export may contain several conversations.
            let is_conversation = |item: &Value| {
                LISTS
                    .iter()
                    .any(|list| item.get(list).is_some_and(Value::is_array))
            };
            match list.iter().filter(|item| is_conversation(item)).count() {
                0 => Ok(list),
                1 if list.len() == 1 => messages(list.remove(0)),
                count => Err(UsageError(format!(
                    "the file contains {count} conversations: import a file for each"
                ))),
            }
        }
        Value::Object(mut object) => {
            if let Some(inner) = WRAPPERS.iter().find_map(|name| object.remove(*name)) {
                return messages(inner);
            }
            let instruction = ["systemInstruction", "system_instruction", "system"]
                .iter()
                .find_map(|name| object.remove(*name));
            match LISTS.iter().find_map(|name| object.remove(*name)) {
                // The API accepts a single object where it expects a list.
                Some(list @ (Value::Array(_) | Value::Object(_))) => {
                    let list = match list {
                        Value::Array(list) => list,
                        single => vec![single],
                    };
                    let instruction = instruction.map(system_message);
                    Ok(instruction.into_iter().chain(list).collect())
                }
                _ => {
                    let members: Vec<_> = object.keys().take(5).map(String::as_str).collect();
                    let members = members.join("`, `");
                    Err(UsageError(format!(
                        "the file has no list of messages, only `{members}`: {EXPECTED}"
                    )))
                }
            }
        }
        _ => Err(UsageError(format!("the file has no messages: {EXPECTED}"))),
    }
}

fn system_message(instruction: Value) -> Value {
    let mut message = Map::new();
    message.insert("role".to_owned(), "system".into());
    let parts = instruction.get("parts").cloned().unwrap_or(instruction);
    message.insert("parts".to_owned(), parts);
    Value::Object(message)
}

/// Author of a message.
enum Author {
    User,
    Model,
    System,
    Function,
}

impl Author {
    /// Maps the names that other programs use.
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "user" | "human" => Some(Self::User),
            "model" | "assistant" | "ai" | "bot" | "gpt" | "gemini" | "claude" => Some(Self::Model),
            "system" | "developer" => Some(Self::System),
            "tool" | "function" => Some(Self::Function),
            _ => None,
        }
    }
}

impl Imported {
    fn add(&mut self, message: Value) -> Result<(), String> {
        let Value::Object(mut message) = message else {
            return Err("it is not an object with a role and a text".to_owned());
        };
        // Some programs wrap each message, and log prompt and response as a pair.
        if let Some(inner @ Value::Object(_)) = message.get("message") {
            return self.add(inner.clone());
        }
        if let (Some(prompt), Some(response)) =
            (text(&message, "prompt"), text(&message, "response"))
        {
            let pair = [Content::user(prompt), Content::model(response)];
            self.contents.extend(pair);
            return Ok(());
        }
        if message.get("isThought") == Some(&Value::Bool(true)) {
            return Ok(());
        }
        let author = AUTHORS.iter().find_map(|name| match message.get(*name) {
            Some(Value::Object(author)) => text(author, "role"),
            _ => text(&message, name),
        });
        let author = match author {
            Some(name) => Author::named(&name).ok_or_else(|| format!("unknown role `{name}`"))?,
            // A content of the API may lack its role; user and model alternate.
            None if self.contents.len().is_multiple_of(2) => Author::User,
            None => Author::Model,
        };
        let response_to = text(&message, "tool_call_id").or_else(|| text(&message, "name"));
        let calls = message.remove("tool_calls");
        let body = TEXTS.iter().find_map(|name| message.remove(*name));
        let mut parts = parts(body.unwrap_or_default())?;
        if let Some(Value::Array(calls)) = calls {
            for call in calls {
                parts.push(self::call(&call)?);
            }
        }
        if parts.is_empty() {
            return Err("it has no text and no parts".to_owned());
        }
        match author {
            Author::User => self.push(Role::User, parts),
            Author::Model => self.push(Role::Model, parts),
            Author::System => {
                let texts: Vec<_> = parts.iter().filter_map(Part::as_text).collect();
                let instruction = self.instruction.get_or_insert_default();
                if !instruction.is_empty() {
                    instruction.push('\n');
                }
                instruction.push_str(&texts.join("\n"));
            }
            Author::Function => {
                if parts
                    .iter()
                    .all(|part| part.as_function_response().is_none())
                {
                    parts = vec![self.response(response_to, &parts)?];
                }
                self.push(Role::User, parts);
            }
        }
        Ok(())
    }

    /// Adds a content. One of the same author as the last continues that.
    fn push(&mut self, role: Role, parts: Vec<Part>) {
        match self.contents.last_mut() {
            Some(last) if last.role.as_ref() == Some(&role) => last.parts.extend(parts),
            _ => self.contents.push(Content::from(parts).role(role)),
        }
    }

    /// The result of a function call, which is found by its id or name.
    fn response(&self, to: Option<String>, parts: &[Part]) -> Result<Part, String> {
        let calls = self
            .contents
            .iter()
            .rev()
            .flat_map(|content| &content.parts);
        let mut calls = calls.filter_map(Part::as_function_call);
        let call = calls
            .find(|call| to.is_none() || call.id == to || call.name.as_deref() == to.as_deref());
        let call = call.ok_or("it answers a function call that is not in the file")?;
        let texts: Vec<_> = parts.iter().filter_map(Part::as_text).collect();
        let mut result = Map::new();
        result.insert("result".to_owned(), texts.join("\n").into());
        Ok(FunctionResponse::to(call, Value::Object(result)).into())
    }
}

/// Reads the parts of a message: a text, a part, or a list of them.
fn parts(body: Value) -> Result<Vec<Part>, String> {
    let list = match body {
        Value::Null => Vec::new(),
        Value::Array(list) => list,
        single => vec![single],
    };
    list.into_iter()
        .filter(|item| !matches!(item, Value::Null))
        .map(part)
        .filter(|part| !matches!(part, Ok(part) if part.as_text() == Some("")))
        .collect()
}

fn part(item: Value) -> Result<Part, String> {
    let object = match item {
        Value::String(text) => return Ok(Part::text(text)),
        Value::Object(object) => object,
        other => return Err(format!("`{other}` is not a part of a message")),
    };
    match object.get("type").and_then(Value::as_str) {
        Some("text" | "input_text" | "output_text") => {
            let text = text(&object, "text").ok_or("a text part has no text")?;
            return Ok(Part::text(text));
        }
        Some("image_url" | "input_image") => {
            let url = match &object["image_url"] {
                Value::Object(inner) => text(inner, "url"),
                url => url.as_str().map(str::to_owned),
            };
            return data_url(&url.unwrap_or_default());
        }
        Some(kind) => return Err(format!("a part of the type `{kind}` cannot be read")),
        None => {}
    }
    let part: Part = serde_json::from_value(Value::Object(object))
        .map_err(|error| format!("a part cannot be read: {error}"))?;
    match part.kind() {
        Some(_) => Ok(part),
        None => Err("a part has no text and no data".to_owned()),
    }
}

/// Reads an image that is embedded in a `data:` URL.
fn data_url(url: &str) -> Result<Part, String> {
    let data = url
        .strip_prefix("data:")
        .and_then(|url| url.split_once(";base64,"));
    let Some((kind, data)) = data else {
        return Err("an image is given by its address only, not as data".to_owned());
    };
    let mut blob = Blob::default();
    blob.mime_type = Some(kind.to_owned());
    blob.data = Some(data.to_owned());
    Ok(Part::from(blob))
}

/// Reads a function call in the form of the OpenAI API.
fn call(call: &Value) -> Result<Part, String> {
    let function = call.get("function").unwrap_or(call);
    let name = function["name"]
        .as_str()
        .ok_or("a function call has no name")?;
    let arguments = match &function["arguments"] {
        Value::String(text) if text.is_empty() => Value::Object(Map::new()),
        Value::String(text) => serde_json::from_str(text)
            .map_err(|error| format!("the arguments of {name} are not JSON: {error}"))?,
        arguments => arguments.clone(),
    };
    let Value::Object(arguments) = arguments else {
        return Err(format!("the arguments of {name} are not an object"));
    };
    let mut call_part = FunctionCall::new(name, arguments);
    call_part.id = call["id"].as_str().map(str::to_owned);
    Ok(call_part.into())
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Vec<(String, String)> {
        let imported = parse(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
        let contents = imported.contents.iter().map(|content| {
            let role = content.role.as_ref().expect("a role");
            let texts: Vec<_> = content.parts.iter().filter_map(Part::as_text).collect();
            (role.as_str().to_owned(), texts.concat())
        });
        contents.collect()
    }

    /// Field row 23, newcomer 9.
    #[test]
    fn files_of_the_api_and_of_other_programs_are_read() {
        let pair = [("user", "Hi"), ("model", "Hello!")];
        let pair = pair.map(|(role, text)| (role.to_owned(), text.to_owned()));
        for json in [
            r#"[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"Hello!"}]}]"#,
            r#"{"contents":[{"parts":{"text":"Hi"}},{"role":"model","parts":["Hello!"]}],"systemInstruction":{"parts":[{"text":"Be kind."}]}}"#,
            r#"{"model":{},"history":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"Hello!"}]}]}"#,
            r#"{"runSettings":{},"chunkedPrompt":{"chunks":[{"text":"Hi","role":"user"},{"text":"Hm","role":"model","isThought":true},{"text":"Hello!","role":"model"}],"pendingInputs":[]}}"#,
            r#"{"model":"x","messages":[{"role":"system","content":"Be kind."},{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":"Hello!"}]}"#,
            r#"[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello!"}]"#,
            r#"{"conversations":[{"from":"human","value":"Hi"},{"from":"gpt","value":"Hello!"}]}"#,
            r#"[{"name":"x","chat_messages":[{"sender":"human","text":"Hi"},{"sender":"assistant","text":"Hello!"}]}]"#,
            r#"{"sessionId":"1","messages":[{"type":"user","content":"Hi"},{"type":"gemini","content":"Hello!"}]}"#,
            "{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"Hi\"}}\n{\"type\":\"assistant\",\"message\":{\"role\":\"assistant\",\"content\":\"Hello!\"}}\n",
            r#"[{"prompt":"Hi","response":"Hello!"}]"#,
        ] {
            assert_eq!(texts(json), pair, "{json}");
        }
    }

    #[test]
    fn system_messages_become_the_instruction() {
        let json = r#"{"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Hi"}]}"#;

        let imported = parse(json.as_bytes()).expect("a conversation");

        assert_eq!(imported.instruction.as_deref(), Some("Be kind."));
    }

    #[test]
    fn function_calls_are_answered_by_their_results() {
        let json = r#"[{"role":"user","content":"Time?"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"clock","arguments":"{\"zone\":\"UTC\"}"}}]},
            {"role":"tool","tool_call_id":"1","content":"12:00"}]"#;

        let imported = parse(json.as_bytes()).expect("a conversation");

        let call = imported.contents[1].parts[0]
            .as_function_call()
            .expect("a call");
        assert_eq!(call.arg("zone"), Some(&"UTC".into()));
        let response = imported.contents[2].parts[0].as_function_response();
        let response = response.expect("a response");
        assert_eq!(response.name.as_deref(), Some("clock"));
    }

    #[test]
    fn a_file_that_is_not_a_conversation_is_refused_with_the_reason() {
        for (json, reason) in [
            ("", "not JSON"),
            ("Hello", "not JSON"),
            ("7", "no messages"),
            (r#"{"name":"x","age":3}"#, "only `name`, `age`"),
            (
                r#"[{"role":"narrator","content":"Hi"}]"#,
                "message 1: unknown role `narrator`",
            ),
            (
                r#"[{"role":"user","content":"Hi"},{"role":"model"}]"#,
                "message 2: it has no text",
            ),
            (r#"[{"messages":[]},{"messages":[]}]"#, "2 conversations"),
            (
                r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x"}}]}]"#,
                "address only",
            ),
        ] {
            let error = parse(json.as_bytes()).expect_err(json).to_string();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }
}
