//! What went wrong, as the service tells it: a code, its name, a message, details.

use std::error::Error as _;
use std::time::Duration;

use axum::http::StatusCode;
use generativeai::protocol::status::{ErrorBody, Status};
use generativeai::{Error, ErrorKind};
use serde_json::{Value, json};

/// A code of HTTP, and the name the service gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u16, &'static str);

impl Code {
    pub(crate) const INVALID: Self = Self(400, "INVALID_ARGUMENT");
    pub(crate) const UNAUTHENTICATED: Self = Self(401, "UNAUTHENTICATED");
    pub(crate) const FORBIDDEN: Self = Self(403, "PERMISSION_DENIED");
    pub(crate) const NOT_FOUND: Self = Self(404, "NOT_FOUND");
    pub(crate) const METHOD: Self = Self(405, "UNIMPLEMENTED");
    pub(crate) const SLOW: Self = Self(408, "DEADLINE_EXCEEDED");
    pub(crate) const TOO_LARGE: Self = Self(413, "INVALID_ARGUMENT");
    pub(crate) const ENCODING: Self = Self(415, "INVALID_ARGUMENT");
    pub(crate) const EXHAUSTED: Self = Self(429, "RESOURCE_EXHAUSTED");
    pub(crate) const HEAD_TOO_LARGE: Self = Self(431, "INVALID_ARGUMENT");
    pub(crate) const INTERNAL: Self = Self(500, "INTERNAL");
    pub(crate) const UNIMPLEMENTED: Self = Self(501, "UNIMPLEMENTED");
    pub(crate) const UNAVAILABLE: Self = Self(503, "UNAVAILABLE");
    pub(crate) const DEADLINE: Self = Self(504, "DEADLINE_EXCEEDED");
}

/// Why a request is not answered.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    code: u16,
    status: Box<Status>,
    /// The methods that would do, for 405.
    pub(crate) allow: Option<&'static str>,
    /// Whether the connection is of no more use, because a part of the request was not read.
    pub(crate) closes: bool,
}

impl Failure {
    pub(crate) fn new(Code(code, name): Code, message: impl Into<String>) -> Self {
        let mut status = Status::default();
        status.code = Some(i32::from(code));
        status.message = Some(message.into());
        status.status = Some(name.to_owned());
        Self {
            code,
            status: Box::new(status),
            allow: None,
            closes: false,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::INVALID, message)
    }

    /// Too much is asked at once: try again after that time.
    pub(crate) fn busy(message: impl Into<String>, again: Duration) -> Self {
        Self::new(Code::EXHAUSTED, message).detail(retry_info(again))
    }

    /// The program itself failed.
    pub(crate) fn panicked() -> Self {
        Self::new(
            Code::INTERNAL,
            "the server panicked while answering; its log says why",
        )
    }

    pub(crate) fn detail(mut self, detail: Value) -> Self {
        self.status.details.push(detail);
        self
    }

    /// Says that the connection ends with this answer.
    pub(crate) fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    pub(crate) fn code(&self) -> StatusCode {
        StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The body of an answer that tells it.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut body = ErrorBody::default();
        body.error = Some((*self.status).clone());
        serde_json::to_vec(&body).unwrap_or_else(|_| br#"{"error":{"code":500}}"#.to_vec())
    }
}

/// An error of the backend: what the service behind it said, else what the kind amounts to.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut failure = match error.status() {
            Some(status) => Self::told(&error, status.clone()),
            None => Self::new(code_of(error.kind()), message_of(&error)),
        };
        if let Some(wait) = error.retry_after()
            && failure.status.retry_delay().is_none()
        {
            failure.status.details.push(retry_info(wait));
        }
        failure
    }
}

impl Failure {
    fn told(error: &Error, mut status: Status) -> Self {
        let Code(by_kind, name) = code_of(error.kind());
        let told = status.code.and_then(|code| u16::try_from(code).ok());
        let mut codes = error.http_code().into_iter().chain(told);
        let code = codes
            .find(|code| (400..600).contains(code))
            .unwrap_or(by_kind);
        status.code = Some(i32::from(code));
        status.status.get_or_insert_with(|| name.to_owned());
        status.message.get_or_insert_with(|| message_of(error));
        Self {
            code,
            status: Box::new(status),
            allow: None,
            closes: false,
        }
    }
}

fn code_of(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Request => Code::INVALID,
        ErrorKind::Authentication => Code::UNAUTHENTICATED,
        ErrorKind::NotFound => Code::NOT_FOUND,
        ErrorKind::RateLimited | ErrorKind::Quota => Code::EXHAUSTED,
        ErrorKind::Unavailable | ErrorKind::Unreachable => Code::UNAVAILABLE,
        ErrorKind::Timeout => Code::DEADLINE,
        ErrorKind::Unsupported => Code::UNIMPLEMENTED,
        _ => Code::INTERNAL,
    }
}

/// The message of an error, with its causes: whoever reads it over the wire has nothing else.
fn message_of(error: &Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    message
}

fn retry_info(wait: Duration) -> Value {
    let (seconds, millis) = (wait.as_secs(), wait.subsec_millis());
    let delay = match millis {
        0 => format!("{seconds}s"),
        _ => format!("{seconds}.{millis:03}s"),
    };
    json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(error: Error) -> Value {
        let failure = Failure::from(error);
        let json: Value = serde_json::from_slice(&failure.to_json()).expect("JSON");
        assert_eq!(json["error"]["code"], failure.code().as_u16());
        json["error"].clone()
    }

    #[test]
    fn a_kind_becomes_the_code_the_service_would_send() {
        for (kind, code, name) in [
            (ErrorKind::Request, 400, "INVALID_ARGUMENT"),
            (ErrorKind::NotFound, 404, "NOT_FOUND"),
            (ErrorKind::RateLimited, 429, "RESOURCE_EXHAUSTED"),
            (ErrorKind::Unreachable, 503, "UNAVAILABLE"),
            (ErrorKind::Timeout, 504, "DEADLINE_EXCEEDED"),
            (ErrorKind::Unsupported, 501, "UNIMPLEMENTED"),
            (ErrorKind::Truncated, 500, "INTERNAL"),
        ] {
            let error = json(Error::new(kind, "so it is"));

            assert_eq!(
                (&error["code"], &error["status"]),
                (&json!(code), &json!(name))
            );
            assert_eq!(error["message"], "so it is");
        }
    }

    #[test]
    fn what_the_service_behind_said_is_passed_on() {
        let status = json!({"code": 8, "message": "m", "status": "S", "details": [{"@type": "x"}]});
        let status: Status = serde_json::from_value(status).expect("a status");
        let error = Error::new(ErrorKind::RateLimited, "429 S: m");

        let error = json(error.with_status(status).with_http_code(429));

        assert_eq!(
            error,
            json!({"code": 429, "message": "m", "status": "S", "details": [{"@type": "x"}]})
        );
    }

    #[test]
    fn a_wait_is_told_once_and_causes_are_told() {
        let error = Error::new(ErrorKind::RateLimited, "too many").because("a queue");

        let error = json(error.with_retry_after(Duration::from_millis(1_500)));

        assert_eq!(error["message"], "too many: a queue");
        assert_eq!(error["details"][0]["retryDelay"], "1.500s");
        assert_eq!(error["details"].as_array().map(Vec::len), Some(1));
    }
}
