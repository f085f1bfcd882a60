//! Who may ask: the checks that come before everything else.

mod host;
mod key;
mod origin;

pub(crate) use host::Hosts;
pub(crate) use key::Key;
pub(crate) use origin::Origins;

use axum::http::request::Parts;

use crate::failure::{Code, Failure};

/// The most headers that a request of any client has.
const MOST_HEADERS: usize = 200;

/// Refuses a head that no client would send.
pub(crate) fn head(parts: &Parts) -> Result<(), Failure> {
    if parts.headers.len() > MOST_HEADERS {
        let message = format!("the request has more than {MOST_HEADERS} headers");
        return Err(Failure::new(Code::HEAD_TOO_LARGE, message).closing());
    }
    Ok(())
}
