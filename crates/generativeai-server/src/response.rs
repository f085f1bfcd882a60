//! Successful HTTP responses: JSON and static content.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::Response;
use serde::Serialize;

/// Media type of JSON responses, spelled as the service spells it.
pub(crate) const JSON: &str = "application/json; charset=UTF-8";

/// Builds a 200 response with a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Response {
    with_body(JSON, Body::from(to_json(value)))
}

/// Returns a message of the API as JSON.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_json(&mut bytes, value);
    bytes
}

/// Appends a message of the API as JSON.
pub(crate) fn write_json(bytes: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(bytes, value)
        .expect("API messages have string keys, and writing to memory cannot fail");
}

/// Builds a 200 response that is never cached and whose type browsers do not guess.
///
/// `no-store` keeps conversations out of caches of browsers and proxies. `nosniff` keeps a browser that opens a reply
/// from treating JSON with tags in it as a page.
pub(crate) fn with_body(content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
