//! Static files: the playground page and the health check.

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderValue, Method};
use axum::response::Response;

use crate::error::ApiError;
use crate::response;

/// Content security policy of the page: it runs its own script only, connects to its own server only,
/// and cannot turn strings into markup or code (trusted types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// Returns the file at a path, or `None` if the path belongs to the API.
pub(crate) fn file(method: &Method, path: &str) -> Option<Result<Response, ApiError>> {
    let (content_type, text) = match path {
        "/" => (
            "text/html; charset=utf-8",
            include_str!("playground/index.html"),
        ),
        "/app.js" => (
            "text/javascript; charset=utf-8",
            include_str!("playground/app.js"),
        ),
        "/app.css" => (
            "text/css; charset=utf-8",
            include_str!("playground/app.css"),
        ),
        "/healthz" => ("text/plain; charset=utf-8", "ok\n"),
        _ => return None,
    };
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Some(Err(ApiError::method_not_allowed(method, "GET, HEAD")));
    }
    let mut response = response::with_body(content_type, Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Some(Ok(response))
}
