//! Differences between the services that a client can use: addresses, headers of the key, forms of errors.

use crate::error::Error;

/// Reads the error that a JSON body reports; `None` if it reports none. `code` is the HTTP code of the response,
/// or `None` for a success.
pub type ReadError = fn(code: Option<u16>, json: &[u8]) -> Option<Error>;

/// Description of a kind of service: the data in which services differ.
#[derive(Debug)]
pub struct Profile {
    /// Name of the API, for messages: `the Gemini API`.
    pub name: &'static str,
    /// Base URL if none is set.
    pub base_url: &'static str,
    /// Environment variable that may contain another base URL.
    pub base_variable: &'static str,
    /// Position of the API version in a URL.
    pub api_version: ApiVersion,
    /// Environment variables that may contain the key, in order.
    pub key_variables: &'static [&'static str],
    /// Header that contains the key, in lower case.
    pub key_header: &'static str,
    /// Text before the key in its header, such as `Bearer `.
    pub key_prefix: &'static str,
    /// Condition under which a missing key is an error.
    pub key_required: KeyRequired,
    /// Headers of each request, in addition to the key.
    pub headers: &'static [(&'static str, &'static str)],
    /// Function that reads the errors of the service.
    pub read_error: ReadError,
}

/// Condition under which a client without an API key is not built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRequired {
    /// The service is not on this machine.
    Remotely,
    /// No base URL is set. A server at another URL may accept requests without a key.
    ByDefault,
}

/// Position of the API version in a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiVersion {
    /// After the base URL, as in the Gemini API.
    AfterBaseUrl,
    /// In the base URL: all paths are below it. A base URL without a path gets this one, as `/v1`.
    InBaseUrl(&'static str),
}
