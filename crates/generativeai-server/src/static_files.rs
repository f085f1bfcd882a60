//! Static files: the playground page and the health check.

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderValue, Method};
use axum::response::Response;

use crate::error::ApiError;
use crate::response;

/// Content security policy of the page.
///
/// Only the page's own scripts run, and they connect only to their own server. With trusted types, a
/// string becomes markup only through the policy of the sanitizer (DOMPurify), so that a model's reply
/// can never become script. Pictures are embedded in the conversation (`data:`), never loaded.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types dompurify";

/// A file under `playground/` in the source: its path, and its content.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$((concat!("/playground/", $name), include_str!(concat!("playground/", $name)))),*]
    };
}

/// Files that the page loads. Those in `vendor/` are unchanged libraries: see `vendor/README.md`.
const FILES: [(&str, &str); 18] = files![
    "api.js",
    "app.css",
    "codegen.js",
    "composer.js",
    "conversation.js",
    "dialogs.js",
    "dom.js",
    "main.js",
    "markdown.js",
    "messages.js",
    "panel.js",
    "parts.js",
    "settings.js",
    "sidebar.js",
    "storage.js",
    "vendor/dompurify.js",
    "vendor/highlight.js",
    "vendor/marked.js",
];

/// Returns the file at a path, or `None` if the path belongs to the API.
pub(crate) fn find(method: &Method, path: &str) -> Option<Result<Response, ApiError>> {
    let content = match path {
        "/" => include_str!("playground/index.html"),
        "/healthz" => "ok\n",
        _ => FILES.iter().find(|(name, _)| *name == path)?.1,
    };
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Some(Err(ApiError::method_not_allowed(method, "GET, HEAD")));
    }
    let mut response = response::with_body(content_type(path), Body::from(content));
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Some(Ok(response))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        _ if path == "/" => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}
