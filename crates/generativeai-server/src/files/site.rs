//! The address at which a client reached the server.

use axum::extract::OriginalUri;
use axum::http::header::HOST;
use axum::http::request::Parts;

/// Address of the server, to be written into responses: scheme, host, and the path of the router if it is nested.
#[derive(Debug)]
pub(crate) struct Site {
    host: String,
    base: String,
}

impl Site {
    /// Reads the address of a request whose host was checked.
    pub(crate) fn of(parts: &Parts) -> Self {
        let header = |name: &str| parts.headers.get(name)?.to_str().ok();
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        let host = header(HOST.as_str()).or(authority).unwrap_or("localhost");
        // A proxy that terminates TLS sets this header.
        let scheme = match header("x-forwarded-proto") {
            Some("https") => "https",
            _ => "http",
        };
        // `Router::nest` removes its prefix from the URI. Only axum's `OriginalUri` still has it.
        let original = parts.extensions.get::<OriginalUri>();
        let original = original.map_or("", |OriginalUri(uri)| uri.path());
        let prefix = original.strip_suffix(parts.uri.path()).unwrap_or_default();
        Self {
            host: host.to_owned(),
            base: format!("{scheme}://{host}{prefix}"),
        }
    }

    /// Returns the absolute address of a path, which begins with a slash.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Returns the host with its port.
    pub(super) fn host(&self) -> &str {
        &self.host
    }
}
