//! A conversation in the terms of chat templates: roles `system`, `user`, `assistant` and `tool` instead of the roles
//! and parts of the Gemini API.

use serde_json::{Map, Value};

/// A conversation, and the functions that the model may call in it.
///
/// [`map_texts`](Self::map_texts) must cover each text from a request that becomes part of the prompt, since a text
/// that it misses can forge control tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Conversation {
    /// System instruction; empty if there is none.
    pub(crate) system: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) functions: Vec<Function>,
}

/// A message. A content of the API with several function responses becomes several messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    /// Path of the content in the request, such as `contents[2]`, for error messages.
    pub(crate) path: String,
    pub(crate) body: Body,
}

/// Author and content of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// An instruction in the middle of the conversation.
    System(String),
    /// Text of the user.
    User(String),
    /// A reply of the model.
    Assistant {
        text: String,
        /// Thoughts that led to the text or the calls.
        thoughts: String,
        calls: Vec<Call>,
    },
    /// The result of a call.
    Tool {
        /// Id of the call, if it has one.
        id: Option<String>,
        name: String,
        content: Map<String, Value>,
    },
}

/// A function call of the model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) arguments: Map<String, Value>,
}

/// A function that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    /// Path of the declaration in the request, for error messages.
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// JSON Schema of the arguments, as declared.
    pub(crate) parameters: Value,
}

impl Conversation {
    /// Returns whether functions are declared, called or answered.
    pub(crate) fn uses_functions(&self) -> bool {
        let in_message = |message: &Message| match &message.body {
            Body::Assistant { calls, .. } => !calls.is_empty(),
            Body::Tool { .. } => true,
            Body::System(_) | Body::User(_) => false,
        };
        !self.functions.is_empty() || self.messages.iter().any(in_message)
    }

    /// Calls a function with the texts that become part of the prompt.
    ///
    /// Names of declared functions are left out: they contain only letters, digits and `_-.:`.
    pub(crate) fn visit_texts(&self, visit: &mut dyn FnMut(&str)) {
        visit(&self.system);
        for message in &self.messages {
            match &message.body {
                Body::System(text) | Body::User(text) => visit(text),
                Body::Assistant {
                    text,
                    thoughts,
                    calls,
                } => {
                    visit(text);
                    visit(thoughts);
                    for call in calls {
                        visit(&call.name);
                        visit_members(&call.arguments, visit);
                    }
                }
                Body::Tool { name, content, .. } => {
                    visit(name);
                    visit_members(content, visit);
                }
            }
        }
        for function in &self.functions {
            visit(&function.description);
            visit_json(&function.parameters, visit);
        }
    }

    /// Replaces every text that [`visit_texts`](Self::visit_texts) visits.
    pub(crate) fn map_texts(mut self, map: &dyn Fn(String) -> String) -> Self {
        let apply = |text: &mut String| *text = map(std::mem::take(text));
        apply(&mut self.system);
        for message in &mut self.messages {
            match &mut message.body {
                Body::System(text) | Body::User(text) => apply(text),
                Body::Assistant {
                    text,
                    thoughts,
                    calls,
                } => {
                    apply(text);
                    apply(thoughts);
                    for call in calls {
                        apply(&mut call.name);
                        map_members(&mut call.arguments, map);
                    }
                }
                Body::Tool { name, content, .. } => {
                    apply(name);
                    map_members(content, map);
                }
            }
        }
        for function in &mut self.functions {
            apply(&mut function.description);
            map_json(&mut function.parameters, map);
        }
        self
    }
}

fn visit_members(members: &Map<String, Value>, visit: &mut dyn FnMut(&str)) {
    for (key, value) in members {
        visit(key);
        visit_json(value, visit);
    }
}

fn visit_json(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| visit_json(item, visit)),
        Value::Object(members) => visit_members(members, visit),
        _ => {}
    }
}

fn map_members(members: &mut Map<String, Value>, map: &dyn Fn(String) -> String) {
    // Rebuilt, since the keys of a map cannot be changed in place. The order of the members stays.
    *members = std::mem::take(members)
        .into_iter()
        .map(|(key, mut value)| {
            map_json(&mut value, map);
            (map(key), value)
        })
        .collect();
}

fn map_json(value: &mut Value, map: &dyn Fn(String) -> String) {
    match value {
        Value::String(text) => *text = map(std::mem::take(text)),
        Value::Array(items) => items.iter_mut().for_each(|item| map_json(item, map)),
        Value::Object(members) => map_members(members, map),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_string_is_visited_and_mapped() {
        let message = |body| Message {
            path: "contents[0]".to_owned(),
            body,
        };
        let members = |value: Value| value.as_object().cloned().unwrap();
        let conversation = Conversation {
            system: "a".to_owned(),
            messages: vec![
                message(Body::System("a".to_owned())),
                message(Body::User("a".to_owned())),
                message(Body::Assistant {
                    text: "a".to_owned(),
                    thoughts: "a".to_owned(),
                    calls: vec![Call {
                        id: None,
                        name: "a".to_owned(),
                        arguments: members(json!({ "a": ["a", { "a": "a" }, 1] })),
                    }],
                }),
                message(Body::Tool {
                    id: None,
                    name: "a".to_owned(),
                    content: members(json!({ "a": "a" })),
                }),
            ],
            functions: vec![Function {
                path: String::new(),
                name: "a".to_owned(),
                description: "a".to_owned(),
                parameters: json!({ "a": true }),
            }],
        };

        let mapped = conversation.map_texts(&|text| text + "b");

        let mut texts = Vec::new();
        mapped.visit_texts(&mut |text| texts.push(text.to_owned()));
        assert_eq!(texts, ["ab"; 15]);
    }
}
