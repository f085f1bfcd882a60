//! Errors as the service reports them: an HTTP code, a status name, a message and details, in JSON.
//!
//! The format is `google.rpc.Status` over HTTP, see <https://google.aip.dev/193>. Clients decide by the code whether to
//! retry. The details contain `RetryInfo`, the time to wait, and `ErrorInfo`, whose reason distinguishes a wrong API
//! key from other errors with code 400.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ALLOW, CONNECTION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use generativeai::protocol::status::{ErrorBody, Status};
use generativeai::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::response::{JSON, to_json, with_body};

/// Time that a client should wait before it retries a request for which the server had no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error response of the API.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    /// Body of the response, which contains its code. Boxed: it would enlarge every `Result` of the crate.
    status: Box<Status>,
    /// Further headers of the response. Boxed for the same reason as the status.
    headers: Option<Box<HeaderMap>>,
}

impl ApiError {
    /// Creates an error with the status name that the service uses for this code.
    ///
    /// The message is for people: the problem, then what to do.
    pub(crate) fn new(code: StatusCode, message: impl Into<String>) -> Self {
        let mut status = Status::from_http_code(code.as_u16(), message);
        status
            .status
            .get_or_insert_with(|| nearest_name(code).to_owned());
        Self {
            status: Box::new(status),
            headers: None,
        }
    }

    /// Creates an error with a status name that is not the usual one for its code.
    fn named(code: StatusCode, name: &str, message: impl Into<String>) -> Self {
        let mut this = Self::new(code, message);
        this.status.status = Some(name.to_owned());
        this
    }

    /// Returns the message.
    pub(crate) fn message(&self) -> &str {
        self.status.message.as_deref().unwrap_or_default()
    }

    /// Creates a 400: the request is malformed, or asks for something that the server never provides.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Creates a 404 with status `UNIMPLEMENTED`: this part of the API is not served.
    ///
    /// Not 501, because the common clients retry every 5xx code and would wait for seconds in vain.
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::named(StatusCode::NOT_FOUND, "UNIMPLEMENTED", message)
    }

    /// Creates a 405: the path exists, but not for this HTTP method.
    pub(crate) fn method_not_allowed(method: &Method, allow: &'static str) -> Self {
        let message = format!("{method} is not supported for this path: use {allow}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, message)
            .with_header(ALLOW, HeaderValue::from_static(allow))
    }

    /// Creates a 429: the server is at a limit. Clients may retry after one second.
    pub(crate) fn overloaded(message: impl Into<String>) -> Self {
        let mut this = Self::new(StatusCode::TOO_MANY_REQUESTS, message);
        *this.status = this.status.with_retry_delay(RETRY_AFTER);
        this
    }

    /// Creates a 403: the client may not do this, or the server does not reveal whether something exists.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// Creates a 404: the name is unknown.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Creates a 408: the rest of the request did not arrive in time.
    pub(crate) fn timed_out(message: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, message)
    }

    /// Creates a 409: the name is taken.
    pub(crate) fn already_exists(message: impl Into<String>) -> Self {
        Self::named(StatusCode::CONFLICT, "ALREADY_EXISTS", message)
    }

    /// Creates a 409: a newer request does the same.
    pub(crate) fn aborted(message: impl Into<String>) -> Self {
        Self::named(StatusCode::CONFLICT, "ABORTED", message)
    }

    /// Creates a 429: the storage is full. It has no `RetryInfo`, since waiting does not help.
    pub(crate) fn no_room(message: impl Into<String>) -> Self {
        let message = message.into();
        let violation = json!({"subject": "files", "description": message});
        Self::new(StatusCode::TOO_MANY_REQUESTS, message).with_detail(json!({
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [violation],
        }))
    }

    /// Creates a 500: the server has a problem that the client cannot solve.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// Names the files that a request uses in the error of a backend that refused the request. The backend may not
    /// support their types.
    ///
    /// A refusal has code 400, or the status `UNIMPLEMENTED` and becomes a 400. Other errors are not changed.
    pub(crate) fn naming_files(mut self, files: &str) -> Self {
        let is_unsupported = self.status.status.as_deref() == Some("UNIMPLEMENTED");
        if files.is_empty() || (self.code() != 400 && !is_unsupported) {
            return self;
        }
        self.status.code = Some(400);
        self.status.status = Some("INVALID_ARGUMENT".to_owned());
        let message = self.status.message.take().unwrap_or_default();
        self.status.message = Some(format!("{message} (the request uses {files})"));
        self
    }

    /// Creates a 500: the server panicked.
    pub(crate) fn panicked() -> Self {
        Self::internal("the server panicked while handling the request: see its log")
    }

    /// Adds an entry to `error.details`: an object whose `@type` names its kind.
    pub(crate) fn with_detail(mut self, detail: Value) -> Self {
        self.status.details.push(detail);
        self
    }

    /// Closes the connection after the response: the unread rest of the request body would be parsed as the next
    /// request.
    pub(crate) fn closing_connection(self) -> Self {
        self.with_header(CONNECTION, HeaderValue::from_static("close"))
    }

    /// Adds a header to the response.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_default().insert(name, value);
        self
    }

    /// Returns the code of the response.
    pub(crate) fn code(&self) -> u16 {
        let code = self.status.code.and_then(|code| code.try_into().ok());
        code.unwrap_or(500)
    }

    /// Returns the body of the response, `{"error": {…}}`.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut body = ErrorBody::default();
        body.error = Some((*self.status).clone());
        to_json(&body)
    }

    /// Returns the HTTP response.
    pub(crate) fn to_response(&self) -> Response {
        let mut response = with_body(JSON, Body::from(self.to_json()));
        let code = StatusCode::from_u16(self.code());
        *response.status_mut() = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(further) = &self.headers {
            response.headers_mut().extend(HeaderMap::clone(further));
        }
        response
    }
}

/// Converts an error of the backend.
///
/// If a service behind the backend reported a status, it is passed on. Otherwise the kind of the error
/// decides about the code.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        // The alternate form includes the sources, which would be lost otherwise: the client gets only this text.
        let mut converted = Self::from_kind(error.kind(), format!("{error:#}"));
        if let Some(status) = error.status() {
            converted.pass_on(status.clone(), error.http_code());
        }
        // The longest wait of the header, the details and the message. Other clients read only the details.
        if let Some(wait) = error.retry_after() {
            *converted.status = converted.status.with_retry_delay(wait);
        }
        converted
    }
}

impl ApiError {
    /// Creates the error for a kind. The SDK's client derives the same kind from the code, as far as HTTP codes
    /// distinguish the kinds.
    fn from_kind(kind: ErrorKind, message: String) -> Self {
        if kind == ErrorKind::Unsupported {
            return Self::unsupported(message);
        }
        let code = StatusCode::from_u16(kind.http_code());
        Self::new(code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), message)
    }

    /// Takes over the status that another service reported, filling in its absent members.
    ///
    /// The code of the response comes first: the code in the body may be a `google.rpc.Code`, such as 8 for
    /// `RESOURCE_EXHAUSTED`.
    fn pass_on(&mut self, mut status: Status, http_code: Option<u16>) {
        let reported = status.code.and_then(|code| u16::try_from(code).ok());
        let code = http_code
            .into_iter()
            .chain(reported)
            .find(|code| (400..600).contains(code));
        status.code = code.map(i32::from).or(self.status.code);
        status.status = status.status.or_else(|| self.status.status.take());
        status.message = status.message.or_else(|| self.status.message.take());
        *self.status = status;
    }
}

/// Returns the name of the nearest code that the service sends, for one that it does not send (408, 413, 415, 431).
fn nearest_name(code: StatusCode) -> &'static str {
    match code.as_u16() {
        405 => "UNIMPLEMENTED",
        408 => "DEADLINE_EXCEEDED",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(error: Error) -> Value {
        let error = ApiError::from(error);
        let json: Value = serde_json::from_slice(&error.to_json()).expect("JSON");
        assert_eq!(json["error"]["code"], error.code());
        json["error"].clone()
    }

    #[test]
    fn each_kind_of_error_has_the_code_that_the_service_would_send() {
        for (kind, code, name) in [
            (ErrorKind::Request, 400, "INVALID_ARGUMENT"),
            (ErrorKind::NotFound, 404, "NOT_FOUND"),
            (ErrorKind::RateLimited, 429, "RESOURCE_EXHAUSTED"),
            (ErrorKind::Unreachable, 503, "UNAVAILABLE"),
            (ErrorKind::Timeout, 504, "DEADLINE_EXCEEDED"),
            (ErrorKind::Truncated, 500, "INTERNAL"),
        ] {
            let error = body_of(Error::new(kind, "a reason"));

            assert_eq!(
                (&error["code"], &error["status"]),
                (&json!(code), &json!(name))
            );
            assert_eq!(error["message"], "a reason");
        }
    }

    /// Row 41 of tests/field.md.
    #[test]
    fn an_unsupported_call_has_a_code_that_no_client_retries() {
        let error = body_of(Error::new(ErrorKind::Unsupported, "cannot embed"));

        assert_eq!(
            (&error["code"], &error["status"]),
            (&json!(404), &json!("UNIMPLEMENTED"))
        );
    }

    #[test]
    fn the_status_of_an_upstream_service_is_passed_on() {
        let status = json!({"code": 8, "message": "m", "status": "S", "details": [{"@type": "x"}]});
        let status: Status = serde_json::from_value(status).expect("a status");
        let error = Error::new(ErrorKind::RateLimited, "429 S: m");

        let error = body_of(error.with_status(status).with_http_code(429));

        assert_eq!(
            error,
            json!({"code": 429, "message": "m", "status": "S", "details": [{"@type": "x"}]})
        );
    }

    #[test]
    fn a_code_that_is_not_one_of_an_error_is_not_passed_on() {
        for (code, http_code, expected) in [
            (8, Some(529), 529),
            (404, None, 404),
            (404, Some(200), 404),
            (8, None, 429),
            (600, Some(399), 429),
        ] {
            let status: Status = serde_json::from_value(json!({"code": code})).expect("a status");
            let error = Error::new(ErrorKind::RateLimited, "m").with_status(status);
            let error = match http_code {
                Some(code) => error.with_http_code(code),
                None => error,
            };

            assert_eq!(body_of(error)["code"], expected, "{code} {http_code:?}");
        }
    }

    #[test]
    fn the_wait_is_reported_once_and_the_message_includes_the_causes() {
        let error = Error::new(ErrorKind::RateLimited, "too many").with_source("a queue");

        let error = body_of(error.with_retry_after(Duration::from_millis(1_500)));

        assert_eq!(error["message"], "too many: a queue");
        assert_eq!(error["details"][0]["retryDelay"], "1.5s");
        assert_eq!(error["details"].as_array().map(Vec::len), Some(1));
    }
}
