//! Answers: JSON, and errors in JSON.

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

use crate::failure::Failure;

const JSON: &str = "application/json; charset=UTF-8";

/// A value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Response {
    let body =
        serde_json::to_vec(value).expect("a message has string keys only, and memory takes them");
    with_type(JSON, Body::from(body))
}

/// A failure as the service tells it.
pub(crate) fn failure(failure: &Failure) -> Response {
    let mut response = with_type(JSON, Body::from(failure.to_json()));
    *response.status_mut() = failure.code();
    let headers = response.headers_mut();
    if let Some(methods) = failure.allow {
        headers.insert(ALLOW, HeaderValue::from_static(methods));
    }
    if failure.closes {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body of that type, which nobody keeps or takes for another.
pub(crate) fn with_type(content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// No body.
pub(crate) fn nothing() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
