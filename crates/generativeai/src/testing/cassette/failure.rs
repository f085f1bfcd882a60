//! An error as it stands in a cassette, and as it is given again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Attempt, Error, ErrorKind};
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::status::Status;

/// All that an [`Error`] tells. Of its causes the words are kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Failure {
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
    attempts: Vec<Try>,
}

/// An [`Attempt`].
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Try {
    outcome: String,
    took_ms: u64,
    waited_ms: u64,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let attempts = error.attempts().iter().map(|attempt| Try {
            outcome: attempt.outcome.clone(),
            took_ms: milliseconds(attempt.took),
            waited_ms: milliseconds(attempt.waited),
        });
        Self {
            kind: error.kind(),
            message: error.to_string(),
            cause: causes(error),
            http_code: error.http_code(),
            status: error.status().cloned(),
            response: error.response().cloned(),
            retry_after_ms: error.retry_after().map(milliseconds),
            attempts: attempts.collect(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let attempts = (1..).zip(failure.attempts).map(|(number, tried)| {
            let [took, waited] = [tried.took_ms, tried.waited_ms].map(Duration::from_millis);
            Attempt::new(number, tried.outcome, took, waited)
        });
        let mut error = Self::new(failure.kind, failure.message).with_attempts(attempts.collect());
        if let Some(cause) = failure.cause {
            error = error.with_source(cause);
        }
        if let Some(code) = failure.http_code {
            error = error.with_http_code(code);
        }
        if let Some(status) = failure.status {
            error = error.with_status(status);
        }
        if let Some(response) = failure.response {
            error = error.with_response(response);
        }
        if let Some(wait) = failure.retry_after_ms {
            error = error.with_retry_after(Duration::from_millis(wait));
        }
        error
    }
}

/// The causes of an error, from the nearest to the root.
fn causes(error: &Error) -> Option<String> {
    let words: Vec<String> = error.causes().map(ToString::to_string).collect();
    (!words.is_empty()).then(|| words.join(": "))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
