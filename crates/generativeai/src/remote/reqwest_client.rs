//! A reqwest client for MCP servers, with the same TLS and redirect rules as `Remote`.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, redirect, retry};

use super::address::Address;
use super::tls;
use crate::error::{Error, ErrorKind, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Creates a client for the service at `url`: it follows no redirects, and uses plain HTTP with this machine
/// only. `headers` are sent with every request.
pub(crate) fn client_for(url: &str, headers: HeaderMap) -> Result<Client> {
    let address = Address::new(url, None, false)?;
    let mut builder = Client::builder()
        .default_headers(headers)
        .tls_backend_preconfigured(tls::config(address.is_encrypted(), Vec::new())?)
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
