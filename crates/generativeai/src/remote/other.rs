//! Connections to services of another kind, made with the same care.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::HeaderMap;

use super::address::Address;
use super::transport::Transport;
use crate::error::Result;

/// The time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for the service at `url` alone: it follows no redirection, and speaks plain HTTP with this
/// machine only. `headers` go with every request.
pub(crate) fn client_for(url: &str, headers: HeaderMap) -> Result<Client> {
    let address = Address::new(url, "v1", false)?;
    Transport::new(&address, headers)?.client(CONNECT_TIMEOUT)
}
