//! A configured service: what the clones of its client share.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::address::Address;
use super::failure::ErrorReader;
use super::files::Stored;
use super::retry_budget::RetryBudget;
use super::transport::Transport;
use crate::backend::RequestOptions;

/// Settings and state that all clones of a client share.
pub(super) struct Service {
    pub(super) address: Address,
    pub(super) transport: Transport,
    pub(super) errors: ErrorReader,
    pub(super) options: RequestOptions,
    /// Maximum size in bytes of a unary response, and of each event of a stream.
    pub(super) response_limit: usize,
    pub(super) retry_budget: RetryBudget,
    /// Permits for requests in flight, if their number is limited.
    pub(super) in_flight: Option<Arc<Semaphore>>,
    pub(super) jitter: Mutex<fastrand::Rng>,
    /// Files uploaded as attachments.
    pub(super) stored: Stored,
}

impl Service {
    /// Waits until a further request may be in flight.
    pub(super) async fn admit(&self) -> Option<OwnedSemaphorePermit> {
        let permits = Arc::clone(self.in_flight.as_ref()?);
        Some(permits.acquire_owned().await.expect("it is never closed"))
    }

    /// Returns a random number, at least 0 and less than 1, for the next wait.
    pub(super) fn jitter(&self) -> f64 {
        let mut rng = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
        rng.f64()
    }
}
