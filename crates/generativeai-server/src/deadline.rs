//! When an answer must be whole, as the client says.

use std::time::Duration;

use axum::http::HeaderMap;
use generativeai::RequestOptions;
use tokio::time::{Instant, timeout_at};

use crate::failure::{Code, Failure};

/// The header in which clients say how many seconds they wait.
const HEADER: &str = "x-server-timeout";

/// The longest wait that is heeded; a longer one is none.
const LONGEST: f64 = 86_400.0;

/// When an answer must be whole, if ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Failure> {
        let Some(value) = headers.get(HEADER) else {
            return Ok(Self(None));
        };
        let seconds: Option<f64> = value
            .to_str()
            .ok()
            .and_then(|text| text.trim().parse().ok());
        match seconds {
            Some(seconds) if seconds > LONGEST => Ok(Self(None)),
            Some(seconds) if seconds > 0.0 => Ok(Self(Some(
                Instant::now() + Duration::from_secs_f64(seconds),
            ))),
            _ => Err(Failure::invalid(format!(
                "`{HEADER}` must be a number of seconds above 0"
            ))),
        }
    }

    /// What the backend is told of it.
    pub(crate) fn options(self) -> RequestOptions {
        match self.0 {
            Some(end) => RequestOptions::default().timeout(end - Instant::now()),
            None => RequestOptions::default(),
        }
    }

    /// Waits for something, but no longer.
    pub(crate) async fn within<F: Future>(self, future: F) -> Result<F::Output, Failure> {
        let Some(end) = self.0 else {
            return Ok(future.await);
        };
        let late = |_| {
            Failure::new(
                Code::DEADLINE,
                "the time was up before the answer was whole",
            )
        };
        timeout_at(end, future).await.map_err(late)
    }
}
