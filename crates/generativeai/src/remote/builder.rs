//! How a `Remote` is set up: what is not said comes from the environment.

use std::sync::Arc;

use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};

use super::address::Address;
use super::budget::Budget;
use super::client::{Remote, Service};
use super::clock::{Clock, MachineClock};
use super::resolve::Names;
use super::secret::Secret;
use super::tls;
use super::transport::Transport;
use crate::backend::RequestOptions;
use crate::error::{Error, ErrorKind, Result};

const GOOGLE: &str = "https://generativelanguage.googleapis.com";
const KEY_HEADER: HeaderName = HeaderName::from_static("x-goog-api-key");
const CLIENT_HEADER: HeaderName = HeaderName::from_static("x-goog-api-client");
const NAME: &str = concat!("generativeai/", env!("CARGO_PKG_VERSION"));
const CLIENT: &str = concat!("gl-rust generativeai/", env!("CARGO_PKG_VERSION"));
const KEY_VARIABLES: [&str; 2] = ["GEMINI_API_KEY", "GOOGLE_API_KEY"];
const BASE_VARIABLE: &str = "GOOGLE_GEMINI_BASE_URL";

/// Sets up a [`Remote`].
///
/// It goes through the proxy that `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` name, but not to the hosts
/// of `NO_PROXY`, nor to this machine. Proxies of the kind SOCKS are refused.
///
/// ```
/// use std::time::Duration;
/// use generativeai::{Remote, RequestOptions};
///
/// let remote = Remote::builder()
///     .base_url("http://localhost:8080")
///     .api_key("not-a-real-key")
///     .request_options(RequestOptions::default().idle_timeout(Duration::from_secs(30)))
///     .build()?;
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is set up until it is built"]
pub struct RemoteBuilder {
    api_key: Option<Secret>,
    base_url: Option<String>,
    api_version: String,
    headers: Vec<(String, Secret)>,
    roots: Vec<String>,
    options: RequestOptions,
    allow_plain_http: bool,
    answer_limit: usize,
    clock: Arc<dyn Clock>,
    pub(super) names: Names,
}

impl Default for RemoteBuilder {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: None,
            api_version: "v1beta".into(),
            headers: Vec::new(),
            roots: Vec::new(),
            options: RequestOptions::default(),
            allow_plain_http: false,
            answer_limit: 64 << 20,
            clock: Arc::new(MachineClock::default()),
            names: Names::default(),
        }
    }
}

impl RemoteBuilder {
    /// Sets the API key; else it comes from `GEMINI_API_KEY`, then from `GOOGLE_API_KEY`.
    ///
    /// It is sent in a header, and never shown. Only a service on this machine is asked without one.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(Secret::new(key));
        self
    }

    /// Sets the address of the service, without the version; else it comes from
    /// `GOOGLE_GEMINI_BASE_URL`, and is Google's if there is none.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets the version of the API; `v1beta` by default.
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = version.into();
        self
    }

    /// Sends a header with every request. An `authorization` or an `x-goog-api-key` takes the place of
    /// the API key.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), Secret::new(value)));
        self
    }

    /// Trusts a certificate authority, in PEM, beside those of the machine: that of a company's
    /// proxy, say. Several may be given, in one text or one by one. Android knows only its own.
    pub fn root_certificate(mut self, pem: impl Into<String>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Sets how requests are made that do not say otherwise.
    pub fn request_options(mut self, options: RequestOptions) -> Self {
        self.options = options;
        self
    }

    /// Allows `http://` to other machines, which sends the key and all that is said in the clear.
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.allow_plain_http = allow;
        self
    }

    /// Sets how large an answer in one piece, or one event of a stream, may be, in bytes; 64 MiB by
    /// default. A larger one is an error of the kind [`Limit`](ErrorKind::Limit).
    pub fn answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit = bytes;
        self
    }

    /// Sets where time and chance come from, so that a test need not wait.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets it up; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Configuration`](ErrorKind::Configuration): there is no key, or a setting cannot be used.
    pub fn build(self) -> Result<Remote> {
        self.build_with(|name| std::env::var_os(name).map(|value| value.into_string().ok()))
    }

    /// Builds with other variables: absent, present but no text, or a text.
    fn build_with(self, variable: impl Fn(&str) -> Option<Option<String>>) -> Result<Remote> {
        let text = |name: &str| match variable(name) {
            None => Ok(None),
            Some(Some(text)) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
            Some(None) => Err(configuration(format!("the variable {name} is no text"))),
        };
        let base = match &self.base_url {
            Some(base) => Some(base.clone()),
            None => text(BASE_VARIABLE)?,
        };
        let base = base.as_deref().unwrap_or(GOOGLE);
        let address = Address::new(base, &self.api_version, self.allow_plain_http)?;

        let mut headers = self.own_headers()?;
        let mut secrets: Vec<_> = [AUTHORIZATION, KEY_HEADER]
            .iter()
            .filter_map(|name| headers.get(name)?.to_str().ok())
            .map(|value| Secret::new(value.rsplit(' ').next().unwrap_or(value)))
            .collect();
        if secrets.is_empty() {
            if let Some(key) = self.key(&text)? {
                let mut value = HeaderValue::from_str(key.reveal()).map_err(|error| {
                    configuration("the API key fits no header").with_source(error)
                })?;
                value.set_sensitive(true);
                headers.insert(KEY_HEADER, value);
                secrets.push(key);
            } else if !address.is_loopback() {
                return Err(configuration(
                    "there is no API key: set GEMINI_API_KEY, or give one to `api_key`",
                ));
            }
        }
        let mut roots = Vec::new();
        for pem in &self.roots {
            roots.extend(tls::certificates(pem)?);
        }
        let transport = Transport::new(&address, headers, roots, self.names)?;
        Ok(Remote(Arc::new(Service {
            address,
            transport,
            secrets,
            options: self.options,
            answer_limit: self.answer_limit,
            budget: Budget::new(),
            clock: self.clock,
        })))
    }

    /// The key that was given, or that of the first variable that has one.
    fn key(&self, text: &impl Fn(&str) -> Result<Option<String>>) -> Result<Option<Secret>> {
        if let Some(key) = &self.api_key {
            return checked(key.reveal(), "the API key").map(Some);
        }
        for name in KEY_VARIABLES {
            if let Some(key) = text(name)? {
                return checked(&key, &format!("the API key in {name}")).map(Some);
            }
        }
        Ok(None)
    }

    /// The headers of every request, but for the key. None of them is shown.
    fn own_headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(NAME));
        headers.insert(CLIENT_HEADER, HeaderValue::from_static(CLIENT));
        // A compressed answer would have to be bounded twice.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &self.headers {
            let bad = || configuration(format!("the header {name:?} cannot be sent"));
            let name: HeaderName = name.parse().map_err(|error| bad().with_source(error))?;
            let mut value =
                HeaderValue::from_str(value.reveal()).map_err(|error| bad().with_source(error))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// A key without blanks around it, if it can be one.
fn checked(key: &str, what: &str) -> Result<Secret> {
    let key = key.trim();
    let bad = |found: &str| configuration(format!("{what} {found}: copy it anew"));
    if key.is_empty() {
        return Err(bad("is empty"));
    }
    if key.contains(['\n', '\r']) {
        return Err(bad("has a line break in it"));
    }
    if !key.is_ascii() {
        return Err(bad("has characters in it that are not ASCII"));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad("has blanks or control characters in it"));
    }
    Ok(Secret::new(key))
}

fn configuration(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message.into())
}

#[cfg(test)]
mod tests;
