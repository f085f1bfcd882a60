//! Differences between the services that a client can use: addresses, headers of the key, forms of errors.

use crate::error::Error;

/// Reads the error that a JSON body reports; `None` if it reports none. `code` is the HTTP code of the response,
/// or `None` for a success.
pub type ReadError = fn(code: Option<u16>, json: &[u8]) -> Option<Error>;

/// Facts about a kind of service.
#[derive(Debug)]
pub struct Profile {
    /// Name of the API, for messages: `the Gemini API`.
    pub name: &'static str,
    /// Base URL if none is set.
    pub base_url: &'static str,
    /// Environment variable that may contain another base URL.
    pub base_variable: &'static str,
    /// Place of the API version in an address.
    pub api_version: ApiVersion,
    /// Environment variables that may contain the key, in order.
    pub key_variables: &'static [&'static str],
    /// Header that contains the key, in lower case.
    pub key_header: &'static str,
    /// Text before the key in its header.
    pub key_prefix: &'static str,
    /// Services that need a key.
    pub key_required: KeyRequired,
    /// Further headers of each request.
    pub headers: &'static [(&'static str, &'static str)],
    /// Reader of errors.
    pub read_error: ReadError,
}

/// Set of services that need an API key. Without one, the client is not built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRequired {
    /// All but those on this machine.
    Remotely,
    /// Only the one at the base URL that is used if none is set.
    ByDefault,
}

/// Place of the API version in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiVersion {
    /// After the base URL, as in the Gemini API.
    AfterBaseUrl,
    /// In the base URL: all paths are below it. A base URL without a path gets this one, as `/v1`.
    InBaseUrl(&'static str),
}
