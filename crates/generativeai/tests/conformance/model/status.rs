//! Errors of the service: status objects and HTTP codes.

use serde_json::{Value, json};

use crate::fault;
use crate::rows::{Row, Rows};

/// Error of an attempt, and whether it may be retried.
pub(super) struct Failure {
    pub(super) fault: Value,
    pub(super) retryable: bool,
}

impl Failure {
    /// Makes a failure that is not retried.
    pub(super) fn last(fault: Value) -> Self {
        Self {
            fault,
            retryable: false,
        }
    }
}

/// Returns the status in a response, or in the first element that has one.
pub(super) fn status_in(value: &Value) -> Option<Value> {
    let holder = match value {
        Value::Array(elements) => elements
            .iter()
            .find(|element| element.get("error").is_some())?,
        value => value,
    };
    holder
        .get("error")
        .filter(|status| !status.is_null())
        .cloned()
}

/// Returns the failure that a status object describes.
pub(super) fn from_status(code: Option<u16>, status: &Value, rows: &Rows) -> Failure {
    let status = match status {
        Value::String(message) => json!({ "message": message }),
        other => other.clone(),
    };
    let effective = code.unwrap_or_else(|| code_of(&status));
    let mut fault = json!({"kind": fault::kind_of(effective)});
    let mut retryable = is_transient(effective);
    if rows.here(Row::D13) {
        if effective == 429 && is_daily_quota(&status) {
            fault = fault::kind("Quota");
            retryable = false;
        } else if is_about_the_key(&status) {
            fault = fault::kind("Authentication");
        }
    }
    if let Some(code) = code {
        fault["http_code"] = code.into();
    }
    if let Some(message) = status["message"].as_str() {
        fault["server_message"] = message.into();
    }
    if status["details"]
        .as_array()
        .is_some_and(|details| !details.is_empty())
    {
        fault["details"] = status["details"].clone();
    }
    if rows.here(Row::D13)
        && let Some(name) = status["status"].as_str()
    {
        fault["status"] = name.into();
    }
    Failure { fault, retryable }
}

/// Returns whether a daily quota is exhausted.
fn is_daily_quota(status: &Value) -> bool {
    let details = status["details"].as_array().into_iter().flatten();
    let violations = details
        .filter_map(|detail| detail["violations"].as_array())
        .flatten();
    violations
        .filter_map(|violation| violation["quotaId"].as_str())
        .any(|id| {
            let id = id.to_lowercase();
            id.contains("perday") || id.contains("per_day") || id.contains("daily")
        })
}

/// Returns whether an API key is missing or invalid.
fn is_about_the_key(status: &Value) -> bool {
    let mut details = status["details"].as_array().into_iter().flatten();
    details.any(|detail| {
        detail["reason"]
            .as_str()
            .is_some_and(|reason| reason.starts_with("API_KEY_"))
    })
}

/// Returns the HTTP code of a status.
fn code_of(status: &Value) -> u16 {
    match (status["code"].as_u64(), status["status"].as_str()) {
        (Some(code @ 300..600), _) => code as u16,
        (_, Some("INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE")) => 400,
        (_, Some("UNAUTHENTICATED")) => 401,
        (_, Some("PERMISSION_DENIED")) => 403,
        (_, Some("NOT_FOUND")) => 404,
        (_, Some("ABORTED" | "ALREADY_EXISTS")) => 409,
        (_, Some("RESOURCE_EXHAUSTED")) => 429,
        (_, Some("CANCELLED")) => 499,
        (_, Some("UNIMPLEMENTED")) => 501,
        (_, Some("UNAVAILABLE")) => 503,
        (_, Some("DEADLINE_EXCEEDED")) => 504,
        _ => 500,
    }
}

/// Returns whether a retry may help.
pub(super) fn is_transient(code: u16) -> bool {
    matches!(
        code,
        408 | 429 | 499 | 500 | 502 | 503 | 504 | 520..=524 | 529
    )
}
