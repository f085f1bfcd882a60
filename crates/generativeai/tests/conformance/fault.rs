//! Errors in the form in which they are compared: kind, code, message of the server, payload. The wording is
//! never compared (D20).

use serde_json::{Map, Value, json};

/// Returns an error that consists of a kind.
pub(crate) fn kind(kind: &str) -> Value {
    json!({ "kind": kind })
}

/// Returns the error of an accident of Python, such as an `IndexError`.
pub(crate) fn accident() -> Value {
    kind("Accident")
}

/// Returns the error of an invalid request.
pub(crate) fn request() -> Value {
    kind("Request")
}

/// Returns the error of a response that is not complete yet.
pub(crate) fn incomplete() -> Value {
    kind("Incomplete")
}

/// Returns the error that a stream of the Python SDK starts with, whatever the service sent.
pub(crate) fn unknown_stream() -> Value {
    kind("Unknown")
}

pub(crate) fn blocked(feedback: &Value) -> Value {
    json!({"kind": "Blocked", "payload": crate::normal::canonical(feedback)})
}

pub(crate) fn stopped(candidate: &Value) -> Value {
    json!({"kind": "Stopped", "payload": crate::normal::canonical(candidate)})
}

/// Returns the error kind for an HTTP code.
pub(crate) fn kind_of(code: u16) -> &'static str {
    match code {
        300..=399 => "Configuration",
        401 | 403 => "Authentication",
        402 => "Quota",
        404 => "NotFound",
        408 | 504 | 524 => "Timeout",
        429 => "RateLimited",
        501 => "Unsupported",
        499..=599 => "Unavailable",
        _ => "Request",
    }
}

/// Converts a recorded error of a call, such as sending a message.
pub(crate) fn of_call(error: &Value) -> Value {
    recorded(error, |error, class| match class {
        _ if is_set(error, "message_is_python") => accident(),
        "ValueError" | "TypeError" | "KeyError" => request(),
        unknown => kind(unknown),
    })
}

/// Converts a recorded error of an accessor, such as `text`.
pub(crate) fn of_accessor(error: &Value) -> Value {
    recorded(error, |_, _| kind("NoText"))
}

/// Converts a recorded error. `other` converts an error whose class does not determine its kind.
fn recorded(error: &Value, other: fn(&Value, &str) -> Value) -> Value {
    let member = |name: &str| error.get(name);
    let class = member("kind").and_then(Value::as_str).unwrap_or_default();
    if is_set(error, "kind_is_python") {
        return accident();
    }
    if let Some(code) = member("http_code").and_then(Value::as_u64) {
        return recorded_http(error, code as u16);
    }
    match class {
        "BlockedPromptException" => {
            let payload = &error["payload"];
            blocked(payload.get("promptFeedback").unwrap_or(payload))
        }
        "StopCandidateException" => stopped(&error["payload"]),
        "BrokenResponseError" => {
            json!({"kind": "Broken", "cause": of_call(&error["cause"])["kind"]})
        }
        "IncompleteIterationError" => incomplete(),
        "NotImplementedError" => kind("Unsupported"),
        "RuntimeError" => kind("Function"),
        class => other(error, class),
    }
}

fn is_set(error: &Value, name: &str) -> bool {
    error[name] == true
}

fn recorded_http(error: &Value, code: u16) -> Value {
    let message = error["server_message"].as_str().unwrap_or_default();
    if message.starts_with("Unknown error trying to retrieve streaming response") {
        return unknown_stream();
    }
    let mut neutral = Map::new();
    neutral.insert("kind".into(), kind_of(code).into());
    neutral.insert("http_code".into(), code.into());
    if message != "unknown error" {
        neutral.insert("server_message".into(), message.into());
    }
    if let Some(details) = error
        .get("details")
        .filter(|details| **details != json!([]))
    {
        neutral.insert("details".into(), details.clone());
    }
    Value::Object(neutral)
}
