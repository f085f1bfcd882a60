//! Check of the `Origin` header, and CORS.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, HOST,
    ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use crate::error::ApiError;

/// Headers of responses that pages need for uploads. Browsers hide all but a few from pages unless they are listed.
const EXPOSED_HEADERS: &str =
    "x-goog-upload-url, x-goog-upload-status, x-goog-upload-size-received, location, range";

/// Origins of the web pages that may use the API, in addition to the server's own, as browsers write them: scheme, host
/// and port. `*` is any origin.
#[derive(Default)]
pub(crate) struct AllowedOrigins(pub(crate) Vec<String>);

impl AllowedOrigins {
    /// Rejects requests of pages whose origin is not allowed.
    ///
    /// CORS alone would only hide the response from such a page: its request would still run.
    pub(crate) fn check(&self, parts: &Parts) -> Result<(), ApiError> {
        match parts.headers.get(ORIGIN) {
            Some(origin) if !self.allows(origin) && !is_same_origin(origin, parts) => {
                let origin = String::from_utf8_lossy(origin.as_bytes());
                let message = format!(
                    "requests from pages of `{origin}` are not allowed: \
                     allow the origin with `allow_origin` (`genai serve --allow-origin`)"
                );
                Err(ApiError::forbidden(message))
            }
            _ => Ok(()),
        }
    }

    /// Returns the headers that let a page of an allowed origin read the response.
    pub(crate) fn cors_headers(&self, request: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(origin) = request.get(ORIGIN).filter(|origin| self.allows(origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(VARY, HeaderValue::from_static("origin"));
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(EXPOSED_HEADERS),
            );
        }
        headers
    }

    /// Returns the headers of the response to a preflight request, or `None` if it does not come from a page of an
    /// allowed origin.
    pub(crate) fn preflight_headers(&self, request: &HeaderMap) -> Option<HeaderMap> {
        let mut headers = self.cors_headers(request);
        if headers.is_empty() {
            return None;
        }
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST, PUT, DELETE"),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        if let Some(names) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        Some(headers)
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        let mut origins = self.0.iter();
        origins.any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes())
    }
}

/// Returns whether a page was served by this server: its origin is the host of the request. The scheme
/// may differ, since a proxy may add TLS.
fn is_same_origin(origin: &HeaderValue, parts: &Parts) -> bool {
    // A request over HTTP/2 has no `Host`: its host is in the URI.
    let in_uri = parts.uri.authority();
    let in_uri = in_uri.map(|authority| authority.as_str().as_bytes());
    let host = parts.headers.get(HOST).map(HeaderValue::as_bytes);
    let origin = origin.as_bytes();
    let page = origin
        .strip_prefix(b"http://")
        .or_else(|| origin.strip_prefix(b"https://"));
    page.is_some() && page == host.or(in_uri)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn the_page_of_the_server_may_use_it_over_http_1_and_over_http_2() {
        let page = "http://localhost:8080";
        for (origin, uri, host, expected) in [
            (page, "/", Some("localhost:8080"), true),
            (page, "http://localhost:8080/", None, true),
            (page, "/", Some("localhost:8081"), false),
            (page, "http://localhost/", None, false),
            (page, "/", None, false),
            ("null", "/", None, false),
        ] {
            let mut request = Request::post(uri).header(ORIGIN, origin);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();

            let checked = AllowedOrigins::default().check(&parts);
            assert_eq!(checked.is_ok(), expected, "{origin} {uri} {host:?}");
        }
    }
}
