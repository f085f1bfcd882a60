//! Check of the `Host` header, against DNS rebinding.
//!
//! A web page of `evil.example` may point its own name to 127.0.0.1. The browser then regards this server as part of
//! that page's origin, and only the name in `Host` reveals the page.

use std::net::IpAddr;

use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use crate::error::ApiError;

/// Host names that clients may use for the server, besides those of the loopback interface; `*` is any name.
#[derive(Default)]
pub(crate) struct AllowedHosts(pub(crate) Vec<String>);

impl AllowedHosts {
    /// Checks the host names of a request, in the `Host` header and in its URI.
    pub(crate) fn check(&self, parts: &Parts) -> Result<(), ApiError> {
        if self.allows_all() {
            return Ok(());
        }
        let hosts = hosts_of(parts)?;
        let mut hosts = hosts.iter().map(Authority::host);
        match hosts.find(|host| !self.allows(host)) {
            None => Ok(()),
            Some(host) => {
                let message = format!(
                    "host `{host}` is not allowed: allow it with `allow_host` (`genai serve --allow-host`)"
                );
                Err(ApiError::forbidden(message))
            }
        }
    }

    /// Returns whether clients may use this name, without a port, for the server.
    pub(crate) fn allows(&self, host: &str) -> bool {
        let mut names = self.0.iter();
        self.allows_all() || is_loopback(host) || names.any(|name| name.eq_ignore_ascii_case(host))
    }

    fn allows_all(&self) -> bool {
        self.0.iter().any(|name| name == "*")
    }
}

/// Returns the host names of a request: at least one, and at most one per source.
///
/// # Errors
/// 400, as RFC 9112, section 3.2, requires for a missing, repeated or invalid `Host`.
fn hosts_of(parts: &Parts) -> Result<Vec<Authority>, ApiError> {
    let invalid = || ApiError::invalid("the request must have exactly one valid `Host` header");
    // An absolute URI takes precedence over `Host` (RFC 9112, section 3.2.2), so both must be allowed.
    let mut hosts: Vec<Authority> = parts.uri.authority().cloned().into_iter().collect();
    let headers: Vec<_> = parts.headers.get_all(HOST).iter().collect();
    match headers[..] {
        [] if hosts.is_empty() => return Err(invalid()),
        [] => {}
        [host] => hosts.push(Authority::try_from(host.as_bytes()).map_err(|_| invalid())?),
        _ => return Err(invalid()),
    }
    Ok(hosts)
}

/// Returns whether a name or an address means this machine itself: 127.0.0.0/8, `[::1]`, `localhost` and the names
/// under it, which browsers resolve to loopback without DNS.
fn is_loopback(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => {
            let host = host.to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn code(hosts: &AllowedHosts, uri: &str, headers: &[&str]) -> u16 {
        let request = headers
            .iter()
            .fold(Request::get(uri), |request, host| {
                request.header(HOST, *host)
            })
            .body(())
            .expect("a request");
        hosts
            .check(&request.into_parts().0)
            .map_or_else(|error| error.code(), |()| 200)
    }

    #[test]
    fn only_loopback_and_allowed_names_pass() {
        let hosts = AllowedHosts(vec!["box.lan".into()]);
        for host in [
            "localhost",
            "LOCALHOST:80",
            "a.localhost:1",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:80",
            "Box.LAN:80",
        ] {
            assert_eq!(code(&hosts, "/", &[host]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            ".localhost.x",
            "0.0.0.0",
            "10.0.0.1",
            "xlocalhost",
        ] {
            assert_eq!(code(&hosts, "/", &[host]), 403, "{host}");
        }
        assert_eq!(
            code(&AllowedHosts(vec!["*".into()]), "/", &["evil.example"]),
            200
        );
    }

    #[test]
    fn a_request_must_name_exactly_one_host() {
        let hosts = AllowedHosts(Vec::new());

        assert_eq!(code(&hosts, "/", &[]), 400);
        assert_eq!(code(&hosts, "/", &["localhost", "localhost"]), 400);
        assert_eq!(code(&hosts, "/", &["local host"]), 400);
        assert_eq!(code(&hosts, "http://localhost/", &["evil.example"]), 403);
        assert_eq!(code(&hosts, "http://evil.example/", &["localhost"]), 403);
    }
}
