//! Errors of the library in the form in which they are compared.

use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::fault;

/// Converts an error: kind, code, message of the server, payload.
pub(super) fn neutral(error: &Error) -> Value {
    let response = || json!(error.response());
    match error.kind() {
        ErrorKind::Blocked => return fault::blocked(&response()["promptFeedback"]),
        ErrorKind::Stopped => return fault::stopped(&response()["candidates"][0]),
        _ => {}
    }
    let mut neutral = fault::kind(&format!("{:?}", error.kind()));
    if let Some(code) = error.http_code() {
        neutral["http_code"] = code.into();
    }
    match (error.status(), error.http_code()) {
        (Some(status), _) => {
            if let Some(message) = &status.message {
                neutral["server_message"] = message.as_str().into();
            }
            if !status.details.is_empty() {
                neutral["details"] = json!(status.details);
            }
            if let Some(name) = &status.status {
                neutral["status"] = name.as_str().into();
            }
        }
        (None, Some(code)) if code >= 400 => {
            // The text of a body that is not a status follows the code.
            let said = error.to_string();
            let said = said.strip_prefix(&format!("{code}: ")).unwrap_or(&said);
            if said != "empty response" {
                neutral["server_message"] = said.into();
            }
        }
        _ => {}
    }
    neutral
}

/// Returns the text of a response, or the error that it has none.
pub(super) fn text(response: &GenerateContentResponse) -> Value {
    match response.text() {
        Ok(text) => json!({ "ok": text }),
        Err(error) => json!({"error": no_text(response, &error)}),
    }
}

/// Converts the error of an accessor. It must contain the finish reason of a response without parts, or the
/// reason why the prompt was blocked.
pub(super) fn no_text(response: &GenerateContentResponse, error: &Error) -> Value {
    let candidate = response.candidates.first();
    let without_parts = candidate.filter(|one| {
        response.candidates.len() == 1
            && one
                .content
                .as_ref()
                .is_none_or(|content| content.parts.is_empty())
    });
    let reason = match candidate {
        Some(_) => {
            without_parts.and_then(|one| json!(one)["finishReason"].as_str().map(str::to_owned))
        }
        None => response
            .block_reason()
            .map(|reason| reason.as_str().to_owned()),
    };
    match reason {
        Some(reason) if !error.to_string().contains(&reason) => {
            json!({"kind": "NoText", "does_not_name": reason})
        }
        _ => fault::kind("NoText"),
    }
}
