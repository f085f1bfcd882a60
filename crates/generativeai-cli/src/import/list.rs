//! Finding the list of messages in a file. Formats are recognized by the names of their members.

use generativeai::ChatSession;
use serde_json::{Map, Value, json};

use crate::conversation;
use crate::exit::UsageError;

/// Description of the known formats, for errors.
pub(super) const EXPECTED: &str = "expected JSON Lines of `genai sessions export`, a file of /save, a list of \
    contents, or an object with `contents` or `messages`";

/// Members that contain the list of messages, in files of the Gemini API and of other programs.
const LISTS: &[&str] = &[
    "contents",
    "history",
    "messages",
    "chat_messages",
    "conversations",
    "chunks",
    "input",
    "items",
];
/// Members that contain the object with that list.
const WRAPPERS: &[&str] = &[
    "chunkedPrompt",
    "conversation",
    "request",
    "generateContentRequest",
    "chat",
];

/// Returns the values of a file with one JSON value on each line. Returns `None` if it has another format.
pub(super) fn json_lines(bytes: &[u8]) -> Option<Vec<Value>> {
    let lines = bytes.split(|&byte| byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    let values: Result<Vec<Value>, _> = lines.map(serde_json::from_slice).collect();
    values.ok().filter(|values| !values.is_empty())
}

/// Finds the list of messages in a file.
pub(super) fn messages(value: Value) -> Result<Vec<Value>, UsageError> {
    match value {
        Value::Array(mut list) => {
            // The list may be one of conversations: exports of ChatGPT and Claude contain all those of an account.
            let is_conversation = |item: &Value| {
                let mut lists = LISTS.iter().filter_map(|name| item.get(name));
                lists.any(Value::is_array) || item.get("mapping").is_some_and(Value::is_object)
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
            let instruction = instruction(&mut object).map(system_message);
            let list = match WRAPPERS.iter().find_map(|name| object.remove(*name)) {
                Some(inner) => messages(inner),
                None => own_messages(object),
            };
            Ok(instruction.into_iter().chain(list?).collect())
        }
        _ => Err(no_messages()),
    }
}

/// Creates the error for a file without any message.
pub(super) fn no_messages() -> UsageError {
    UsageError(format!("the file has no messages: {EXPECTED}"))
}

/// Finds the list of messages in an object without a wrapper.
fn own_messages(mut object: Map<String, Value>) -> Result<Vec<Value>, UsageError> {
    if let Some(Value::Object(tree)) = object.get("mapping") {
        return path_through(tree, object.get("current_node"));
    }
    if object.is_empty() {
        return Err(no_messages());
    }
    if let Some(contents) = with_unfinished(&object) {
        return Ok(contents);
    }
    LISTS
        .iter()
        .find_map(|name| list(&mut object, name))
        .ok_or_else(|| {
            let members: Vec<_> = object.keys().take(5).map(String::as_str).collect();
            let members = members.join("`, `");
            UsageError(format!(
                "the file has no list of messages, only `{members}`: {EXPECTED}"
            ))
        })
}

/// Returns the contents in a file of `/save` with an unfinished turn, including that turn. `None` for any other file.
fn with_unfinished(object: &Map<String, Value>) -> Option<Vec<Value>> {
    object.get("unfinished")?;
    let chat: ChatSession = serde_json::from_value(Value::Object(object.clone())).ok()?;
    let contents = conversation::contents(chat);
    let contents = contents.iter().map(serde_json::to_value);
    contents.collect::<Result<_, _>>().ok()
}

/// Returns the system instruction of a request, of a prompt of AI Studio, or of the model in a file of `/save`. The
/// Responses API calls it `instructions`. An empty one is ignored.
fn instruction(object: &mut Map<String, Value>) -> Option<Value> {
    let names = [
        "systemInstruction",
        "system_instruction",
        "system",
        "instructions",
    ];
    let own = names.iter().find_map(|name| object.remove(*name));
    let of_model = || object.get("model")?.get("systemInstruction").cloned();
    let parts = |value: &Value| value.get("parts").unwrap_or(value).clone();
    let is_empty = |value: &Value| match parts(value) {
        Value::Object(object) => object.is_empty(),
        Value::Array(list) => list.is_empty(),
        text => text.as_str().is_none_or(str::is_empty),
    };
    own.or_else(of_model).filter(|value| !is_empty(value))
}

/// Removes and returns the list with this name. The API accepts a single content instead of a list of contents.
fn list(object: &mut Map<String, Value>, name: &str) -> Option<Vec<Value>> {
    match object.get(name)? {
        Value::Array(_) => object.remove(name)?.as_array_mut().map(std::mem::take),
        Value::Object(_) if name == "contents" => Some(vec![object.remove(name)?]),
        // The Responses API accepts a text instead of a list of messages.
        Value::String(text) if name == "input" => {
            Some(vec![json!({"role": "user", "content": text})])
        }
        _ => None,
    }
}

/// Returns the messages of an export of ChatGPT. It contains a tree with all versions of the conversation; the path
/// from the root to the current node is the version that the user sees. Hidden messages and those of tools are omitted.
fn path_through(
    tree: &Map<String, Value>,
    current: Option<&Value>,
) -> Result<Vec<Value>, UsageError> {
    // Without a current node, the last leaf in the file is used.
    let is_leaf = |node: &Value| node["children"].as_array().is_none_or(Vec::is_empty);
    let leaf = || tree.iter().rev().find(|(_, node)| is_leaf(node));
    let current = current.and_then(Value::as_str);
    let mut at = current.or_else(|| leaf().map(|(id, _)| id.as_str()));
    let mut path = Vec::new();
    while let Some(node) = at.and_then(|id| tree.get(id)) {
        // A path without a cycle contains each node at most once.
        if path.len() > tree.len() {
            return Err(UsageError(
                "the nodes of `mapping` form a cycle: export the conversation again".to_owned(),
            ));
        }
        path.push(node);
        at = node["parent"].as_str();
    }
    let messages = path.into_iter().rev().map(|node| &node["message"]);
    Ok(messages
        .filter(|message| is_visible(message))
        .cloned()
        .collect())
}

/// Returns whether ChatGPT's page shows a message of its export: a text of the user or of the model that is addressed
/// to everyone, not to a tool.
fn is_visible(message: &Value) -> bool {
    let is_of_user_or_model = matches!(
        message["author"]["role"].as_str(),
        Some("user" | "assistant")
    );
    let is_to_all = message["recipient"].as_str().is_none_or(|to| to == "all");
    let kind = message["content"]["content_type"].as_str();
    let is_text = matches!(kind, None | Some("text" | "multimodal_text" | "code"));
    let parts = message["content"]["parts"].as_array();
    let is_empty = parts.is_some_and(|parts| parts.iter().all(|part| part == ""));
    is_of_user_or_model && is_to_all && is_text && !is_empty
}

/// Converts a system instruction to a message, so that both forms are read in one way.
fn system_message(instruction: Value) -> Value {
    let parts = instruction.get("parts").cloned().unwrap_or(instruction);
    json!({ "role": "system", "parts": parts })
}
