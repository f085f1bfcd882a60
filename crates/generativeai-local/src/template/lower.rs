//! Converts a conversation to the `messages` and `tools` of a chat template.

use std::collections::VecDeque;
use std::fmt::Write as _;

use minijinja::Value as TemplateValue;
use minijinja::value::Serde;
use serde_json::{Map, Value, json};

use crate::call_syntax::CallSyntax;
use crate::conversation::{Body, Call, Conversation, Function};

use super::python::{self, Style};

/// Form in which a conversation is passed to a template. Templates differ in the forms that they accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Whether functions, calls and responses are passed in `tools`, `tool_calls` and messages with the role `tool`.
    /// Otherwise they are text in messages.
    pub(super) native_tools: bool,
    /// Whether each call has its own message, in front of its response. Some templates accept a single call in a
    /// message, or leave out the text beside a call.
    pub(super) split_calls: bool,
    /// Whether text is passed as a list of typed pieces, as for models that also read images. Otherwise it is a string.
    pub(super) typed_content: bool,
    /// Whether system instructions have their own messages. Otherwise they are text of the user.
    pub(super) system_role: bool,
}

/// Tag before the result of a function, where results are passed as text.
const RESPONSE_OPEN: &str = "<tool_response>";
/// Tag after the result of a function, where results are passed as text.
const RESPONSE_CLOSE: &str = "</tool_response>";

/// Tags that occur in the prompt if functions, calls and responses are passed as text.
pub(super) const TEXT_TAGS: [&str; 6] = [
    "<tools>",
    "</tools>",
    "<tool_call>",
    "</tool_call>",
    RESPONSE_OPEN,
    RESPONSE_CLOSE,
];

/// Messages in the form that templates take.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) messages: Vec<Value>,
    /// Path in the request at which each message begins, for error messages.
    pub(super) paths: Vec<String>,
}

/// Converts the messages of a conversation.
pub(super) fn messages(conversation: &Conversation, form: Form) -> Lowered {
    let mut messages = Messages::default();
    let mut system = conversation.system.clone();
    let system_role = if form.system_role { "system" } else { "user" };
    if !form.native_tools && !conversation.functions.is_empty() {
        if !system.is_empty() {
            system.push_str("\n\n");
        }
        system.push_str(&instructions(&conversation.functions));
    }
    if !system.is_empty() {
        messages.path = "systemInstruction".to_owned();
        messages.push_text(system_role, &system);
    }
    let mut ids = Ids::default();
    for message in &conversation.messages {
        messages.path.clone_from(&message.path);
        match &message.body {
            Body::System(text) => messages.push_text(system_role, text),
            Body::User(text) => messages.push_text("user", text),
            Body::Assistant {
                text,
                thoughts,
                calls,
            } => {
                messages.push_reply(text, thoughts);
                match form.native_tools {
                    true => messages.push_calls(calls, &mut ids),
                    false => messages.push_calls_as_text(calls),
                }
            }
            Body::Tool { id, name, content } if form.native_tools => {
                messages.push(json!({
                    "role": "tool",
                    "name": name,
                    "tool_call_id": ids.of_response(id.as_deref(), name),
                    "content": to_json(content),
                }));
            }
            Body::Tool { name, content, .. } => {
                let response = to_json(&json!({ "name": name, "content": content }));
                let text = format!("{RESPONSE_OPEN}\n{response}\n{RESPONSE_CLOSE}");
                messages.push_line("user", &text);
            }
        }
    }
    if form.split_calls {
        messages.split_calls();
    }
    messages.finish(form.typed_content)
}

/// Returns the functions in the form that templates take.
pub(super) fn tools(functions: &[Function]) -> Value {
    functions.iter().map(tool).collect()
}

fn tool(function: &Function) -> Value {
    json!({ "type": "function", "function": {
        "name": function.name,
        "description": function.description,
        "parameters": function.parameters,
    } })
}

/// Returns the instructions for templates that do not support functions. Many small models were trained with this form
/// of instructions and calls.
fn instructions(functions: &[Function]) -> String {
    let mut text = "You can call these functions:\n<tools>\n".to_owned();
    for function in functions {
        writeln!(text, "{}", to_json(&tool(function))).expect("writing to a string cannot fail");
    }
    let example = CallSyntax::default().write("<name>", "<arguments>");
    text.push_str(
        "</tools>\nTo call a function, write its name and arguments as JSON in this form:\n",
    );
    text.push_str(&example);
    text
}

/// Serializes JSON with the spaces that Python writes, since models were trained on that.
pub(super) fn to_json(value: &impl serde::Serialize) -> String {
    let value = TemplateValue::from(Serde(value));
    let mut text = String::new();
    let written = python::write(&value, &Style::default(), &mut text);
    written.map(|()| text).unwrap_or_default()
}

/// Messages under construction. Neighbouring text of one role becomes one message, since many templates
/// require the roles to alternate.
#[derive(Default)]
struct Messages {
    list: Vec<Map<String, Value>>,
    paths: Vec<String>,
    /// Path of the message that is added next.
    path: String,
}

impl Messages {
    fn push(&mut self, message: Value) {
        if let Value::Object(message) = message {
            self.list.push(message);
            self.paths.push(self.path.clone());
        }
    }

    /// Adds the text. After a text of the user, a further one becomes a new paragraph. After a text of the model, a
    /// further one continues the reply, since clients store each chunk of a streamed reply as a content.
    fn push_text(&mut self, role: &str, text: &str) {
        let separator = if role == "assistant" { "" } else { "\n\n" };
        self.push_separated(role, text, separator);
    }

    /// Adds the text on a separate line.
    fn push_line(&mut self, role: &str, text: &str) {
        self.push_separated(role, text, "\n");
    }

    /// Appends the text to the last message if it has this role; otherwise adds a message.
    fn push_separated(&mut self, role: &str, text: &str, separator: &str) {
        let last = self.list.last_mut().filter(|last| last["role"] == role);
        match last.and_then(|last| last.get_mut("content")) {
            Some(Value::String(content)) => {
                if !content.is_empty() {
                    content.push_str(separator);
                }
                content.push_str(text);
            }
            _ => self.push(json!({ "role": role, "content": text })),
        }
    }

    /// Adds the text of the model, and the thoughts that led to it as `reasoning_content`, the member that most
    /// templates of thinking models read.
    fn push_reply(&mut self, text: &str, thoughts: &str) {
        self.push_text("assistant", text);
        let Some(message) = self.list.last_mut().filter(|_| !thoughts.is_empty()) else {
            return;
        };
        match message.get_mut("reasoning_content") {
            Some(Value::String(before)) => before.push_str(thoughts),
            _ => {
                message.insert("reasoning_content".to_owned(), thoughts.into());
            }
        }
    }

    /// Adds calls to the last message, which is one of the model: `push_reply` comes first, and adds a message even for
    /// an empty text.
    fn push_calls(&mut self, calls: &[Call], ids: &mut Ids) {
        let Some(message) = self.list.last_mut().filter(|_| !calls.is_empty()) else {
            return;
        };
        let calls = calls.iter().map(|call| {
            json!({ "id": ids.of_call(call), "type": "function", "function": {
                "name": call.name,
                "arguments": call.arguments,
            } })
        });
        let list = message.entry("tool_calls").or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.extend(calls);
        }
    }

    /// Adds calls as text, each on a separate line.
    fn push_calls_as_text(&mut self, calls: &[Call]) {
        for call in calls {
            let text = CallSyntax::default().write(&call.name, &to_json(&call.arguments));
            self.push_line("assistant", &text);
        }
    }

    /// Splits messages with calls: their text, and each call with its response.
    fn split_calls(&mut self) {
        let list = std::mem::take(&mut self.list);
        let mut rest: VecDeque<_> = list
            .into_iter()
            .zip(std::mem::take(&mut self.paths))
            .collect();
        let mut split = Vec::new();
        while let Some((mut message, path)) = rest.pop_front() {
            let Some(Value::Array(calls)) = message.remove("tool_calls") else {
                split.push((message, path));
                continue;
            };
            let mut thoughts = message.remove("reasoning_content");
            if message.get("content").is_some_and(|text| text != "") {
                split.push((message, path.clone()));
            }
            for call in calls {
                let is_response = |(message, _): &(Map<String, Value>, _)| {
                    message
                        .get("tool_call_id")
                        .is_some_and(|id| *id == call["id"])
                };
                let response = rest.iter().position(is_response);
                let mut message = Map::new();
                message.insert("role".to_owned(), "assistant".into());
                message.insert("content".to_owned(), "".into());
                message.extend(
                    thoughts
                        .take()
                        .map(|it| ("reasoning_content".to_owned(), it)),
                );
                message.insert("tool_calls".to_owned(), json!([call]));
                split.push((message, path.clone()));
                split.extend(response.and_then(|at| rest.remove(at)));
            }
        }
        (self.list, self.paths) = split.into_iter().unzip();
    }

    /// Returns the messages, with their contents as strings or as typed pieces.
    fn finish(self, typed_content: bool) -> Lowered {
        let typed = |mut message: Map<String, Value>| {
            // gpt-oss reads `thinking`, and rejects a call with both text and `thinking`.
            if message.get("content").is_some_and(|text| text == "")
                && let Some(thoughts) = message.get("reasoning_content").cloned()
            {
                message.insert("thinking".to_owned(), thoughts);
            }
            if let Some(content) = message.get_mut("content")
                && typed_content
            {
                *content = json!([{ "type": "text", "text": content.take() }]);
            }
            Value::Object(message)
        };
        Lowered {
            messages: self.list.into_iter().map(typed).collect(),
            paths: self.paths,
        }
    }
}

/// Ids of calls in the prompt: nine letters and digits, since the templates of Mistral models accept nothing else. In
/// the API, ids are optional and may be any text.
#[derive(Default)]
struct Ids {
    /// Number of calls so far.
    count: usize,
    /// Calls that have no response yet, oldest first: name, id in the request, and id in the prompt.
    pending: Vec<(String, Option<String>, String)>,
}

impl Ids {
    /// Returns the id of a call, and records it for the response.
    fn of_call(&mut self, call: &Call) -> String {
        self.count += 1;
        let own = call.id.clone().filter(|id| is_accepted(id));
        let id = own.unwrap_or_else(|| format!("call{:05}", self.count));
        self.pending
            .push((call.name.clone(), call.id.clone(), id.clone()));
        id
    }

    /// Returns the id of a response: that of the call with its id, or else of the oldest pending call of the function.
    fn of_response(&mut self, id: Option<&str>, name: &str) -> String {
        let at = self.pending.iter().position(|(called, own, _)| match id {
            Some(id) => own.as_deref() == Some(id),
            None => called == name,
        });
        let pending = at.map(|at| self.pending.remove(at).2);
        let own = || id.filter(|id| is_accepted(id)).map(str::to_owned);
        pending
            .or_else(own)
            .unwrap_or_else(|| "call00000".to_owned())
    }
}

/// Returns whether every template accepts an id.
fn is_accepted(id: &str) -> bool {
    id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
