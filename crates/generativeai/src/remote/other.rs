//! Connections to services of another kind, made with the same care.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, redirect, retry};

use super::address::Address;
use super::tls;
use crate::error::{Error, ErrorKind, Result};

/// The time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for the service at `url` alone: it follows no redirection, and speaks plain HTTP with this
/// machine only. `headers` go with every request.
pub(crate) fn client_for(url: &str, headers: HeaderMap) -> Result<Client> {
    let address = Address::new(url, "v1", false)?;
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
        Error::new(ErrorKind::Configuration, "no HTTP client could be made").with_source(error)
    })
}
