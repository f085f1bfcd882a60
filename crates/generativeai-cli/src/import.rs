//! Reading conversations from files: of this program, of the Gemini API, and of other programs.

mod list;
mod parts;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::Read;

use generativeai::protocol::content::{Content, Data, FunctionCall, FunctionResponse, Part, Role};
use serde_json::{Map, Value, json};

use crate::exit::UsageError;
use crate::file::read_at_most;
use list::EXPECTED;
use parts::text;

/// Maximum size of an imported file, in bytes.
const MAX_SIZE: u64 = 1 << 30;

/// Maximum size of a file that is not an event log, in bytes. It is parsed as a whole, which may take ten times as much
/// memory.
const MAX_CONVERSATION: usize = 256 << 20;

/// Maximum length of the first line of an event log, in bytes. It contains the name of the session.
const MAX_HEADER: usize = 64 << 10;

/// Members that contain the author of a message, in the order they are tried. `type` is last, since it is the kind of
/// item in several formats.
const AUTHORS: &[&str] = &["role", "author", "sender", "from", "type"];
/// Members that contain the text of a message, or its parts, in the order they are tried.
const TEXTS: &[&str] = &["parts", "content", "text", "value", "message"];
/// Members that contain the message itself, in formats that wrap it in metadata.
const ENVELOPES: &[&str] = &["message", "data", "kwargs"];

/// Items of OpenAI's Responses API that are skipped: thoughts, which another model cannot use, and steps of tools that
/// run on the service.
const STEPS: &[&str] = &[
    "reasoning",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "mcp_list_tools",
    "mcp_call",
    "tool_search_call",
    "tool_search_output",
];

/// A conversation read from a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Imported {
    pub(crate) contents: Vec<Content>,
    /// Text of the system messages. A session does not store it, so the user has to set it again.
    pub(crate) instruction: Option<String>,
}

/// Reads the bytes of a file.
///
/// # Errors
/// The file cannot be read, or exceeds the maximum size.
pub(crate) fn read(file: impl Read) -> anyhow::Result<Vec<u8>> {
    let bytes = read_at_most(file, MAX_SIZE)?;
    let too_large = || UsageError("the file is too large: the maximum is 1 GiB".to_owned());
    bytes.ok_or_else(|| too_large().into())
}

/// Returns whether a file is an event log of `genai sessions export`.
pub(crate) fn is_event_log(bytes: &[u8]) -> bool {
    header(bytes).is_some()
}

/// Returns the name of the session in an event log.
pub(crate) fn name_in_log(bytes: &[u8]) -> Option<String> {
    Some(header(bytes)?.get("name")?.as_str()?.to_owned())
}

/// Returns the first line of an event log, or `None` if the file is not one.
fn header(bytes: &[u8]) -> Option<Value> {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let line = lines.next().filter(|line| line.len() <= MAX_HEADER)?;
    let first: Value = serde_json::from_slice(line).ok()?;
    first.get("generativeaiSession").is_some().then_some(first)
}

/// Reads a conversation.
///
/// # Errors
/// The file is too large or has an unknown form, or a message cannot be represented. The error contains the number of
/// the message.
pub(crate) fn parse(bytes: &[u8]) -> Result<Imported, UsageError> {
    if bytes.len() > MAX_CONVERSATION {
        let message = "the file is too large: the maximum is 256 MiB, and 1 GiB for files of `genai sessions export`";
        return Err(UsageError(message.to_owned()));
    }
    let bytes = &*in_utf8(bytes);
    let messages = match serde_json::from_slice(bytes) {
        Ok(value) => list::messages(value)?,
        Err(error) => list::json_lines(bytes)
            .ok_or_else(|| UsageError(format!("the file is not JSON ({error}): {EXPECTED}")))?,
    };
    let mut imported = Imported::default();
    for (at, message) in messages.into_iter().enumerate() {
        imported
            .add(message)
            .map_err(|problem| UsageError(format!("message {}: {problem}", at + 1)))?;
    }
    if imported.contents.is_empty() {
        return Err(list::no_messages());
    }
    Ok(imported)
}

/// Returns the bytes of a file in UTF-8, without its byte order mark. Windows programs write UTF-16.
fn in_utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let units: fn([u8; 2]) -> u16 = match bytes {
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        [0xEF, 0xBB, 0xBF, rest @ ..] => return rest.into(),
        _ => return bytes.into(),
    };
    let (pairs, _) = bytes[2..].as_chunks();
    let units = pairs.iter().copied().map(units);
    let chars = char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER));
    chars.collect::<String>().into_bytes().into()
}

/// Author of a message.
enum Author {
    User,
    Model,
    System,
    Function,
}

impl Author {
    /// Maps the names of roles that the known programs use.
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
    /// Adds a message in any of the known formats.
    fn add(&mut self, message: Value) -> Result<(), String> {
        let Value::Object(mut message) = message else {
            return Err("it is not an object with a role and text".to_owned());
        };
        if let Some(inner) = opened(&message) {
            return self.add(inner);
        }
        if self.add_item(&mut message)? {
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
        let has_body = body.is_some();
        let mut parts = parts::read(body.unwrap_or_default())?;
        // Ollama's API has the images of a message next to its text.
        if let Some(Value::Array(images)) = message.remove("images") {
            for image in images.iter().filter_map(Value::as_str) {
                parts.push(parts::image(image)?);
            }
        }
        self.name_responses(&mut parts)?;
        if let Some(Value::Array(calls)) = calls {
            for call in calls {
                parts.push(parts::call(&call)?);
            }
        }
        match author {
            // The result of a function may be empty.
            Author::Function => {}
            // Requests contain empty replies and empty system instructions, which have no effect.
            _ if parts.is_empty() && has_body => return Ok(()),
            _ if parts.is_empty() => return Err("it has no text and no parts".to_owned()),
            _ => {}
        }
        self.add_parts(author, parts, response_to)
    }

    /// Adds an object that is not a message with an author, such as a function call of OpenAI's Responses API. Returns
    /// `false` if it is such a message.
    fn add_item(&mut self, item: &mut Map<String, Value>) -> Result<bool, String> {
        // Some programs log prompt and response as a pair.
        if let (Some(prompt), Some(response)) = (text(item, "prompt"), text(item, "response")) {
            let pair = [Content::user(prompt), Content::model(response)];
            self.contents.extend(pair);
            return Ok(true);
        }
        if item.get("isThought") == Some(&Value::Bool(true)) {
            return Ok(true);
        }
        // Items of OpenAI's Responses API.
        match item.get("type").and_then(Value::as_str) {
            Some(kind) if STEPS.contains(&kind) => {}
            Some("function_call") => {
                let call = parts::call(&Value::Object(std::mem::take(item)))?;
                self.push(Role::Model, vec![call]);
            }
            Some("function_call_output") => {
                let output = parts::read(item.remove("output").unwrap_or_default())?;
                let response = self.response(text(item, "call_id"), &output)?;
                self.push(Role::User, vec![response]);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Adds the parts of a message. `response_to` is the id or the name of the call that a function answers.
    fn add_parts(
        &mut self,
        author: Author,
        mut parts: Vec<Part>,
        response_to: Option<String>,
    ) -> Result<(), String> {
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

    /// Adds a content, or appends its parts to the last content if that has the same role.
    ///
    /// Other APIs store the results of parallel calls as separate messages. The Gemini API expects them in one content.
    fn push(&mut self, role: Role, parts: Vec<Part>) {
        match self.contents.last_mut() {
            Some(last) if last.role.as_ref() == Some(&role) => last.parts.extend(parts),
            _ => self.contents.push(Content::from(parts).role(role)),
        }
    }

    /// Returns the response to a function call, which is found by its id or name.
    fn response(&self, to: Option<String>, parts: &[Part]) -> Result<Part, String> {
        let call = self.call_of(to.as_deref())?;
        let texts: Vec<_> = parts.iter().filter_map(Part::as_text).collect();
        let result = json!({ "result": texts.join("\n") });
        let media = parts.iter().filter_map(Part::as_inline_data).cloned();
        Ok(FunctionResponse::to(call, result).parts(media).into())
    }

    /// Returns the last call with this id or name, or the last call of all if neither is given.
    fn call_of(&self, to: Option<&str>) -> Result<&FunctionCall, String> {
        let contents = self.contents.iter().rev();
        let parts = contents.flat_map(|content| &content.parts);
        let mut calls = parts.filter_map(Part::as_function_call);
        let call = calls
            .find(|call| to.is_none() || call.id.as_deref() == to || call.name.as_deref() == to);
        call.ok_or_else(|| "it answers a function call that is not in the file".to_owned())
    }

    /// Sets missing names of function responses to the names of the calls with the same id. The Gemini API requires
    /// them, and some other APIs have only the id.
    fn name_responses(&self, parts: &mut [Part]) -> Result<(), String> {
        for part in parts {
            if let Some(Data::FunctionResponse(response)) = &mut part.data
                && response.name.is_none()
            {
                let call = self.call_of(response.id.as_deref())?;
                response.name.clone_from(&call.name);
                response.id.clone_from(&call.id);
            }
        }
        Ok(())
    }
}

/// Returns the message in its envelope, if it has one. The author may be a member of the envelope only: it is copied.
fn opened(message: &Map<String, Value>) -> Option<Value> {
    let inner = ENVELOPES
        .iter()
        .find_map(|name| message.get(*name)?.as_object());
    let mut inner = inner?.clone();
    if !AUTHORS.iter().any(|name| inner.contains_key(*name)) {
        let author = AUTHORS.iter().find_map(|name| text(message, name));
        if let Some(author) = author.filter(|author| Author::named(author).is_some()) {
            inner.insert("role".to_owned(), author.into());
        }
    }
    Some(Value::Object(inner))
}
