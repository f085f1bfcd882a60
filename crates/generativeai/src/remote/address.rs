//! Addresses of requests: the base URL, the API version, and the names in the path.

use std::net::IpAddr;

use hyper::Uri;
use hyper::http::uri::{Authority, InvalidUri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::{Error, ErrorKind, Result};

/// Maximum length of the name of a resource, in bytes.
const MAX_NAME: usize = 512;

/// Characters that are escaped in a query: all but the unreserved ones of RFC 3986, and `@`.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@');

/// Characters that are escaped in a path.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// Address of a service that speaks the Gemini API. It has been checked: requests can go nowhere else.
#[derive(Debug)]
pub(super) struct Address {
    /// Base URL with the API version and a slash at its end.
    root: String,
    host: String,
    is_encrypted: bool,
}

impl Address {
    /// Checks a base URL. `allow_plain` permits `http://` to other machines.
    pub(super) fn new(base: &str, version: &str, allow_plain: bool) -> Result<Self> {
        let bad = |what: &str| configuration(format!("the base URL {what}"));
        let base = base.trim().trim_end_matches('/');
        let uri: Uri = base
            .parse()
            .map_err(|error: InvalidUri| bad("is invalid").with_source(error))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad("is invalid: it has to start with https://"));
        };
        match scheme {
            "https" => {}
            "http" if allow_plain || is_loopback(authority.host()) => {}
            "http" => {
                return Err(bad(
                    "starts with http://, which would send the key unencrypted: \
                     use https://, or allow plain HTTP",
                ));
            }
            _ => return Err(bad("starts with neither https:// nor http://")),
        }
        if authority.as_str().contains('@') {
            return Err(bad("contains a user name or password: send it in a header"));
        }
        if base.contains(['?', '#']) {
            return Err(bad("contains a query or a fragment: remove it"));
        }
        if !is_host(authority) {
            return Err(bad(
                "has an invalid host: use a name of ASCII letters, digits, dots and dashes, \
                 or an IP address, optionally with a port",
            ));
        }
        if !is_plain_path(uri.path()) {
            return Err(bad(
                "has an invalid path: use ASCII letters, digits, `-._~@` and slashes",
            ));
        }
        let version = version.trim_matches('/');
        if version.is_empty() || !is_plain_path(version) {
            return Err(configuration(
                "the API version is invalid: use a word such as `v1beta`",
            ));
        }
        Ok(Self {
            root: format!("{base}/{version}/"),
            host: authority.host().to_owned(),
            is_encrypted: scheme == "https",
        })
    }

    /// Returns the host, for messages.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Returns whether the service runs on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Returns whether connections are encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Returns the base URL with the API version.
    pub(super) fn as_str(&self) -> &str {
        self.root.trim_end_matches('/')
    }

    /// Returns the address of a page of the list of models.
    pub(super) fn models(&self, page_token: Option<&str>) -> Result<Uri> {
        let mut path = "models?pageSize=1000".to_owned();
        if let Some(token) = page_token {
            path.push_str("&pageToken=");
            path.extend(utf8_percent_encode(token, QUERY));
        }
        self.at(&path)
    }

    /// Returns the address of a model.
    pub(super) fn model(&self, name: &str) -> Result<Uri> {
        self.at(&path_of("models", name)?)
    }

    /// Returns the address of cached content.
    pub(super) fn cached_content(&self, name: &str) -> Result<Uri> {
        self.at(&path_of("cachedContents", name)?)
    }

    /// Returns the address of a method of a model, such as `generateContent`. It may contain a query.
    pub(super) fn method(&self, model: Option<&str>, method: &str) -> Result<Uri> {
        let model = model.ok_or_else(|| request("the request has no model"))?;
        self.at(&format!("{}:{method}", path_of("models", model)?))
    }

    fn at(&self, path: &str) -> Result<Uri> {
        let address = [self.root.as_str(), path].concat();
        Uri::try_from(address)
            .map_err(|error| request("the request has an invalid address").with_source(error))
    }
}

/// Checks a resource name and converts it to a path. A name without a slash belongs to `collection`.
///
/// Names often come from users, so a name must not be able to address anything else: no `..`, no query.
fn path_of(collection: &str, name: &str) -> Result<String> {
    let bad = |what: &str| {
        let name: String = name
            .chars()
            .filter(|char| !char.is_control())
            .take(80)
            .collect();
        request(format!("the name `{name}` {what}"))
    };
    if name.trim().is_empty() {
        return Err(request(format!("a name in `{collection}/` is empty")));
    }
    if name.len() > MAX_NAME {
        return Err(bad(&format!("is longer than {MAX_NAME} bytes")));
    }
    if let Some(char) = name.chars().find(|char| is_forbidden(*char)) {
        return Err(bad(&format!("contains {char:?}")));
    }
    if name
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
    {
        return Err(bad(&format!(
            "is not a path such as `{collection}/…`: it has an empty or dotted segment"
        )));
    }
    let mut path = String::with_capacity(collection.len() + 1 + name.len());
    if !name.contains('/') {
        path.push_str(collection);
        path.push('/');
    }
    path.extend(utf8_percent_encode(name, PATH));
    Ok(path)
}

fn is_forbidden(char: char) -> bool {
    char.is_whitespace() || char.is_control() || matches!(char, '?' | '#' | '%' | '\\')
}

/// Returns whether a path needs no escaping and stays where it is (no `.` or `..`).
fn is_plain_path(path: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@');
    path.split('/')
        .all(|segment| !matches!(segment, "." | "..") && segment.bytes().all(is_plain))
}

/// Returns whether an authority is a host, optionally with a port.
fn is_host(authority: &Authority) -> bool {
    let host = authority.host();
    let is_name = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    let port = authority.as_str().strip_prefix(host).unwrap_or_default();
    !host.is_empty()
        && (is_name || ip(host).is_some_and(|ip| ip.is_ipv6()))
        && (port.is_empty() || authority.port_u16().is_some())
}

fn is_loopback(host: &str) -> bool {
    match ip(host) {
        Some(ip) => ip.is_loopback(),
        None => {
            let host = host.to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

/// Parses a host as an IP address. IPv6 addresses are in brackets.
fn ip(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse().map(IpAddr::V6).ok(),
        None => host.parse().map(IpAddr::V4).ok(),
    }
}

fn configuration(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message.into())
}

fn request(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Request, message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn google() -> Address {
        Address::new("https://generativelanguage.googleapis.com", "v1beta", false).expect("good")
    }

    #[test]
    fn a_name_becomes_a_path() {
        for (name, path) in [
            ("gemini-3-flash", "models/gemini-3-flash"),
            ("models/gemini-3-flash", "models/gemini-3-flash"),
            ("tunedModels/mine-1", "tunedModels/mine-1"),
            (
                "projects/p/locations/l/models/m",
                "projects/p/locations/l/models/m",
            ),
            ("models/gemma:4b", "models/gemma%3A4b"),
            ("models/é", "models/%C3%A9"),
            ("models/v1..2", "models/v1..2"),
        ] {
            let url = google().method(Some(name), "countTokens").expect(name);
            let expected = "https://generativelanguage.googleapis.com/v1beta/";
            assert_eq!(
                url.to_string(),
                format!("{expected}{path}:countTokens"),
                "{name}"
            );
        }
    }

    #[test]
    fn a_name_that_addresses_something_else_is_refused() {
        for name in [
            "",
            " ",
            "../secrets",
            "models/..",
            "models/../x",
            "models/.",
            "models//x",
            "/models/x",
            "models/x?key=1",
            "models/x#y",
            "models/%2e%2e",
            "models/x y",
            "models/x\n",
            "a\\b",
            "models/x\u{0}",
            &"x".repeat(513),
        ] {
            let error = google().model(name).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Request, "{name}");
            assert!(error.to_string().contains(" name "), "{error}");
        }
        assert!(google().method(None, "countTokens").is_err());
        assert!(google().cached_content("../x").is_err());
    }

    #[test]
    fn plain_http_is_accepted_for_this_machine_only() {
        let is_good = |base: &str, plain| Address::new(base, "v1beta", plain).is_ok();

        for base in [
            "http://localhost:8080",
            "http://127.0.0.1",
            "http://127.9.9.9",
            "http://[::1]:1",
            "http://api.localhost",
            "http://LOCALHOST",
        ] {
            assert!(is_good(base, false), "{base}");
        }
        for base in [
            "http://example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "http://127.0.0.1.example.com",
            "http://[::2]",
            "http://127.1",
        ] {
            assert!(!is_good(base, false), "{base}");
            assert!(is_good(base, true), "{base}");
        }
    }

    #[test]
    fn a_base_address_is_checked() {
        for base in [
            "",
            "example.com",
            "ftp://example.com",
            "https://",
            "https://me:secret@example.com",
            "https://example.com?key=1",
            "https://example.com/#x",
            "https://example.com:99999",
            "https://example.com:",
            "https://bücher.example",
            "https://exa%6Dple.com",
            "https://[::1",
            "https://[::1]x",
            "https://example.com/a b",
            "https://example.com/a\\b",
            "https://example.com/../x",
            "https://example.com/%2e%2e/x",
        ] {
            let error = Address::new(base, "v1beta", true).expect_err(base);
            assert_eq!(error.kind(), ErrorKind::Configuration, "{base}");
        }
        assert!(Address::new("https://example.com", "", false).is_err());
        assert!(Address::new("https://example.com", "v1?x", false).is_err());
        assert!(Address::new("https://example.com", "..", false).is_err());
    }

    #[test]
    fn a_base_address_may_have_a_path() {
        let address = Address::new("https://example.com/gemini/", "/v1/", false).expect("good");

        let url = address.models(Some("a&b")).expect("good");

        assert_eq!(
            url.to_string(),
            "https://example.com/gemini/v1/models?pageSize=1000&pageToken=a%26b"
        );
        assert_eq!(address.as_str(), "https://example.com/gemini/v1");
    }
}
