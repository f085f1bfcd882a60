//! HTTP request of the client, from which each attempt builds its own copy.

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};

use super::body::{RequestBody, SharedBody};

/// Number of headers that hyper adds to a request: `host` and `content-length`.
const ADDED_HEADERS: usize = 2;

/// A request that can be sent any number of times.
pub(super) struct Outgoing {
    method: Method,
    uri: Uri,
    /// Headers in addition to those of every request.
    headers: Vec<(HeaderName, HeaderValue)>,
    body: SharedBody,
}

impl Outgoing {
    fn new(method: Method, uri: Uri, body: SharedBody) -> Self {
        Self {
            method,
            uri,
            headers: Vec::new(),
            body,
        }
    }

    /// Creates a GET request.
    pub(super) fn get(uri: Uri) -> Self {
        Self::new(Method::GET, uri, SharedBody::default())
    }

    /// Creates a DELETE request.
    pub(super) fn delete(uri: Uri) -> Self {
        Self::new(Method::DELETE, uri, SharedBody::default())
    }

    /// Creates a POST request with a body of JSON.
    pub(super) fn post(uri: Uri, body: SharedBody) -> Self {
        let json = HeaderValue::from_static("application/json");
        Self::new(Method::POST, uri, body).header(CONTENT_TYPE, json)
    }

    /// Creates a POST request with a body of bytes.
    pub(super) fn post_bytes(uri: Uri, body: SharedBody) -> Self {
        Self::new(Method::POST, uri, body)
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Builds the HTTP request of one attempt. The client adds `host` and `content-length`.
    pub(super) fn to_http(&self, headers: &HeaderMap) -> Request<RequestBody> {
        let mut request = Request::new(self.body.to_request_body());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        // Reserves room for the headers that hyper adds: a map that grows is rebuilt.
        let mut all = HeaderMap::with_capacity(headers.len() + self.headers.len() + ADDED_HEADERS);
        let own = self.headers.iter().map(|(name, value)| (name, value));
        for (name, value) in headers.iter().chain(own) {
            all.insert(name, value.clone());
        }
        *request.headers_mut() = all;
        request
    }
}
