//! The deadline that a client sets with `X-Server-Timeout`.
//!
//! The official clients send the timeout that their user set, in seconds. After it nobody would read the result of
//! further work. The deadline starts with the arrival of the headers and covers the queue, the backend and the whole
//! stream.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use generativeai::RequestOptions;
use tokio::time::{Instant, timeout_at};

use crate::error::ApiError;

/// Header with the number of seconds that the client waits. The official clients send it.
const HEADER: &str = "x-server-timeout";

/// Longest deadline in seconds. A longer one is treated as none, since it may overflow `Instant`.
const MAX_SECONDS: f64 = 86_400.0;

/// Time by which a response must be complete, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Reads the deadline from the headers of a request.
    ///
    /// # Errors
    /// The header is not a positive number.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(value) = headers.get(HEADER) else {
            return Ok(Self(None));
        };
        let text = value.to_str().unwrap_or_default();
        match text.trim().parse() {
            Ok(seconds) if seconds > MAX_SECONDS => Ok(Self(None)),
            Ok(seconds) if seconds > 0.0 => {
                let time = Duration::from_secs_f64(seconds);
                Ok(Self(Some(Instant::now() + time)))
            }
            _ => Err(ApiError::invalid(format!(
                "`{HEADER}` must be a positive number of seconds"
            ))),
        }
    }

    /// Returns options that give the backend the remaining time.
    ///
    /// The server enforces the deadline itself. The options let a backend that asks another service pass it on, and
    /// stop in time to report the reason.
    pub(crate) fn options(self) -> RequestOptions {
        match self.0 {
            // Zero once the deadline has passed: the subtraction of tokio's `Instant` saturates.
            Some(end) => RequestOptions::default().timeout(end - Instant::now()),
            None => RequestOptions::default(),
        }
    }

    /// Awaits a future until the deadline.
    ///
    /// # Errors
    /// The deadline passed first.
    pub(crate) async fn run<F: Future>(self, future: F) -> Result<F::Output, ApiError> {
        let Some(end) = self.0 else {
            return Ok(future.await);
        };
        timeout_at(end, future).await.map_err(|_| {
            let message =
                format!("the deadline of `{HEADER}` passed before the response was complete");
            ApiError::new(StatusCode::GATEWAY_TIMEOUT, message)
        })
    }
}
