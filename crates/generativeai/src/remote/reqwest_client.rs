//! Client for MCP servers over HTTP. `rmcp` uses reqwest, so this client repeats the TLS and redirect rules of
//! `Remote`.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, redirect, retry};

use super::address::Address;
use super::tls;
use crate::error::{Error, ErrorKind, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Creates a client for the service at `url`. `headers` are sent with every request.
///
/// # Errors
/// The URL is invalid, or is plain HTTP to another machine.
pub(crate) fn client_for(url: &str, headers: HeaderMap) -> Result<Client> {
    let address = Address::of_origin(url)?;
    let mut builder = Client::builder()
        .default_headers(headers)
        .tls_backend_preconfigured(tls::config(address.is_encrypted(), Vec::new())?)
        // The headers may contain keys: a redirect would send them to another host.
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT);
    if address.is_loopback() {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| {
        let message = "the HTTP client cannot be created";
        Error::new(ErrorKind::Configuration, message).with_source(error)
    })
}
