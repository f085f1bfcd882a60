//! A service that speaks the Gemini API: its address, its connections, its budget.

use std::fmt;
use std::sync::Arc;

use super::address::Address;
use super::budget::Budget;
use super::builder::RemoteBuilder;
use super::call::Call;
use super::clock::Clock;
use super::failure::Failure;
use super::limits::{Form, Limits};
use super::reply::{self, Reply};
use super::secret::Secret;
use super::transport::{Outgoing, Transport};
use crate::backend::RequestOptions;

use crate::error::Result;
use crate::stream::BoxFuture;

/// A service that speaks the Gemini REST API: Google's, or any other.
///
/// A clone is cheap; clones share connections and what they may spend on trying again. Needs a tokio
/// runtime with time and I/O; each runtime has connections of its own.
///
/// - What may pass is tried again with growing waits, until the first event of an answer was handed
///   out: no connection, the codes 408, 429, 500, 502, 503 and 504. [`RequestOptions`] say how often.
/// - The key is sent in a header to one address alone: redirections are not followed, and plain
///   `http://` is refused except to this machine. It is in no error and in no `Debug`.
/// - Dropping an answer stops it. An HTTP/1 connection is closed. An HTTP/2 connection is shared, so only
///   the request is cancelled; one task drives each such connection.
///
/// ```no_run
/// use generativeai::{Backend, Remote, RequestOptions};
///
/// # async fn example() -> generativeai::Result<()> {
/// let remote = Remote::builder().api_key("…").build()?;
/// let models = remote.list_models(None, RequestOptions::default()).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Remote(pub(super) Arc<Service>);

/// What all clones of a [`Remote`] share.
pub(super) struct Service {
    pub(super) address: Address,
    pub(super) transport: Transport,
    pub(super) secrets: Vec<Secret>,
    pub(super) options: RequestOptions,
    pub(super) answer_limit: usize,
    pub(super) budget: Budget,
    pub(super) clock: Arc<dyn Clock>,
}

impl Remote {
    /// Sets one up.
    pub fn builder() -> RemoteBuilder {
        RemoteBuilder::default()
    }

    /// Sets one up from the environment: the key from `GEMINI_API_KEY`, then from `GOOGLE_API_KEY`;
    /// the address from `GOOGLE_GEMINI_BASE_URL`, else Google's.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration): there is no key, or it cannot be used.
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }

    /// Sends a request, and reads an answer in one piece.
    pub(super) fn whole<R: Reply + Send + 'static>(
        &self,
        outgoing: impl FnOnce(&Address) -> Result<Outgoing>,
        options: RequestOptions,
    ) -> BoxFuture<Result<R>> {
        let service = self.0.clone();
        let limits = Limits::of(&options.or(&service.options), Form::Whole);
        // Its body is written here, as it is smaller than what it is written from; nothing is sent yet.
        let outgoing = outgoing(&service.address);
        let mut call = outgoing.map(|outgoing| Call::new(service, outgoing, limits));
        Box::pin(async move {
            // It stays where it is: whatever is moved within a future has room in it twice.
            let call = call.as_mut().map_err(|error| error.clone())?;
            call.begin()?;
            loop {
                match attempt(call).await {
                    Ok(reply) => {
                        call.succeeded();
                        return Ok(reply);
                    }
                    Err(failure) => call.recover(failure).await?,
                }
            }
        })
    }
}

async fn attempt<R: Reply>(call: &mut Call) -> Result<R, Failure> {
    let mut answer = call.attempt().await?;
    let rest = async move {
        let body = call.body(&mut answer).await?;
        let reply = reply::read_whole(&body, call);
        drop(body);
        call.finish(answer);
        reply
    };
    rest.await
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("address", &self.0.address.as_str())
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}
