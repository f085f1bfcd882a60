//! A configured service: `Remote`, and what its clones share.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::address::Address;
use super::retry_budget::RetryBudget;
use super::secret::Secret;
use super::transport::Transport;
use crate::backend::RequestOptions;

/// Client of a service that speaks the Gemini REST API: Google's, or any other.
///
/// Clones are cheap and share everything: the connection pool, the API key, the retry budget. Create one
/// `Remote` per service and program and clone it.
///
/// - **Runtime.** It needs a tokio runtime with time and I/O enabled, as `#[tokio::main]` makes it. It may be
///   shared by several runtimes; each has its own connections, because a connection makes progress only
///   while the runtime in which it was opened runs.
/// - **Connections.** HTTP/1.1 and HTTP/2 over TLS, pooled; idle ones are closed after 90 s. The proxy
///   variables of the environment are observed, see [`RemoteBuilder`](super::RemoteBuilder).
/// - **Retries.** Transient failures are retried with growing waits until the first event of the response has
///   been returned. [`Retry`](crate::Retry) has the details, and
///   [`RequestOptions::on_retry`] reports each retry.
/// - **Many chats.** [`RemoteBuilder::max_in_flight`](super::RemoteBuilder::max_in_flight) limits how many requests
///   the service gets at a time.
/// - **Time limits.** See [`RequestOptions`].
/// - **Cancellation.** Dropping a future or a stream cancels the request: the HTTP/1.1 connection is closed,
///   the HTTP/2 stream is reset.
/// - **Secrets.** The API key is sent in a header, to the configured host alone: redirects are not followed,
///   and plain `http://` is refused except to this machine. No error, `Debug` output or trace contains it.
///
/// ```no_run
/// use generativeai::{Backend, GenerativeModel, Remote, RequestOptions};
///
/// # async fn example() -> generativeai::Result<()> {
/// // With GEMINI_API_KEY set. A model without a backend creates such a client itself.
/// let remote = Remote::from_env()?;
/// let models = remote.list_models(None, RequestOptions::default()).await?;
/// for model in &models.models {
///     println!("{}", model.name.as_deref().unwrap_or_default());
/// }
///
/// let mut chat = GenerativeModel::new("gemini-flash-latest").backend(remote).start_chat();
/// println!("{}", chat.send_message("Hello").await?.text()?);
/// # Ok(()) }
/// ```
///
/// Offline, point it at `genai serve` of this project, which serves the same API on this machine:
///
/// ```
/// use generativeai::Remote;
///
/// // No key is needed for a service on this machine.
/// let remote = Remote::builder().base_url("http://127.0.0.1:8080").build()?;
/// assert!(format!("{remote:?}").contains("127.0.0.1:8080"));
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Clone)]
pub struct Remote(pub(super) Arc<Service>);

/// Settings and state that all clones of a [`Remote`] share.
pub(super) struct Service {
    pub(super) address: Address,
    pub(super) transport: Transport,
    /// API keys and tokens that must not appear in errors.
    pub(super) secrets: Vec<Secret>,
    pub(super) options: RequestOptions,
    /// Maximum size in bytes of a unary response, and of each event of a stream.
    pub(super) response_limit: usize,
    pub(super) retry_budget: RetryBudget,
    /// Permits for requests in flight, if their number is limited.
    pub(super) in_flight: Option<Arc<Semaphore>>,
    pub(super) jitter: Mutex<fastrand::Rng>,
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

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("address", &self.0.address.as_str())
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}
