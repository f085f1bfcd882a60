//! Prompts and replies as JSON messages, as OpenTelemetry's conventions define them.
//!
//! ```json
//! [{"role": "user", "parts": [{"type": "text", "content": "How tall is Ben Nevis?"}]}]
//! ```

use serde_json::{Value, json};

use crate::protocol::content::{Content, Data, Part, Role};
use crate::protocol::response::Candidate;

/// Returns the messages of a request.
pub(super) fn input<'a>(contents: impl Iterator<Item = &'a Content>) -> String {
    let messages: Value = contents.map(message).collect();
    messages.to_string()
}

/// Returns the messages of a reply.
pub(super) fn output(candidates: &[Candidate]) -> String {
    let empty = Content::default();
    let messages = candidates.iter().map(|candidate| {
        let mut message = message(candidate.content.as_ref().unwrap_or(&empty));
        message["role"] = "assistant".into();
        if let Some(reason) = &candidate.finish_reason {
            message["finish_reason"] = reason.as_str().into();
        }
        message
    });
    messages.collect::<Value>().to_string()
}

/// Returns the parts of a content.
pub(super) fn parts(content: &Content) -> String {
    let parts: Value = content.parts.iter().map(part).collect();
    parts.to_string()
}

fn message(content: &Content) -> Value {
    let is_response = |part: &Part| matches!(part.data, Some(Data::FunctionResponse(_)));
    let role = match &content.role {
        Some(Role::Model) => "assistant",
        // The API sends function responses with the role of the user. The conventions have a role for them.
        _ if content.parts.iter().any(is_response) => "tool",
        Some(role) => role.as_str(),
        None => "user",
    };
    let parts: Value = content.parts.iter().map(part).collect();
    json!({ "role": role, "parts": parts })
}

/// Converts a part. Only the kind of media and code is recorded.
fn part(part: &Part) -> Value {
    match &part.data {
        Some(Data::Text(text)) if part.is_thought() => {
            json!({ "type": "reasoning", "content": text })
        }
        Some(Data::Text(text)) => json!({ "type": "text", "content": text }),
        Some(Data::FunctionCall(call)) => json!({
            "type": "tool_call", "id": call.id, "name": call.name, "arguments": call.args,
        }),
        Some(Data::FunctionResponse(response)) => json!({
            "type": "tool_call_response", "id": response.id, "response": response.response,
        }),
        Some(Data::InlineData(blob)) => json!({ "type": "blob", "mime_type": blob.mime_type }),
        _ => json!({ "type": part.kind() }),
    }
}
