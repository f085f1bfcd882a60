//! What went wrong with an answer: a code and a body become an error.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use super::secret::Secret;
use crate::error::{self, Error, ErrorKind};
use crate::protocol::status::Status;

/// The longest part of a server's message that an error's own message repeats, in characters.
const LONGEST_MESSAGE: usize = 1_000;

/// How much of a body that is not in the language of the API an error shows, in characters.
const LONGEST_EXCERPT: usize = 200;

/// An attempt that failed: why, and whether another may help.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) again: bool,
}

impl From<Error> for Failure {
    /// What another attempt cannot mend.
    fn from(error: Error) -> Self {
        Self {
            error,
            again: false,
        }
    }
}

impl Failure {
    /// A failure that another attempt may mend.
    pub(super) fn passing(error: Error) -> Self {
        Self { error, again: true }
    }

    /// The answer to a request had a code that is none of success.
    pub(super) fn refused(
        code: u16,
        body: &[u8],
        asked: Option<Duration>,
        secrets: &[Secret],
    ) -> Self {
        let body = clean(body, secrets);
        let failure = match status_in(&body) {
            Some(status) => Self::told(Some(code), status),
            None => {
                let excerpt = match excerpt(&body).as_str() {
                    "" => "an empty answer".to_owned(),
                    text => text.to_owned(),
                };
                let kind = ErrorKind::from_http_code(code);
                Self {
                    error: Error::new(kind, format!("{code}: {excerpt}")),
                    again: error::is_transient(code),
                }
            }
        };
        let longest = asked.max(failure.error.retry_after());
        let error = failure.error.with_http_code(code);
        Self {
            error: with_retry_after(error, longest),
            ..failure
        }
    }

    /// The answer told of success and held an error. `None` if this JSON is none.
    pub(super) fn in_answer(json: &[u8], secrets: &[Secret]) -> Option<Self> {
        let json = clean(json, secrets);
        Some(Self::told(None, status_in(&json)?))
    }

    /// The service told what is wrong; `code` is that of the answer, if it was none of success.
    fn told(code: Option<u16>, status: Status) -> Self {
        let code = code.or_else(|| error::http_code_of(&status)).unwrap_or(500);
        let mut message = code.to_string();
        if let Some(name) = &status.status {
            message.push(' ');
            message.push_str(name);
        }
        if let Some(said) = status.message.as_deref().filter(|said| !said.is_empty()) {
            message.push_str(": ");
            message.push_str(&shortened(said, LONGEST_MESSAGE));
        }
        let mut kind = ErrorKind::from_http_code(code);
        let mut again = error::is_transient(code);
        if code == 429 && status.is_daily_quota() {
            (kind, again) = (ErrorKind::Quota, false);
        } else if is_about_the_key(&status) {
            kind = ErrorKind::Authentication;
        }
        let asked = status.retry_delay();
        let error = Error::new(kind, message).with_status(status);
        Self {
            error: with_retry_after(error, asked),
            again,
        }
    }
}

/// The beginning of a body as one line of text, without control characters.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * LONGEST_EXCERPT)]);
    let words: Vec<&str> = text
        .split(|char: char| char.is_whitespace() || char.is_control())
        .collect();
    let line = words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    shortened(&line, LONGEST_EXCERPT).into_owned()
}

/// A body without the keys it repeats.
pub(super) fn clean<'body>(body: &'body [u8], secrets: &[Secret]) -> Cow<'body, [u8]> {
    secrets
        .iter()
        .fold(Cow::Borrowed(body), |body, secret| secret.hidden_in(body))
}

fn with_retry_after(error: Error, wait: Option<Duration>) -> Error {
    match wait {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// The status in an error object, alone or in an array.
fn status_in(json: &[u8]) -> Option<Status> {
    let mut value: Value = serde_json::from_slice(json).ok()?;
    if let Value::Array(elements) = value {
        value = elements
            .into_iter()
            .find(|element| element.get("error").is_some())?;
    }
    match value.get_mut("error")?.take() {
        Value::String(message) => Some(Status {
            message: Some(message),
            ..Status::default()
        }),
        Value::Null => None,
        // A status whose members have other types than the API's is shown as it came.
        error => Some(
            serde_json::from_value(error.clone()).unwrap_or_else(|_| Status {
                message: Some(error.to_string()),
                ..Status::default()
            }),
        ),
    }
}

fn is_about_the_key(status: &Status) -> bool {
    status.details.iter().any(|detail| {
        let reason = detail.get("reason").and_then(Value::as_str);
        reason.is_some_and(|reason| reason.starts_with("API_KEY_"))
    })
}

fn shortened(text: &str, longest: usize) -> Cow<'_, str> {
    match text.char_indices().nth(longest) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

#[cfg(test)]
mod tests;
