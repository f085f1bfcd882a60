//! Serialized form of an error in a cassette.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Attempt, Error, ErrorKind};
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::status::Status;

/// Serialized form of an [`Error`].
///
/// It contains everything that the error reports, so that a program reacts to it as to the original. The types of the
/// causes are lost: one cause contains all their messages.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RecordedError {
    kind: ErrorKind,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http_code: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<GenerateContentResponse>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<RecordedAttempt>,
}

/// Serialized form of an [`Attempt`].
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RecordedAttempt {
    outcome: String,
    took_ms: u64,
    waited_ms: u64,
}

impl From<&Error> for RecordedError {
    fn from(error: &Error) -> Self {
        let attempts = error.attempts().iter().map(|attempt| RecordedAttempt {
            outcome: attempt.outcome.clone(),
            took_ms: milliseconds(attempt.took),
            waited_ms: milliseconds(attempt.waited),
        });
        Self {
            kind: error.kind(),
            message: error.to_string(),
            cause: error.joined_causes(),
            http_code: error.http_code(),
            status: error.status().cloned(),
            response: error.response().cloned(),
            retry_after_ms: error.retry_after().map(milliseconds),
            attempts: attempts.collect(),
        }
    }
}

impl From<RecordedError> for Error {
    fn from(recorded: RecordedError) -> Self {
        let attempts = (1..).zip(recorded.attempts).map(|(number, attempt)| {
            let [took, waited] = [attempt.took_ms, attempt.waited_ms].map(Duration::from_millis);
            Attempt::new(number, attempt.outcome, took, waited)
        });
        let mut error =
            Self::new(recorded.kind, recorded.message).with_attempts(attempts.collect());
        if let Some(cause) = recorded.cause {
            error = error.with_source(cause);
        }
        if let Some(code) = recorded.http_code {
            error = error.with_http_code(code);
        }
        if let Some(status) = recorded.status {
            error = error.with_status(status);
        }
        if let Some(response) = recorded.response {
            error = error.with_response(response);
        }
        if let Some(wait) = recorded.retry_after_ms {
            error = error.with_retry_after(Duration::from_millis(wait));
        }
        error
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
