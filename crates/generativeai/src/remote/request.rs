//! A request before it is sent. All attempts share it.

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Uri};

use super::body::{RequestBody, SharedBody};

/// A request that can be sent any number of times.
pub(super) struct Outgoing {
    uri: Uri,
    /// JSON to be posted; a request without a body is a GET.
    body: Option<SharedBody>,
}

impl Outgoing {
    /// Creates a GET request.
    pub(super) fn get(uri: Uri) -> Self {
        Self { uri, body: None }
    }

    /// Creates a POST request with a body of JSON.
    pub(super) fn post(uri: Uri, body: SharedBody) -> Self {
        Self {
            uri,
            body: Some(body),
        }
    }

    /// Builds the HTTP request of one attempt. The client adds `host` and `content-length`.
    pub(super) fn to_http(&self, headers: &HeaderMap) -> Request<RequestBody> {
        let body = self.body.as_ref().map(SharedBody::to_request_body);
        let mut request = Request::new(body.unwrap_or_default());
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers.clone();
        if self.body.is_some() {
            *request.method_mut() = Method::POST;
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        request
    }
}
