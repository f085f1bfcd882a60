//! Addresses of requests: the base URL, the API version, and the names in the path.

mod name;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use hyper::Uri;
use hyper::http::uri::{Authority, InvalidUri};
use percent_encoding::utf8_percent_encode;

use crate::error::{Error, ErrorKind, Result};
use name::{QUERY, path_of};

/// API version of requests if none is set.
const DEFAULT_VERSION: &str = "v1beta";

const NO_SCHEME: &str = "has to start with https:// or http://";

/// Paths of OpenAI's methods that users copy together with a base URL.
const COPIED: [&str; 2] = ["/chat/completions", "/embeddings"];

/// Checked base URL of a service. No name of a model or file can direct a request to another host.
#[derive(Debug)]
pub(super) struct Address {
    /// Base URL with the API version and a slash at its end.
    root: String,
    /// Base URL of uploads: `upload/` precedes the API version.
    upload_root: String,
    /// The host, and the port if the base URL has one.
    authority: Authority,
    is_encrypted: bool,
}

impl Address {
    /// Checks a base URL of the Gemini API. `allow_plain` permits `http://` to other machines.
    ///
    /// Users often copy the URL of a request, so a model, a method and an API version at its end are removed. The
    /// removed version is used unless `version` is set.
    ///
    /// # Errors
    /// The URL is invalid, or its version differs from `version`.
    pub(super) fn new(base: &str, version: Option<&str>, allow_plain: bool) -> Result<Self> {
        let (base, copied) = without_resource(base.trim());
        let mut address = Self::checked(base, allow_plain)?;
        let version = version.map(|version| version.trim_matches('/'));
        if let (Some(version), Some(copied)) = (version, copied)
            && version != copied
        {
            return Err(bad_base(&format!(
                "ends with the API version `{copied}`, but the version `{version}` is set: remove one of the two"
            )));
        }
        let version = version.or(copied).unwrap_or(DEFAULT_VERSION);
        if version.is_empty() || !is_plain_path(version) {
            return Err(configuration(
                "the API version is invalid: use a word such as `v1beta`",
            ));
        }
        address.root = format!("{}{version}/", address.root);
        address.upload_root = format!("{}{version}/", address.upload_root);
        Ok(address)
    }

    /// Checks a base URL whose path contains the API version. A URL without a path gets `path`. `allow_plain` permits
    /// `http://` to other machines.
    ///
    /// The path of a method that was copied with the URL is removed.
    pub(super) fn with_version(base: &str, path: &str, allow_plain: bool) -> Result<Self> {
        let base = base.trim().trim_end_matches('/');
        let copied = COPIED.iter().find_map(|method| base.strip_suffix(method));
        let mut base = copied.unwrap_or(base);
        // Only after a version: the base URLs of some services end with `/models`.
        if let Some((before, "completions" | "models" | "responses")) = split_last(base)
            && split_last(before).is_some_and(|(_, last)| is_version(last))
        {
            base = before;
        }
        // Tools append a version to a URL that already has one: `/v1/v1`.
        while let Some((before, last)) = split_last(base)
            && is_version(last)
            && split_last(before).is_some_and(|(_, other)| other == last)
        {
            base = before;
        }
        let mut address = Self::checked(base, allow_plain)?;
        if split_last(base).is_none() {
            address.root = format!("{base}{path}/");
        }
        Ok(address)
    }

    /// Checks the scheme and the host of a URL. Its path and its query may be any.
    #[cfg(feature = "mcp")]
    pub(super) fn of_origin(url: &str) -> Result<Self> {
        let url = url.trim();
        let host = url.find("://").map_or(0, |at| at + "://".len());
        let length = url[host..].find(['/', '?', '#']);
        let end = length.map_or(url.len(), |length| host + length);
        Self::checked(&url[..end], false)
    }

    /// Checks a base URL without an API version at its end.
    fn checked(base: &str, allow_plain: bool) -> Result<Self> {
        let bad_base = |what: &str| bad_base(&format!("{}{what}", quoted(base)));
        let uri: Uri = base
            .parse()
            .map_err(|error: InvalidUri| match base.contains("://") {
                true => bad_base("is invalid").with_source(error),
                false => bad_base(NO_SCHEME),
            })?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad_base(NO_SCHEME));
        };
        match scheme {
            "https" => {}
            "http" if allow_plain || is_loopback(authority.host()) => {}
            "http" => {
                return Err(bad_base(
                    "starts with http://, which would send the key unencrypted: use https://",
                ));
            }
            _ => return Err(bad_base(NO_SCHEME)),
        }
        if authority.as_str().contains('@') {
            return Err(bad_base("contains a user name or password: remove it"));
        }
        // Checked in the text: `Uri` drops the fragment when it is parsed.
        if base.contains(['?', '#']) {
            return Err(bad_base("contains a query or a fragment: remove it"));
        }
        if !is_host(authority) {
            return Err(bad_base(
                "has an invalid host: use a name of ASCII letters, digits, dots and dashes, \
                 or an IP address, optionally with a port",
            ));
        }
        if !is_plain_path(uri.path()) {
            return Err(bad_base(
                "has an invalid path: use ASCII letters, digits, `-._~@` and slashes",
            ));
        }
        Ok(Self {
            root: format!("{base}/"),
            upload_root: format!("{base}/upload/"),
            authority: authority.clone(),
            is_encrypted: scheme == "https",
        })
    }

    /// Returns the host, and the port if the base URL has one, for messages.
    pub(super) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// Returns whether the service runs on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(self.authority.host())
    }

    /// Returns whether the service is one of Google's.
    pub(super) fn is_google(&self) -> bool {
        let host = self.authority.host().to_ascii_lowercase();
        // A name that is fully qualified ends with a dot.
        let host = host.strip_suffix('.').unwrap_or(&host);
        host.ends_with(".googleapis.com")
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
        self.page("models?pageSize=1000", page_token)
    }

    /// Returns the address of a page of the list of files.
    pub(super) fn files(&self, page_token: Option<&str>) -> Result<Uri> {
        self.page("files?pageSize=100", page_token)
    }

    /// Returns the address of a file.
    pub(super) fn file(&self, name: &str) -> Result<Uri> {
        match path_of("files", name)? {
            path if path.starts_with("files/") => self.at(&path),
            path => Err(request(format!(
                "`{path}` is not the name of a file: it must start with `files/`"
            ))),
        }
    }

    /// Returns the address at which uploads of files start.
    pub(super) fn uploads(&self) -> Result<Uri> {
        uri(format!("{}files", self.upload_root))
    }

    /// Parses the address of an upload, which the service chose.
    ///
    /// # Errors
    /// The address has another scheme, host or port. The requests of the upload would send the API key there.
    pub(super) fn upload(&self, address: &str) -> Result<Uri> {
        let target: Uri = address.parse().map_err(|error: InvalidUri| {
            Error::new(ErrorKind::Decode, "the address of the upload is invalid").with_source(error)
        })?;
        let own = self.at("")?;
        let is_same = target.scheme() == own.scheme()
            && target
                .host()
                .is_some_and(|host| host.eq_ignore_ascii_case(self.authority.host()))
            && port(&target) == port(&own);
        if is_same {
            return Ok(target);
        }
        let host = target.authority().map_or("", Authority::as_str);
        Err(configuration(format!(
            "the service directs the upload to `{host}`, and redirects are not followed: \
             set that address as base URL"
        )))
    }

    fn page(&self, list: &str, page_token: Option<&str>) -> Result<Uri> {
        let mut path = list.to_owned();
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
        self.at(&[&path_of("models", model)?, ":", method].concat())
    }

    /// Returns the address of a path below the base URL.
    pub(super) fn at(&self, path: &str) -> Result<Uri> {
        uri([self.root.as_str(), path].concat())
    }
}

/// Splits a base URL that was copied from the URL of a request. Returns it without the model, the method and the API
/// version at its end, and returns the version.
fn without_resource(url: &str) -> (&str, Option<&str>) {
    let mut base = url.trim_end_matches('/');
    // `models/gemini-flash-latest:generateContent`
    if let Some((before, _)) = split_last(base)
        && let Some((before, "models" | "tunedModels")) = split_last(before)
    {
        base = before;
    }
    // `v1beta/models`, and `v1beta/openai`, the base URL for clients of OpenAI's API
    if let Some((before, "models" | "openai")) = split_last(base)
        && split_last(before).is_some_and(|(_, last)| is_version(last))
    {
        base = before;
    }
    let mut version = None;
    // A loop, since tools append a version to a URL that already has one: `/v1beta/v1beta`.
    while let Some((before, last)) = split_last(base)
        && is_version(last)
        && version.is_none_or(|version| version == last)
    {
        (base, version) = (before, Some(last));
    }
    (base, version)
}

/// Splits a URL before the last segment of its path. `None` if it has no path.
fn split_last(url: &str) -> Option<(&str, &str)> {
    let (before, last) = url.rsplit_once('/')?;
    let before = before.trim_end_matches('/');
    before.contains("://").then_some((before, last))
}

/// Returns whether a segment of a path is an API version, such as `v1beta`.
fn is_version(segment: &str) -> bool {
    let number = segment.strip_prefix('v').unwrap_or_default();
    number.starts_with(|char: char| char.is_ascii_digit())
        && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn uri(address: String) -> Result<Uri> {
    Uri::try_from(address)
        .map_err(|error| request("the request has an invalid address").with_source(error))
}

/// Returns the port of an address, or the default port of its scheme.
fn port(uri: &Uri) -> u16 {
    let default = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    uri.port_u16().unwrap_or(default)
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
            // RFC 6761 reserves `localhost` and all names below it for the loopback interface.
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

/// Returns a base URL in quotes, with a space, for messages. Empty for a text that may be a key or contain one.
fn quoted(base: &str) -> String {
    if !base.contains(':') || base.contains(['@', '?', '#']) {
        return String::new();
    }
    // The message may be printed, and a terminal interprets control characters.
    let shown = base.chars().filter(|char| !char.is_control()).take(200);
    format!("`{}` ", shown.collect::<String>())
}

fn bad_base(what: &str) -> Error {
    configuration(format!("the base URL {what}"))
}

fn configuration(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message.into())
}

fn request(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Request, message.into())
}
