//! The errors of the embedded model, as the Gemini API would put them.

use std::time::Duration;

use generativeai::protocol::status::Status;
use generativeai::{Error, ErrorKind};
use serde_json::json;

/// How long a client should wait when too many requests wait already.
const PATIENCE: Duration = Duration::from_secs(1);

/// 400: the request cannot be answered as it stands.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    error(
        ErrorKind::Request,
        status(400, "INVALID_ARGUMENT", message.into()),
    )
}

/// 404: there is no such thing.
pub(crate) fn unknown(message: impl Into<String>) -> Error {
    error(
        ErrorKind::NotFound,
        status(404, "NOT_FOUND", message.into()),
    )
}

/// 429: too many requests wait already.
pub(crate) fn busy() -> Error {
    let message = "too many requests wait for the embedded model: try again soon";
    let mut status = status(429, "RESOURCE_EXHAUSTED", message.to_owned());
    status.details.push(json!({
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": format!("{}s", PATIENCE.as_secs()),
    }));
    error(ErrorKind::RateLimited, status).with_retry_after(PATIENCE)
}

/// 500: the engine failed.
pub(crate) fn broken(message: impl Into<String>) -> Error {
    error(
        ErrorKind::Unavailable,
        status(500, "INTERNAL", message.into()),
    )
}

/// 504: the time was up.
pub(crate) fn late() -> Error {
    let message = "the time was up before the embedded model had finished";
    error(
        ErrorKind::Timeout,
        status(504, "DEADLINE_EXCEEDED", message.to_owned()),
    )
}

fn status(code: i32, name: &str, message: String) -> Status {
    let mut status = Status::default();
    status.code = Some(code);
    status.status = Some(name.to_owned());
    status.message = Some(message);
    status
}

fn error(kind: ErrorKind, status: Status) -> Error {
    let message = status.message.clone().unwrap_or_default();
    Error::new(kind, message).with_status(status)
}
