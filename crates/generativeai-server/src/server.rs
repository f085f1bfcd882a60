//! The server's settings, and the router built from them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use generativeai::Backend;
use generativeai::protocol::models::id_of;
use ring::hmac;

use crate::api::Api;
use crate::body::BodyReader;
use crate::faults::Faults;
use crate::files::FileStorage;
use crate::guard::{AllowedHosts, AllowedOrigins, ApiKey};
use crate::hops::Hops;
use crate::models::ModelNames;
use crate::queue::RequestQueue;
use crate::router::handle;

/// Server of the Gemini REST API over a backend, before it is started.
///
/// Setters configure it. [`serve`](Self::serve) then runs it on a listener, or
/// [`into_router`](Self::into_router) makes it part of another axum application.
///
/// ```no_run
/// use std::net::TcpListener;
/// use std::time::Duration;
///
/// use generativeai::testing::Scripted;
/// use generativeai_server::Server;
///
/// # async fn example(ctrl_c: impl Future<Output = ()>) -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::new(Scripted::default())
///     .api_key("secret")
///     .max_concurrent(4)
///     .faults("503x2".parse()?)
///     .drain_timeout(Duration::from_secs(30));
/// // The port is open from here on, so a client that connects now is served.
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// println!("listening on http://{}", listener.local_addr()?);
/// server.serve(listener, ctrl_c).await?;
/// # Ok(()) }
/// ```
// `genai serve` runs a second server in a child process (`genai engine`), which must not refuse what the parent has
// accepted. So a new limit has to be raised in generativeai-cli/src/commands/engine.rs.
#[must_use = "a server does nothing until it is served or turned into a router"]
pub struct Server {
    pub(crate) api: Api,
    pub(crate) timeouts: Timeouts,
}

/// Timeouts of [`Server::serve`].
#[derive(Clone, Copy)]
pub(crate) struct Timeouts {
    /// For the headers of the next request of a connection.
    pub(crate) header: Duration,
    /// For a write to make progress.
    pub(crate) write: Duration,
    /// For the responses in progress when the server stops.
    pub(crate) drain: Duration,
}

/// Returns the Gemini REST API over a backend as a router, with default settings.
///
/// The router accepts requests to loopback names only; [`Server::allow_host`] adds others. It uses
/// absolute paths: under a prefix (`Router::nest("/gemini", …)`) the base URL of clients is that prefix.
///
/// ```
/// use generativeai::testing::Scripted;
///
/// let router: axum::Router = generativeai_server::router(Scripted::default());
/// ```
pub fn router(backend: impl Backend + 'static) -> Router {
    Server::new(backend).into_router()
}

impl Server {
    /// Creates a server with default settings: no API key, loopback hosts only, 16 requests at once.
    pub fn new(backend: impl Backend + 'static) -> Self {
        let api = Api {
            backend: Arc::new(backend),
            // Loopback alone: a router cannot know the address of its listener, so it assumes that only this machine
            // should reach it.
            hosts: AllowedHosts::default(),
            origins: AllowedOrigins::default(),
            on_refused: None,
            key: None,
            models: ModelNames::default(),
            queue: RequestQueue::new(16, 64),
            bodies: BodyReader::new(20 * 1024 * 1024, Duration::from_secs(60), 256 * 1024 * 1024),
            faults: Faults::default(),
            files: None,
            hops: Hops::default(),
            max_output_tokens: None,
        };
        let timeouts = Timeouts {
            header: Duration::from_secs(30),
            write: Duration::from_secs(60),
            drain: Duration::from_secs(10),
        };
        Self { api, timeouts }
    }

    /// Requires an API key. Default: none.
    ///
    /// Clients send it as the header `x-goog-api-key`, as the query parameter `key`, or as a bearer
    /// token. A wrong key gets the error of the service, 400 with the reason `API_KEY_INVALID`; a
    /// request without a key gets 403. The playground page and `/healthz` do not need it. An empty key matches no
    /// request.
    ///
    /// Set one when the server listens on an address that others can reach. The connection is not encrypted: put a
    /// proxy with TLS in front of the server where the network is not trusted.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        let key: String = key.into();
        self.api.key = Some(ApiKey::new(&key));
        self
    }

    /// Sets whether only the names of the backend's own models are accepted. Default: false.
    ///
    /// Otherwise any name that Google publishes (`gemini-…`, `gemma-…`, `learnlm-…` and so on) is served by the
    /// backend's first model, so that programs run unchanged. The reply's `modelVersion` is the real name. With `true`
    /// such names get 404, so that a program with a hard-coded Gemini model fails.
    ///
    /// A backend that does not list its models gets every name unchanged in both cases.
    pub fn strict_model_names(mut self, strict: bool) -> Self {
        self.api.models.strict = strict;
        self
    }

    /// Sets the model that serves the names that Google publishes. Default: the backend's first model.
    ///
    /// For backends with several models. The default model does not have to be in the list of the backend. A published
    /// name that is in the list is served by that model.
    ///
    /// ```
    /// # use generativeai::testing::Scripted;
    /// # use generativeai_server::Server;
    /// let server = Server::new(Scripted::default()).default_model("Qwen/Qwen3-4B");
    /// ```
    pub fn default_model(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.api.models.default = Some(id_of(&name).to_owned());
        self
    }

    /// Sets `maxOutputTokens` for requests that do not set it. Default: none.
    ///
    /// Gemini models end their replies on their own, but a small model may continue until its context is full, which
    /// takes minutes. A reply that reaches the limit ends with the finish reason `MAX_TOKENS`.
    /// Requests that set `maxOutputTokens` keep their own limit, even a higher one.
    pub fn max_output_tokens(mut self, tokens: i32) -> Self {
        self.api.max_output_tokens = Some(tokens);
        self
    }

    /// Allows clients to address the server by this host name, in addition to the loopback names; `*`
    /// allows every name.
    ///
    /// Requests for other hosts get 403. This prevents DNS rebinding: without it a web page could
    /// point its own host name to this machine and use the API. By default a router and a
    /// [server](Self::serve) on a loopback address allow the loopback names only, and a server on
    /// another address allows every name.
    ///
    /// ```
    /// # use generativeai::testing::Scripted;
    /// # use generativeai_server::Server;
    /// let server = Server::new(Scripted::default()).allow_host("model.lan");
    /// ```
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.api.hosts.0.push(host.into());
        self
    }

    /// Allows web pages of this origin, such as `http://localhost:5173`, to use the API; `*` allows
    /// all. By default only the server's own page may, and requests of other pages get 403.
    ///
    /// The origin is compared exactly, as browsers send it in `Origin`: scheme, host and port, without a slash at the
    /// end. Allowed origins also get CORS headers, with which the browser lets the page read the response. With `*`
    /// every page that a user opens can use the API, so set an [API key](Self::api_key) as well. Programs other than
    /// browsers send no origin, and this setting does not affect them.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.api.origins.0.push(origin.into());
        self
    }

    /// Sets a function that is called with the message of each request that is refused because of its
    /// [host](Self::allow_host) or its [origin](Self::allow_origin). Default: none.
    ///
    /// A browser hides the refusal from the page. So the operator of the server is the only one who can see the reason.
    /// The message contains names that the client has chosen.
    pub fn on_refused(mut self, report: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.api.on_refused = Some(Box::new(report));
        self
    }

    /// Sets how many requests the backend handles at once. Default: 16; at least 1.
    ///
    /// Only calls of a model count: replies, token counts and embeddings. Each counts until its response is complete.
    /// Lists of models and requests of the Files API are not limited.
    pub fn max_concurrent(mut self, requests: usize) -> Self {
        self.api.queue.set_max_running(requests);
        self
    }

    /// Sets how many requests may wait while [`max_concurrent`](Self::max_concurrent) others run.
    /// Default: 64. Further requests get 429 with a `RetryInfo` of one second. Waiting requests run in the order in
    /// which they arrived.
    pub fn max_queued(mut self, requests: usize) -> Self {
        self.api.queue.set_max_waiting(requests);
        self
    }

    /// Sets the maximum size of a request body in bytes. Default: 20 MiB. Larger ones get 413.
    ///
    /// Inline data (images, audio) is base64 in the body, which is a third longer than the bytes. A stored file that a
    /// message refers to has the same limit. An upload does not: see [`FileStorage::max_file_size`].
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.api.bodies.max_bytes = bytes;
        self
    }

    /// Sets how long a request body may take to arrive. Default: 60 s. Slower ones get 408.
    ///
    /// An upload may take longer: for it this is the time within which the next bytes must arrive.
    pub fn body_timeout(mut self, time: Duration) -> Self {
        self.api.bodies.timeout = time;
        self
    }

    /// Sets the memory in bytes for all requests in progress together. Default: 256 MiB.
    ///
    /// A request gets 429 if too little memory is free, and 413 if it alone would exceed the limit. The memory of a
    /// request is estimated as the size of its body, plus 256 bytes for each JSON value in it: many small values take
    /// more memory than their text. A stored file that a message refers to counts four times.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        let BodyReader {
            max_bytes, timeout, ..
        } = self.api.bodies;
        self.api.bodies = BodyReader::new(max_bytes, timeout, bytes);
        self
    }

    /// Sets the faults to inject into requests to a model. Default: none.
    ///
    /// ```
    /// # use generativeai::testing::Scripted;
    /// # use generativeai_server::Server;
    /// // The first two requests fail with 503, and half of all streams are cut after one chunk.
    /// let server = Server::new(Scripted::default()).faults("503x2,cut@0.5".parse()?);
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub fn faults(mut self, faults: Faults) -> Self {
        self.api.faults = faults;
        self
    }

    /// Serves the Files API, with this folder. Default: uploads are refused with 404.
    ///
    /// A client uploads a file once, and messages refer to it by its URI instead of repeating its data. The backend
    /// does not need to support files: it gets the text or the bytes.
    ///
    /// ```
    /// use generativeai::testing::Scripted;
    /// use generativeai_server::{FileStorage, Server};
    ///
    /// # let folder = std::env::temp_dir().join(format!("doc-{}", std::process::id()));
    /// let files = FileStorage::open(&folder)?.max_file_size(100_000_000);
    /// let server = Server::new(Scripted::default()).files(files);
    /// # drop(server);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn files(mut self, files: FileStorage) -> Self {
        self.api.files = Some(Arc::new(files));
        self
    }

    /// Ends each request for a reply after this number of tokens, with the finish reason `CONTINUATION` and a
    /// `continuationToken`. Default: no limit; at least 1.
    ///
    /// The part of a reply in one response is a *hop*. A client continues the reply with the same request and that
    /// token, as with Gemini 4 models. The number of tokens is the one that the backend reports in its chunks; a chunk
    /// without token counts is one token. A hop ends with a whole chunk, so it may be longer than the limit.
    ///
    /// To continue a reply, the backend generates it again from its beginning. So its replies to equal requests must be
    /// equal: requests without a seed get the seed 0, and an embedded model must be deterministic. If the repeated
    /// reply begins differently, the request fails with 400. A token is authenticated and belongs to its request: an
    /// altered token, or one of another request, fails with 400 as well. The token counts of a hop cover its part of
    /// the reply and the whole prompt. A reply with several candidates has one hop.
    ///
    /// ```
    /// # use generativeai::testing::Scripted;
    /// # use generativeai_server::Server;
    /// // The client gets `Once upon ` and a token, and asks for the rest with it.
    /// let script = Scripted::default().then_chunks(["Once ", "upon ", "a ", "time"]);
    /// let server = Server::new(script).hop_tokens(2);
    /// ```
    pub fn hop_tokens(mut self, tokens: u32) -> Self {
        self.api.hops.tokens = Some(tokens);
        self
    }

    /// Sets the number of tokens between two checkpoints of a stream. Default: no checkpoints; at least 1.
    ///
    /// A checkpoint is a chunk with a `continuationToken`. A client continues a broken stream from the last one that it
    /// received. With 1, each chunk is a checkpoint. The official clients repeat the text between the last checkpoint
    /// and the end of a broken stream; `generativeai` does not.
    pub fn checkpoint_tokens(mut self, tokens: u32) -> Self {
        self.api.hops.checkpoint = Some(tokens);
        self
    }

    /// Sets the secret key of continuation tokens. Default: a random one, so that tokens are valid for this server
    /// only.
    ///
    /// Servers with the same key accept each other's tokens, if they serve the same model: after a restart, or behind a
    /// load balancer. The key should be 32 random bytes.
    pub fn continuation_key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.api.hops.key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
        self
    }

    /// Sets how long a connection may take to send the headers of its next request. Default: 30 s;
    /// then it is closed. Also limits how long an idle connection is kept for another request. Applies
    /// to [`serve`](Self::serve) only.
    pub fn header_timeout(mut self, time: Duration) -> Self {
        self.timeouts.header = time;
        self
    }

    /// Sets how long a client may leave a response unread. Default: 60 s; then its connection is
    /// closed and the backend stopped. Applies to [`serve`](Self::serve) only.
    pub fn write_timeout(mut self, time: Duration) -> Self {
        self.timeouts.write = time;
        self
    }

    /// Sets how long responses in progress may take to complete when the server stops. Default: 10 s.
    /// Applies to [`serve`](Self::serve) only.
    pub fn drain_timeout(mut self, time: Duration) -> Self {
        self.timeouts.drain = time;
        self
    }

    /// Returns the router, to be nested in another or served by other means.
    pub fn into_router(self) -> Router {
        Router::new()
            .fallback(handle)
            .with_state(Arc::new(self.api))
    }
}

/// Prints the backend alone: the settings contain a key.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("backend", &self.api.backend)
            .finish_non_exhaustive()
    }
}
