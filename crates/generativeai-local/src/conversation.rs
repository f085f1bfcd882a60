//! A conversation in the terms of chat templates: roles `system`, `user`, `assistant` and `tool` instead of the roles
//! and parts of the Gemini API.

use serde_json::{Map, Value};

/// A conversation, and the functions that the model may call in it.
///
/// [`visit_texts`](Self::visit_texts) must cover each text from a request that becomes part of the prompt, since a text
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

    /// Calls a function with every text that becomes part of the prompt, ids included: templates render them. The
    /// function may change the text.
    ///
    /// Names of declared functions are left out: they contain only letters, digits and `_-.:`.
    pub(crate) fn visit_texts(&mut self, visit: &mut dyn FnMut(&mut String)) {
        visit(&mut self.system);
        for message in &mut self.messages {
            match &mut message.body {
                Body::System(text) | Body::User(text) => visit(text),
                Body::Assistant {
                    text,
                    thoughts,
                    calls,
                } => {
                    visit(text);
                    visit(thoughts);
                    for call in calls {
                        visit_call(&mut call.id, &mut call.name, &mut call.arguments, visit);
                    }
                }
                Body::Tool { id, name, content } => visit_call(id, name, content, visit),
            }
        }
        for function in &mut self.functions {
            visit(&mut function.description);
            visit_json(&mut function.parameters, visit);
        }
    }
}

/// Visits the texts of a call, or of the response to one.
fn visit_call(
    id: &mut Option<String>,
    name: &mut String,
    members: &mut Map<String, Value>,
    visit: &mut dyn FnMut(&mut String),
) {
    if let Some(id) = id {
        visit(id);
    }
    visit(name);
    visit_members(members, visit);
}

fn visit_members(members: &mut Map<String, Value>, visit: &mut dyn FnMut(&mut String)) {
    // Rebuilt, since the keys of a map cannot be changed in place. The order of the members stays.
    *members = std::mem::take(members)
        .into_iter()
        .map(|(mut key, mut value)| {
            visit(&mut key);
            visit_json(&mut value, visit);
            (key, value)
        })
        .collect();
}

fn visit_json(value: &mut Value, visit: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter_mut().for_each(|item| visit_json(item, visit)),
        Value::Object(members) => visit_members(members, visit),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_string_is_visited_and_can_be_changed() {
        let message = |body| Message {
            path: "contents[0]".to_owned(),
            body,
        };
        let members = |value: Value| value.as_object().cloned().unwrap();
        let mut conversation = Conversation {
            system: "a".to_owned(),
            messages: vec![
                message(Body::System("a".to_owned())),
                message(Body::User("a".to_owned())),
                message(Body::Assistant {
                    text: "a".to_owned(),
                    thoughts: "a".to_owned(),
                    calls: vec![Call {
                        id: Some("a".to_owned()),
                        name: "a".to_owned(),
                        arguments: members(json!({ "a": ["a", { "a": "a" }, 1] })),
                    }],
                }),
                message(Body::Tool {
                    id: Some("a".to_owned()),
                    name: "a".to_owned(),
                    content: members(json!({ "a": "a" })),
                }),
            ],
            functions: vec![Function {
                name: "a".to_owned(),
                description: "a".to_owned(),
                parameters: json!({ "a": true }),
            }],
        };

        conversation.visit_texts(&mut |text| text.push('b'));

        let mut texts = Vec::new();
        conversation.visit_texts(&mut |text| texts.push(text.clone()));
        assert_eq!(texts, ["ab"; 17]);
    }
}
