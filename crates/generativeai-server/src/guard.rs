//! Checks that come before all other work on a request: header count, host, origin, API key.

mod host;
mod key;
mod origin;

pub(crate) use host::AllowedHosts;
pub(crate) use key::ApiKey;
pub(crate) use origin::AllowedOrigins;

use axum::http::{HeaderMap, StatusCode};

use crate::error::ApiError;

/// Most headers that a request may have. Clients send about 20.
const MAX_HEADERS: usize = 200;

/// Rejects requests with more headers than any client sends. hyper accepts far more, see `serve`.
pub(crate) fn check_header_count(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.len() <= MAX_HEADERS {
        return Ok(());
    }
    let message = format!("the request has more than {MAX_HEADERS} headers");
    let error = ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message);
    Err(error.closing_connection())
}

/// Function that gets the message of a refusal.
pub(crate) type Report = Box<dyn Fn(&str) + Send + Sync>;
