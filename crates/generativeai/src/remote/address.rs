//! Where requests go: the base address, the version of the API, the names in the path.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::http::uri::{Authority, InvalidUri};

use crate::error::{Error, ErrorKind, Result};

/// The longest name of a model, in bytes.
const LONGEST_NAME: usize = 512;

/// The address of a service that speaks the Gemini API.
#[derive(Debug)]
pub(super) struct Address {
    /// Ends with the version and a slash.
    root: String,
    host: String,
    /// The host and its port, if it is not that of the scheme.
    authority: String,
    encrypted: bool,
    /// The method that was asked for last, as most often it is the next one, too.
    last: Mutex<Option<Found>>,
}

/// Where a method of a model is.
#[derive(Debug)]
struct Found {
    name: String,
    method: &'static str,
    uri: Uri,
}

impl Address {
    /// Checks a base address. `plain` allows `http://` to other machines.
    pub(super) fn new(base: &str, version: &str, plain: bool) -> Result<Self> {
        let bad = |what: &str| configuration(format!("the address of the service {what}"));
        let base = base.trim().trim_end_matches('/');
        let uri: Uri = base
            .parse()
            .map_err(|error: InvalidUri| bad("is no URL").with_source(error))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad("is no URL: it begins with https://"));
        };
        match scheme {
            "https" => {}
            "http" if plain || is_loopback(authority.host()) => {}
            "http" => {
                return Err(bad(
                    "begins with http://: the key would be sent in the clear. \
                Use https://, or allow plain http",
                ));
            }
            _ => return Err(bad("begins neither with https:// nor with http://")),
        }
        if authority.as_str().contains('@') {
            return Err(bad(
                "holds a user name or a password: send them in a header",
            ));
        }
        if base.contains(['?', '#']) {
            return Err(bad(
                "holds a query or a fragment: it ends before `?` and `#`",
            ));
        }
        if !is_host(authority) {
            return Err(bad(
                "names no host: that is a name of letters, digits, dots and dashes, or an IP \
                 address, and perhaps a port",
            ));
        }
        if !is_path(uri.path()) {
            return Err(bad("has a path that is none of words and slashes"));
        }
        let version = version.trim_matches('/');
        if version.is_empty() || !is_path(version) {
            return Err(configuration(
                "the version of the API is no word such as `v1beta`",
            ));
        }
        Ok(Self {
            root: format!("{base}/{version}/"),
            host: authority.host().to_owned(),
            authority: match (scheme, authority.port_u16()) {
                ("https", Some(443)) | ("http", Some(80)) => authority.host().to_owned(),
                _ => authority.to_string(),
            },
            encrypted: scheme == "https",
            last: Mutex::default(),
        })
    }

    /// The host, for messages.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The host and its port, for the header of HTTP/1.
    pub(super) fn authority(&self) -> Result<HeaderValue> {
        let bad = "the address of the service has a host that fits no header";
        HeaderValue::from_str(&self.authority)
            .map_err(|error| configuration(bad).with_source(error))
    }

    /// Whether the service runs on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Whether a connection is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The address and version, as text.
    pub(super) fn as_str(&self) -> &str {
        self.root.trim_end_matches('/')
    }

    /// The list of models.
    pub(super) fn models(&self, page_token: Option<&str>) -> Result<Uri> {
        let mut path = "models?pageSize=1000".to_owned();
        if let Some(token) = page_token {
            path.push_str("&pageToken=");
            push_escaped(&mut path, token, is_plain);
        }
        self.at(&path)
    }

    /// A model.
    pub(super) fn model(&self, name: &str) -> Result<Uri> {
        self.at(&path_of("models", name)?)
    }

    /// A cache.
    pub(super) fn cached_content(&self, name: &str) -> Result<Uri> {
        self.at(&path_of("cachedContents", name)?)
    }

    /// A method of a model, such as `generateContent`, perhaps with a query.
    pub(super) fn method(&self, name: Option<&str>, method: &'static str) -> Result<Uri> {
        let name = name.ok_or_else(|| request("the request names no model"))?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = &*last
            && found.name == name
            && found.method == method
        {
            return Ok(found.uri.clone());
        }
        let uri = self.at(&format!("{}:{method}", path_of("models", name)?))?;
        *last = Some(Found {
            name: name.to_owned(),
            method,
            uri: uri.clone(),
        });
        Ok(uri)
    }

    fn at(&self, path: &str) -> Result<Uri> {
        let address = [self.root.as_str(), path].concat();
        Uri::try_from(address)
            .map_err(|error| request("the request has no address").with_source(error))
    }
}

/// Checks a name, and writes it as a path; a name without a slash is one of the collection.
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
        return Err(request(format!("a name of `{collection}/` is empty")));
    }
    if name.len() > LONGEST_NAME {
        return Err(bad("is too long"));
    }
    if let Some(char) = name.chars().find(|char| is_refused(*char)) {
        return Err(bad(&format!("has {char:?} in it")));
    }
    if name
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
    {
        return Err(bad(&format!(
            "is no path of words such as `{collection}/…`"
        )));
    }
    let mut path = String::with_capacity(collection.len() + 1 + name.len());
    if !name.contains('/') {
        path.push_str(collection);
        path.push('/');
    }
    push_escaped(&mut path, name, |byte| is_plain(byte) || byte == b'/');
    Ok(path)
}

/// Writes a text into an address: bytes that do not stand for themselves as `%` and their number.
fn push_escaped(address: &mut String, text: &str, is_itself: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        if is_itself(byte) {
            address.push(char::from(byte));
        } else {
            write!(address, "%{byte:02X}").expect("a string takes everything");
        }
    }
}

fn is_refused(char: char) -> bool {
    char.is_whitespace() || char.is_control() || matches!(char, '?' | '#' | '%' | '\\')
}

/// Whether a byte stands for itself in a path.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@')
}

/// Whether a path is one of words that stand for themselves, and of no dots that lead elsewhere.
fn is_path(path: &str) -> bool {
    let mut words = path.split('/');
    words.all(|word| !matches!(word, "." | "..") && word.bytes().all(is_plain))
}

/// Whether an authority is a host, and perhaps a port.
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

/// The IP address that a host is; one of version 6 stands in brackets.
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
    fn methods_in_turn_have_each_its_address() {
        let address = google();
        for _ in 0..2 {
            for (name, method) in [("a", "x"), ("a", "y"), ("b", "y"), ("b", "y"), ("", "y")] {
                let uri = address
                    .method(Some(name), method)
                    .map(|uri| uri.to_string());
                let expected = format!("/models/{name}:{method}");
                assert_eq!(
                    uri.is_ok_and(|uri| uri.ends_with(&expected)),
                    !name.is_empty(),
                    "{name} {method}"
                );
            }
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
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
    fn plain_http_is_for_this_machine_alone() {
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
