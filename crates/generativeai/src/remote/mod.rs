//! The REST API as a backend: `Remote`, and the road of a request and its answer.
//!
//! ```text
//! GenerateContentRequest
//!   │ body, address        written once, in pieces that all attempts share
//!   ▼
//! call ── retry, budget    attempts, until one has an answer or it is given up
//!   │ transport, tls       the only files that know of HTTP and of TLS
//!   ▼
//! pieces of a body         watched over by `watch`: a deadline, the longest silence
//!   │ events               sse or array: the JSON of each event, whatever the pieces
//!   ▼
//! reply, failure           a value, or the error the service tells of
//! ```

mod address;
mod array;
mod body;
mod budget;
mod builder;
mod call;
mod chunks;
mod clock;
mod events;
mod extent;
mod failure;
mod gather;
mod reply;
mod retry;
mod secret;
mod sse;
mod tls;
mod transport;
mod watch;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use builder::RemoteBuilder;
pub use clock::Clock;

use address::Address;
use body::Pieces;
use budget::Budget;
use call::{Call, Form};
use chunks::Chunks;
use reply::Reply;
use secret::Secret;
use transport::{Outgoing, Transport};

use crate::backend::{Backend, BoxFuture, ChunkStream, RequestOptions, Retry};
use crate::error::Result;
use crate::protocol::{
    BatchEmbedContentsRequest, BatchEmbedContentsResponse, CachedContent, CountTokensRequest,
    CountTokensResponse, EmbedContentRequest, EmbedContentResponse, GenerateContentRequest,
    GenerateContentResponse, ListModelsResponse, Model,
};
use crate::stream::unfold;

/// A service that speaks the Gemini REST API: Google's, or any other.
///
/// A clone is cheap; clones share connections and what they may spend on trying again. Needs a tokio
/// runtime with time and I/O.
///
/// - What may pass is tried again with growing waits, until the first event of an answer was handed
///   out: no connection, the codes 408, 429, 500, 502, 503 and 504. [`RequestOptions`] say how often.
/// - The key is sent in a header to one address alone: redirections are not followed, and plain
///   `http://` is refused except to this machine. It is in no error and in no `Debug`.
/// - Dropping an answer closes its connection. There is no task and no channel behind it.
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
pub struct Remote(Arc<Inner>);

struct Inner {
    address: Address,
    transport: Transport,
    secrets: Vec<Secret>,
    options: RequestOptions,
    answer_limit: usize,
    budget: Budget,
    clock: Arc<dyn Clock>,
}

/// The limits of one request: what its options say, else the defaults.
struct Limits {
    retry: Retry,
    timeout: Duration,
    connect: Duration,
    idle: Duration,
}

impl Limits {
    fn of(options: &RequestOptions, form: Form) -> Self {
        let (timeout, idle) = match form {
            Form::Whole => (Duration::from_secs(600), Duration::MAX),
            Form::Stream => (
                Duration::MAX,
                options.idle_timeout.unwrap_or(Duration::from_secs(120)),
            ),
        };
        Self {
            retry: options.retry.clone().unwrap_or_default(),
            timeout: options.timeout.unwrap_or(timeout),
            connect: options.connect_timeout.unwrap_or(Duration::from_secs(10)),
            idle,
        }
    }
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
    fn whole<R: Reply + Send + 'static>(
        &self,
        outgoing: impl FnOnce(&Address) -> Result<Outgoing> + Send + 'static,
        options: RequestOptions,
    ) -> BoxFuture<Result<R>> {
        let inner = self.0.clone();
        Box::pin(async move {
            let outgoing = outgoing(&inner.address)?;
            let options = options.or(&inner.options);
            let mut call = Call::new(inner, outgoing, &options, Form::Whole)?;
            loop {
                match attempt(&mut call).await {
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

/// The causes of an error, the root last.
fn causes<'e>(error: &'e dyn StdError) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

async fn attempt<R: Reply>(call: &mut Call) -> Result<R, failure::Failure> {
    let answer = call.attempt().await?;
    let body = call.body(answer).await?;
    reply::read_whole(&body, call)
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("address", &self.0.address.as_str())
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

impl Backend for Remote {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let outgoing = |address: &Address| {
            let url = address.method(request.model.as_deref(), "generateContent")?;
            Ok(Outgoing::post(url, Pieces::of_request(request)?))
        };
        self.whole(outgoing, options)
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        let inner = self.0.clone();
        let begin = move || {
            let url = inner
                .address
                .method(request.model.as_deref(), "streamGenerateContent")?;
            let outgoing = Outgoing::post(url, Pieces::of_request(request)?).query("alt", "sse");
            let options = options.or(&inner.options);
            let call = Call::new(inner, outgoing, &options, Form::Stream)?;
            Ok(Box::new(Chunks::new(call)))
        };
        Box::pin(unfold(State::Begin(begin), |state| async move {
            let mut chunks = match state {
                State::Begin(begin) => match begin() {
                    Ok(chunks) => chunks,
                    Err(error) => return Some((Err(error), State::Ended)),
                },
                State::Reading(chunks) => chunks,
                State::Ended => return None,
            };
            let chunk = chunks.next().await?;
            Some((chunk, State::Reading(chunks)))
        }))
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        let outgoing = |address: &Address| {
            let mut request = request;
            let mut model = request.model.take();
            if let Some(inner) = &mut request.generate_content_request {
                // Here the service wants the model in the body, too.
                model = model.or_else(|| inner.model.clone());
                inner.model = inner.model.take().or_else(|| model.clone());
            }
            let url = address.method(model.as_deref(), "countTokens")?;
            Ok(Outgoing::post(url, Pieces::of(&request)?))
        };
        self.whole(outgoing, options)
    }

    fn list_models(
        &self,
        page_token: Option<String>,
        options: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        let outgoing =
            move |address: &Address| Ok(Outgoing::get(address.models(page_token.as_deref())?));
        self.whole(outgoing, options)
    }

    fn get_model(&self, name: String, options: RequestOptions) -> BoxFuture<Result<Model>> {
        self.whole(
            move |address| Ok(Outgoing::get(address.model(&name)?)),
            options,
        )
    }

    fn get_cached_content(
        &self,
        name: String,
        options: RequestOptions,
    ) -> BoxFuture<Result<CachedContent>> {
        self.whole(
            move |address| Ok(Outgoing::get(address.cached_content(&name)?)),
            options,
        )
    }

    fn embed_content(
        &self,
        request: EmbedContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        let outgoing = |address: &Address| {
            let mut request = request;
            let url = address.method(request.model.take().as_deref(), "embedContent")?;
            Ok(Outgoing::post(url, Pieces::of(&request)?))
        };
        self.whole(outgoing, options)
    }

    fn batch_embed_contents(
        &self,
        request: BatchEmbedContentsRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<BatchEmbedContentsResponse>> {
        let outgoing = |address: &Address| {
            let mut request = request;
            let model = request.model.take();
            for one in &mut request.requests {
                // Here the service wants the model in the body, too.
                one.model = one.model.take().or_else(|| model.clone());
            }
            let url = address.method(model.as_deref(), "batchEmbedContents")?;
            Ok(Outgoing::post(url, Pieces::of(&request)?))
        };
        self.whole(outgoing, options)
    }
}

/// How far a streamed answer is.
enum State<B> {
    Begin(B),
    Reading(Box<Chunks>),
    Ended,
}
