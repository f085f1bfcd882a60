//! The web pages that may ask: its own, and those that were allowed.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, HOST, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use crate::failure::{Code, Failure};

/// The web pages that may ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    pub(crate) any: bool,
    pub(crate) some: Vec<String>,
}

impl Origins {
    /// Refuses the request of a page that is not allowed: without this a page could make the model
    /// work, although it could not read the answer.
    pub(crate) fn check(&self, parts: &Parts) -> Result<(), Failure> {
        match parts.headers.get(ORIGIN) {
            Some(origin) if !self.allows(origin) && !is_own(origin, parts) => {
                let message = "pages of other origins may not ask: allow the origin to do so";
                Err(Failure::new(Code::FORBIDDEN, message))
            }
            _ => Ok(()),
        }
    }

    /// The headers that let the page of an allowed origin read the answer.
    pub(crate) fn headers(&self, asked: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(origin) = asked.get(ORIGIN).filter(|origin| self.allows(origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(VARY, HeaderValue::from_static("origin"));
        }
        headers
    }

    /// The headers that answer the question whether such a request may be sent.
    pub(crate) fn preflight(&self, asked: &HeaderMap) -> Option<HeaderMap> {
        let mut headers = self.headers(asked);
        if headers.is_empty() {
            return None;
        }
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST"),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        Some(headers)
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.any
            || self
                .some
                .iter()
                .any(|allowed| allowed.as_bytes() == origin.as_bytes())
    }
}

/// Whether a page comes from this server itself.
fn is_own(origin: &HeaderValue, parts: &Parts) -> bool {
    let host = parts.headers.get(HOST).map(HeaderValue::as_bytes);
    let origin = origin.as_bytes();
    let page = origin
        .strip_prefix(b"http://")
        .or_else(|| origin.strip_prefix(b"https://"));
    page.is_some() && page == host
}
