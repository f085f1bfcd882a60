//! The files that are served as they are: the chat page, and the sign of life.

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderValue, Method};
use axum::response::Response;

use crate::answer;
use crate::failure::{Code, Failure};

/// Nothing but the page's own two files runs, and it talks to its own server alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// The file at a path, if there is one.
pub(crate) fn file(method: &Method, path: &str) -> Option<Result<Response, Failure>> {
    let (content_type, text) = match path {
        "/" => ("text/html; charset=utf-8", include_str!("page/index.html")),
        "/app.js" => (
            "text/javascript; charset=utf-8",
            include_str!("page/app.js"),
        ),
        "/app.css" => ("text/css; charset=utf-8", include_str!("page/app.css")),
        "/healthz" => ("text/plain; charset=utf-8", "ok\n"),
        _ => return None,
    };
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut failure = Failure::new(
            Code::METHOD,
            format!("{method} is not for this: use GET, HEAD"),
        );
        failure.allow = Some("GET, HEAD");
        return Some(Err(failure));
    }
    let mut response = answer::with_type(content_type, Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Some(Ok(response))
}
