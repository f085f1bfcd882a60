//! Settings of a `Remote`. The environment provides defaults.

use std::sync::{Arc, Mutex};

use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use tokio::sync::Semaphore;

use super::address::Address;
use super::api::Remote;
use super::client::Client;
use super::failure::ErrorReader;
use super::files::Stored;
use super::gemini::GEMINI;
use super::profile::{ApiVersion, KeyRequired, Profile};
use super::resolve::Resolver;
use super::retry_budget::{self, RetryBudget};
use super::secret::Secret;
use super::service::Service;
use super::tls;
use super::transport::Transport;
use crate::backend::RequestOptions;
use crate::error::{Error, ErrorKind, Result};

const NAME: &str = concat!("generativeai/", env!("CARGO_PKG_VERSION"));

/// Builder of a [`Remote`].
///
/// Settings that are absent come from the environment: the API key from `GEMINI_API_KEY`, then `GOOGLE_API_KEY`; the
/// base URL from `GOOGLE_GEMINI_BASE_URL`.
///
/// Connections go through the proxy that `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` names, except to the hosts
/// in `NO_PROXY` and to this machine. SOCKS proxies are not supported.
///
/// | Setting | Environment | Default |
/// | --- | --- | --- |
/// | [`api_key`](Self::api_key) | `GEMINI_API_KEY`, `GOOGLE_API_KEY` | none; an error, except on this machine |
/// | [`base_url`](Self::base_url) | `GOOGLE_GEMINI_BASE_URL` | Google's Gemini API |
/// | [`api_version`](Self::api_version) | | the version in the base URL, else `v1beta` |
/// | [`request_options`](Self::request_options) | | see [`RequestOptions`] |
/// | [`response_limit`](Self::response_limit) | | 64 MiB |
/// | [`retry_budget`](Self::retry_budget) | | 100 retries |
/// | [`max_in_flight`](Self::max_in_flight) | | no limit |
///
/// An empty variable is treated as absent.
///
/// ```
/// use std::time::Duration;
/// use generativeai::{Remote, RequestOptions};
///
/// let remote = Remote::builder()
///     .base_url("http://localhost:8080")
///     .api_key("not-a-real-key")
///     .header("x-goog-user-project", "my-project")
///     .request_options(RequestOptions::default().idle_timeout(Duration::from_secs(30)))
///     .build()?;
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct RemoteBuilder {
    profile: &'static Profile,
    api_key: Option<Secret>,
    base_url: Option<String>,
    api_version: Option<String>,
    headers: Vec<(String, Secret)>,
    roots: Vec<String>,
    options: RequestOptions,
    allow_plain_http: bool,
    response_limit: usize,
    retry_budget: u32,
    max_in_flight: Option<usize>,
    jitter_seed: Option<u64>,
    pub(super) resolver: Resolver,
}

impl Default for RemoteBuilder {
    fn default() -> Self {
        Self::of(&GEMINI)
    }
}

impl RemoteBuilder {
    /// Creates a builder of clients of a service.
    pub(crate) fn of(profile: &'static Profile) -> Self {
        Self {
            profile,
            api_key: None,
            base_url: None,
            api_version: None,
            headers: Vec::new(),
            roots: Vec::new(),
            options: RequestOptions::default(),
            allow_plain_http: false,
            response_limit: 64 << 20,
            retry_budget: retry_budget::DEFAULT_RETRIES,
            max_in_flight: None,
            jitter_seed: None,
            resolver: Resolver::default(),
        }
    }
}

impl Remote {
    /// Returns a builder with the settings of the client. [`build`](RemoteBuilder::build) creates the client.
    pub fn builder() -> RemoteBuilder {
        RemoteBuilder::default()
    }

    /// Creates a client from the environment: the API key from `GEMINI_API_KEY`, then `GOOGLE_API_KEY`; the
    /// base URL from `GOOGLE_GEMINI_BASE_URL`, else Google's.
    ///
    /// A [model](crate::GenerativeModel) without a backend calls this for its first request. A program that calls it at
    /// its start reports a missing key early, and can share the client among its models.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration): the API key is missing, or a variable is invalid.
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }
}

impl RemoteBuilder {
    /// Sets the API key. Without it, the key comes from `GEMINI_API_KEY`, then `GOOGLE_API_KEY`.
    ///
    /// The key is sent in the header `x-goog-api-key` and never printed. It may be missing only for a service
    /// on this machine.
    ///
    /// White space around the key is removed. [`build`](Self::build) refuses a key with spaces, line breaks or
    /// characters that are not ASCII, since it was not copied correctly:
    ///
    /// ```
    /// use generativeai::Remote;
    ///
    /// let error = Remote::builder().api_key("AIza with a space").build().unwrap_err();
    /// assert!(error.to_string().contains("spaces"));
    /// assert!(!error.to_string().contains("AIza"));
    /// ```
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(Secret::new(key));
        self
    }

    /// Sets the base URL. Without it, the URL comes from `GOOGLE_GEMINI_BASE_URL`, else it is Google's.
    ///
    /// An API version at its end, such as `/v1`, is used for all requests. A model and a method after the version are
    /// ignored, so the URL of a request can be pasted as it is documented.
    ///
    /// ```
    /// use generativeai::Remote;
    ///
    /// // The server of this project, a proxy of a company, or a gateway with its own path.
    /// for url in ["http://127.0.0.1:8080", "https://llm.example.com/gemini", "https://llm.example.com/v1"] {
    ///     Remote::builder().base_url(url).api_key("not-a-real-key").build()?;
    /// }
    /// // The key would be readable on the way: `http://` needs `allow_plain_http`.
    /// assert!(Remote::builder().base_url("http://llm.example.com").api_key("not-a-real-key").build().is_err());
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets the API version. Default: the version in the base URL, else `v1beta`.
    ///
    /// `v1beta` has all features of the Gemini API. `v1` changes less often, and lacks most features in preview.
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// Adds a header to every request. A header with the same name replaces an earlier one. Values are not printed by
    /// `Debug`.
    ///
    /// A header `authorization` or `x-goog-api-key` replaces the API key. Then the environment variables of the key are
    /// not read.
    ///
    /// ```
    /// use generativeai::Remote;
    ///
    /// // An OAuth token instead of an API key. It expires: make a new client then.
    /// let token = "not-a-real-token";
    /// let remote = Remote::builder().header("authorization", format!("Bearer {token}")).build()?;
    /// assert!(!format!("{remote:?}").contains(token));
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), Secret::new(value)));
        self
    }

    /// Trusts certificate authorities in addition to those of the platform, such as the one of a company proxy.
    ///
    /// `pem` may contain several certificates, and the method may be called repeatedly. [`build`](Self::build) fails if
    /// the text is not valid PEM. On Android it always fails with such a certificate: install it in the system
    /// settings.
    ///
    /// ```no_run
    /// use generativeai::Remote;
    ///
    /// let pem = std::fs::read_to_string("company-root.pem")?;
    /// let remote = Remote::builder().root_certificate(pem).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root_certificate(mut self, pem: impl Into<String>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Sets the options of requests that set none themselves.
    ///
    /// The options of a model and of a message take precedence, value by value.
    pub fn request_options(mut self, options: RequestOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets whether `http://` is allowed to other machines. Default: only to this machine.
    ///
    /// Plain HTTP sends the API key and the conversation unencrypted. Allow it for a server in a trusted network, such
    /// as `genai serve` of this project on another machine:
    ///
    /// ```
    /// use generativeai::Remote;
    ///
    /// let remote = Remote::builder()
    ///     .base_url("http://gpu-server:8080")
    ///     .allow_plain_http(true)
    ///     .api_key("not-a-real-key")
    ///     .build()?;
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.allow_plain_http = allow;
        self
    }

    /// Sets the maximum size of a response in one piece, and of each event of a stream, in bytes. A larger one
    /// is an error of kind [`Limit`](ErrorKind::Limit), and is not read into memory. Default: 64 MiB.
    ///
    /// The limit protects a program from a server that never stops sending. Images are the largest regular responses: a
    /// few MiB each.
    pub fn response_limit(mut self, bytes: usize) -> Self {
        self.response_limit = bytes;
        self
    }

    /// Sets the retry budget: the number of retries that all clones of the client may make while nothing succeeds.
    /// Default: 100.
    ///
    /// The budget keeps a service that is down from receiving several times its load. A retry that succeeds returns its
    /// cost, and five requests that succeed without a retry pay for one more. Once the budget is spent, each request
    /// makes one attempt. A retry after a wait that the service sent with status 429 costs nothing.
    ///
    /// The budget counts for the client, [`Retry::max_attempts`](crate::Retry::max_attempts) for one request. With 0
    /// nothing is retried, except after such a wait.
    pub fn retry_budget(mut self, retries: u32) -> Self {
        self.retry_budget = retries;
        self
    }

    /// Limits the number of requests that all clones of the client have in flight. 0 is treated as 1. Default: no
    /// limit.
    ///
    /// Further requests wait for their turn, in order. [`timeout`](RequestOptions::timeout) includes this wait,
    /// `idle_timeout` does not. A request is in flight until its response is complete or dropped. So a stream that is
    /// not read occupies a place. A request that waits for its next attempt does not.
    ///
    /// ```
    /// use generativeai::Remote;
    ///
    /// // A free tier, or a small server: hundreds of chats, eight requests at a time.
    /// let remote = Remote::builder().api_key("not-a-real-key").max_in_flight(8).build()?;
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = Some(requests);
        self
    }

    /// Makes the random waits between attempts reproducible, for tests. Default: a random seed.
    ///
    /// Which wait a seed produces may change between versions.
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.jitter_seed = Some(seed);
        self
    }

    /// Creates the client. Nothing is sent yet, and no connection is opened.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration): the API key is missing, or a setting is invalid.
    ///
    /// A program should report a missing key when it starts:
    ///
    /// ```
    /// use generativeai::{ErrorKind, Remote};
    ///
    /// let error = Remote::builder().base_url("no URL").build().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Configuration);
    /// ```
    pub fn build(self) -> Result<Remote> {
        let client = self.client()?;
        Ok(Remote { client })
    }

    /// Creates the client of the service.
    pub(crate) fn client(self) -> Result<Client> {
        self.client_with(|name| std::env::var_os(name).map(|value| value.into_string().ok()))
    }

    /// Creates the client. `variable` reads an environment variable; `Some(None)` is one that is not Unicode. Tests
    /// pass a function with fixed variables, since they share the environment of their process.
    fn client_with(self, variable: impl Fn(&str) -> Option<Option<String>>) -> Result<Client> {
        let text = |name: &str| match variable(name) {
            None => Ok(None),
            Some(Some(text)) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
            Some(None) => Err(configuration(format!(
                "the variable {name} is not valid Unicode"
            ))),
        };
        let variable = self.profile.base_variable;
        let base = match &self.base_url {
            Some(base) => Some(base.clone()),
            None => text(variable)?,
        };
        let address = self.address(base.as_deref());
        let address = match self.base_url {
            Some(_) => address?,
            None => address.map_err(|error| error.with_context(variable))?,
        };
        let mut headers = self.headers()?;
        let mut secrets = self.secrets_in(&headers);
        if secrets.is_empty() {
            if let Some(key) = self.key(&text)? {
                headers.insert(self.profile.key_header, self.key_header(&key)?);
                secrets.push(key);
            } else if base.is_none()
                || self.profile.key_required == KeyRequired::Remotely && !address.is_loopback()
            {
                let variables = self.profile.key_variables.join(" or ");
                return Err(configuration(format!("no API key: set {variables}")));
            }
        }
        self.service(address, headers, secrets)
    }

    /// Creates the client from its parts and the settings that have no default in the environment.
    fn service(self, address: Address, headers: HeaderMap, secrets: Vec<Secret>) -> Result<Client> {
        let mut roots = Vec::new();
        for pem in &self.roots {
            roots.extend(tls::certificates(pem)?);
        }
        let rng = match self.jitter_seed {
            Some(seed) => fastrand::Rng::with_seed(seed),
            None => fastrand::Rng::new(),
        };
        let transport = Transport::new(&address, headers, roots, self.resolver)?;
        let errors = ErrorReader {
            profile: self.profile,
            secrets,
        };
        let service = Arc::new(Service {
            address,
            transport,
            errors,
            options: self.options,
            response_limit: self.response_limit,
            retry_budget: RetryBudget::new(self.retry_budget),
            in_flight: self.max_in_flight.map(|requests| {
                Arc::new(Semaphore::new(requests.clamp(1, Semaphore::MAX_PERMITS)))
            }),
            jitter: Mutex::new(rng),
            stored: Stored::default(),
        });
        Ok(Client { service })
    }

    /// Returns the address of the service. Without a base URL it is the one of the profile.
    fn address(&self, base: Option<&str>) -> Result<Address> {
        let base = base.unwrap_or(self.profile.base_url);
        match self.profile.api_version {
            ApiVersion::AfterBaseUrl => {
                Address::new(base, self.api_version.as_deref(), self.allow_plain_http)
            }
            ApiVersion::InBaseUrl(path) => Address::with_version(base, path, self.allow_plain_http),
        }
    }

    /// Returns the secrets in the headers that the caller has set.
    fn secrets_in(&self, headers: &HeaderMap) -> Vec<Secret> {
        let names = [AUTHORIZATION.as_str(), self.profile.key_header];
        let values = names
            .iter()
            .filter_map(|name| headers.get(*name)?.to_str().ok());
        // Of `Bearer TOKEN` only the token is a secret: an error may quote it without the scheme.
        let tokens = values.filter_map(|value| value.trim().rsplit(' ').next());
        tokens.map(Secret::new).collect()
    }

    /// Returns the value of the header that contains the API key.
    fn key_header(&self, key: &Secret) -> Result<HeaderValue> {
        let value = [self.profile.key_prefix, key.reveal()].concat();
        let mut value = HeaderValue::try_from(value).map_err(|error| {
            configuration("the API key cannot be sent in a header").with_source(error)
        })?;
        // `Debug` prints a sensitive value as `Sensitive`, and HTTP/2 never puts it into its header table.
        value.set_sensitive(true);
        Ok(value)
    }

    /// Returns the configured key, or else the key in the first environment variable that contains one.
    fn key(&self, text: &impl Fn(&str) -> Result<Option<String>>) -> Result<Option<Secret>> {
        if let Some(key) = &self.api_key {
            return checked(key.reveal(), "the API key").map(Some);
        }
        for name in self.profile.key_variables {
            if let Some(key) = text(name)? {
                return checked(&key, &format!("the API key in {name}")).map(Some);
            }
        }
        Ok(None)
    }

    /// Returns the headers of every request, without the API key.
    fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(NAME));
        for (name, value) in self.profile.headers {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        // Compressed responses are not requested: their size would have to be limited before and after decompression.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &self.headers {
            let (name, value) = header(name, value.reveal())?;
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// Parses a header of the caller. Its value may be a key, so `Debug` does not print it.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let bad = || {
        configuration(format!(
            "the header `{}` cannot be sent",
            name.escape_debug()
        ))
    };
    let parsed: HeaderName = name.parse().map_err(|error| bad().with_source(error))?;
    let mut value = HeaderValue::from_str(value).map_err(|error| bad().with_source(error))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

/// Trims a key and checks it. Errors describe the problem without quoting the key.
fn checked(key: &str, what: &str) -> Result<Secret> {
    let key = key.trim();
    let bad = |found: &str| configuration(format!("{what} {found}: copy it again"));
    if key.is_empty() {
        return Err(bad("is empty"));
    }
    if key.contains(['\n', '\r']) {
        return Err(bad("contains a line break"));
    }
    if !key.is_ascii() {
        return Err(bad("contains characters that are not ASCII"));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad("contains spaces or control characters"));
    }
    Ok(Secret::new(key))
}

fn configuration(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message.into())
}

#[cfg(test)]
mod tests;
