//! Errors with the status codes and names that the Gemini API uses, so that programs and the server treat them like
//! errors of the service.

use std::time::Duration;

use generativeai::protocol::status::Status;
use generativeai::{Error, ErrorKind};

/// Delay after which a rejected request may be retried.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Creates a 400: the request is invalid, or needs a feature that the embedded model does not have.
///
/// The message must name the member of the request and what to do.
pub(crate) fn invalid_argument(message: impl Into<String>) -> Error {
    error(ErrorKind::Request, 400, message)
}

/// Creates a 404: the request names something that does not exist.
pub(crate) fn not_found(message: impl Into<String>) -> Error {
    error(ErrorKind::NotFound, 404, message)
}

/// Creates a 429: the queue is full.
pub(crate) fn resource_exhausted() -> Error {
    let message = "the queue of the embedded model is full: retry in a second";
    // The delay is given twice: callers in this process read it from the error, clients of the server from the status.
    let status = Status::from_http_code(429, message).with_retry_delay(RETRY_DELAY);
    let error = Error::new(ErrorKind::RateLimited, message);
    error.with_status(status).with_retry_after(RETRY_DELAY)
}

/// Creates a 500: the engine failed.
pub(crate) fn internal(message: impl Into<String>) -> Error {
    error(ErrorKind::Unavailable, 500, message)
}

/// Creates a 504: the timeout of the request expired.
pub(crate) fn deadline_exceeded() -> Error {
    let message = "the timeout expired before the embedded model finished";
    error(ErrorKind::Timeout, 504, message)
}

fn error(kind: ErrorKind, code: u16, message: impl Into<String>) -> Error {
    let message = message.into();
    let status = Status::from_http_code(code, message.clone());
    Error::new(kind, message).with_status(status)
}
