//! Backend that asks the next one if a backend is overloaded or unreachable.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryFutureExt as _, stream};
use tokio::time::Instant;

use crate::backend::{Backend, Deadline, RequestOptions};
use crate::error::{Attempt, Error, ErrorKind, Result};
use crate::protocol::caches::CachedContent;
use crate::protocol::embeddings::{
    BatchEmbedContentsRequest, BatchEmbedContentsResponse, EmbedContentRequest,
    EmbedContentResponse,
};
use crate::protocol::models::{ListModelsResponse, Model};
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use crate::stream::{BoxFuture, ChunkStream};
use crate::trace;

/// Backend that asks the next one if a backend is overloaded or unreachable.
///
/// - **When.** Before the first chunk of a reply, after errors of the kinds [`RateLimited`](ErrorKind::RateLimited),
///   [`Quota`](ErrorKind::Quota), [`Unavailable`](ErrorKind::Unavailable), [`Unreachable`](ErrorKind::Unreachable) and
///   [`Timeout`](ErrorKind::Timeout). Any other error, such as the one for an invalid request, would be the same
///   elsewhere and is returned. Once a chunk was returned, the next backend is no longer asked, since the caller has a
///   part of the reply.
/// - **Retries.** The next backend is the retry, so only the last backend retries, unless the options of the request
///   set [`RequestOptions::retry`]. [`RequestOptions::timeout`] of a model or a message covers all backends, so one
///   that does not respond uses it up. To ask the next one in time, set a shorter limit for the client of that backend,
///   with [`RemoteBuilder::request_options`](crate::remote::RemoteBuilder::request_options).
/// - **Report.** [`RequestOptions::on_retry`] is called with each failure after which the next backend is asked.
///   [`model_version`](GenerateContentResponse::model_version) of a reply names the model that answered. If all fail,
///   the error is the last one, and [`Error::attempts`] has the attempts of all.
/// - **Continued replies.** A reply that a model has begun is continued by that model: another one would reject its
///   continuation token. The tokens of a model that [`then_model`](Self::then_model) added begin with its name.
/// - **Other methods.** Tokens, embeddings and cached contents belong to a model. They are requested from the first
///   backend, and from others only if these were added by [`new`](Self::new), which is for the same model.
///
/// Clones are cheap and share the backends.
///
/// ```
/// use generativeai::{Error, ErrorKind, Fallback, GenerativeModel, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let overloaded = Error::new(ErrorKind::Unavailable, "the model is overloaded");
/// let service = Scripted::default().then_error(&[], overloaded);
/// let own_server = Scripted::always("Hello!");
///
/// let backend = Fallback::new([service]).then_model("Qwen/Qwen3-4B", own_server);
/// let model = GenerativeModel::new("gemini-flash-latest").backend(backend);
///
/// let reply = model.generate_content("Hi").await?;
/// assert_eq!(reply.text()?, "Hello!");
/// assert_eq!(reply.model_version.as_deref(), Some("Qwen/Qwen3-4B"));
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Fallback(Arc<Vec<Alternative>>);

/// Backend, and the model to request from it.
#[derive(Clone)]
struct Alternative {
    backend: Arc<dyn Backend>,
    /// Full name of its model; `None` for the model of the request.
    model: Option<String>,
    /// Name in errors and reports, such as `backend 2`.
    label: String,
}

/// Set of backends that may answer a request.
#[derive(Clone, Copy)]
enum Scope {
    /// All, for replies: the caller accepts those of another model.
    AnyModel,
    /// Those for the model of the backend with this index: token counts, embeddings and caches of another model would
    /// be wrong, and another model cannot continue a reply.
    ModelOf(usize),
}

impl Fallback {
    /// Creates a backend that asks these in order, each for the model of the request: replicas of one service.
    ///
    /// Without a backend, each request fails with [`Configuration`](ErrorKind::Configuration).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use generativeai::{Backend, Fallback, testing::Scripted};
    ///
    /// let same = Fallback::new([Scripted::always("1"), Scripted::always("2")]);
    /// // Backends of several types.
    /// let boxed: [Arc<dyn Backend>; 2] = [Arc::new(same), Arc::new(Scripted::always("3"))];
    /// let mixed = Fallback::new(boxed);
    /// ```
    pub fn new<B: Backend + 'static>(backends: impl IntoIterator<Item = B>) -> Self {
        let alternatives = backends.into_iter().enumerate();
        let alternatives = alternatives.map(|(at, backend)| Alternative {
            backend: Arc::new(backend),
            model: None,
            label: format!("backend {}", at + 1),
        });
        Self(Arc::new(alternatives.collect()))
    }

    /// Adds a backend that is asked for another model. A name without `/` gets the prefix `models/`.
    #[must_use]
    pub fn then_model(mut self, name: impl Into<String>, backend: impl Backend + 'static) -> Self {
        let label = name.into();
        Arc::make_mut(&mut self.0).push(Alternative {
            backend: Arc::new(backend),
            model: Some(match label.contains('/') {
                true => label.clone(),
                false => format!("models/{label}"),
            }),
            label,
        });
        self
    }

    /// Returns the backends that may answer a request for a reply, and removes the name of the model from its
    /// continuation token.
    fn scope_of(&self, request: &mut GenerateContentRequest) -> Scope {
        let token = request.continuation_token.as_mut();
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Scope::AnyModel;
        };
        let prefixes = self.0.iter().enumerate();
        let prefixes = prefixes.filter_map(|(at, one)| Some((at, one.token_prefix()?)));
        let issuers = prefixes.filter(|(_, prefix)| token.starts_with(prefix));
        // The longest: `models/qwen3:` is also the beginning of `models/qwen3:4b:`.
        match issuers.max_by_key(|(_, prefix)| prefix.len()) {
            Some((at, prefix)) => {
                token.drain(..prefix.len());
                Scope::ModelOf(at)
            }
            None => Scope::ModelOf(0),
        }
    }

    /// Asks the backends in order, until one answers or fails with an error that is the same elsewhere.
    fn ask<T: 'static>(
        &self,
        scope: Scope,
        options: RequestOptions,
        request: impl Fn(&Alternative, RequestOptions) -> BoxFuture<Result<T>> + Send + 'static,
    ) -> BoxFuture<Result<T>> {
        let this = self.clone();
        Box::pin(async move {
            let deadline = Deadline::start(options.timeout);
            let is_in_scope = |at: usize| match scope {
                Scope::AnyModel => true,
                Scope::ModelOf(other) => this.0[at].model == this.0[other].model,
            };
            // Peekable, because the last backend in scope may retry, and the others do not.
            let mut order = (0..this.0.len()).filter(|at| is_in_scope(*at)).peekable();
            let mut failed = Failed::default();
            while let Some(at) = order.next() {
                let next = order.peek().map(|at| &this.0[*at]);
                let mut own = match deadline.apply_to(&options) {
                    Ok(own) => own,
                    Err(error) => return Err(failed.into_error(error)),
                };
                if next.is_some() && own.retry.is_none() {
                    // The next backend probably answers sooner than this one would after a backoff.
                    own = own.without_retry();
                }
                let started = Instant::now();
                let error = match request(&this.0[at], own).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                failed.add(&this.0[at].label, &error, started.elapsed());
                match next.filter(|_| is_temporary(error.kind()) && !deadline.is_over()) {
                    Some(next) => failed.report(&error, &next.label, &options),
                    None => return Err(failed.into_error(error)),
                }
            }
            let message = "the fallback has no backend: add one";
            Err(Error::new(ErrorKind::Configuration, message))
        })
    }
}

impl Alternative {
    /// Returns the name of the model to request.
    fn model(&self, requested: Option<String>) -> Option<String> {
        self.model.clone().or(requested)
    }

    /// Sets the model of a request to this model.
    fn named(&self, mut request: GenerateContentRequest) -> GenerateContentRequest {
        request.model = self.model(request.model);
        request
    }

    /// Returns the beginning of the continuation tokens of this model.
    fn token_prefix(&self) -> Option<String> {
        self.model.as_ref().map(|model| format!("{model}:"))
    }

    /// Returns a function that adds the name of this model to a reply or its chunks: to continuation tokens, and as the
    /// model version, unless the backend set it.
    fn sign(
        &self,
    ) -> impl FnMut(GenerateContentResponse) -> GenerateContentResponse + Send + use<> {
        let prefix = self.token_prefix();
        // For the first chunk alone: a version in a later chunk would replace that of the backend.
        let mut label = self.model.is_some().then(|| self.label.clone());
        move |mut reply| {
            if let Some(label) = label.take() {
                reply.model_version.get_or_insert(label);
            }
            if let Some(prefix) = &prefix {
                let candidates = reply.candidates.iter_mut();
                let tokens = candidates.filter_map(|it| it.continuation_token.as_mut());
                tokens
                    .filter(|it| !it.is_empty())
                    .for_each(|it| it.insert_str(0, prefix));
            }
            reply
        }
    }
}

/// Returns whether another backend may succeed at once.
fn is_temporary(kind: ErrorKind) -> bool {
    use ErrorKind::{Quota, RateLimited, Timeout, Unavailable, Unreachable};
    matches!(
        kind,
        RateLimited | Quota | Unavailable | Unreachable | Timeout
    )
}

/// Attempts that failed, of all backends asked so far.
#[derive(Default)]
struct Failed {
    attempts: Vec<Attempt>,
    /// Number of backends.
    backends: usize,
}

impl Failed {
    /// Adds the attempts of a backend, numbered after those of the backends before it.
    fn add(&mut self, label: &str, error: &Error, took: Duration) {
        self.backends += 1;
        // A backend that does not count attempts made one.
        let own = match error.attempts() {
            [] => vec![Attempt::new(1, format!("{error:#}"), took, Duration::ZERO)],
            attempts => attempts.to_vec(),
        };
        for mut attempt in own {
            attempt.number = u32::try_from(self.attempts.len() + 1).unwrap_or(u32::MAX);
            attempt.outcome = format!("{label}: {}", attempt.outcome);
            self.attempts.push(attempt);
        }
    }

    /// Reports that the next backend is asked.
    fn report(&self, error: &Error, next: &str, options: &RequestOptions) {
        let Some(mut attempt) = self.attempts.last().cloned() else {
            return;
        };
        attempt.outcome = format!("{}; asking {next}", attempt.outcome);
        trace::retried(&attempt, error);
        if let Some(hook) = &options.on_retry {
            (hook.0)(&attempt);
        }
    }

    /// Returns the error with the attempts of all backends. The error of a single backend is unchanged.
    fn into_error(self, error: Error) -> Error {
        match self.backends {
            1 => error,
            _ => error.with_attempts(self.attempts),
        }
    }
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backends = self.0.iter().map(|one| (&one.label, &one.backend));
        f.write_str("Fallback ")?;
        f.debug_map().entries(backends).finish()
    }
}

/// Defines methods that request the same from each backend for the model of the first one.
macro_rules! same_model {
    ($($method:ident($request:ty) -> $response:ty;)*) => {
        $(
            fn $method(
                &self,
                request: $request,
                options: RequestOptions,
            ) -> BoxFuture<Result<$response>> {
                self.ask(Scope::ModelOf(0), options, move |one, options| {
                    one.backend.$method(request.clone(), options)
                })
            }
        )*
    };
}

// The default methods of `Backend` return `Unsupported`, or a stream of one chunk. So a method that is missing here
// would hide an ability of the backends.
#[deny(clippy::missing_trait_methods)]
impl Backend for Fallback {
    fn generate_content(
        &self,
        mut request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let scope = self.scope_of(&mut request);
        self.ask(scope, options, move |one, options| {
            let request = one.named(request.clone());
            let reply = one.backend.generate_content(request, options);
            Box::pin(reply.map_ok(one.sign()))
        })
    }

    fn stream_generate_content(
        &self,
        mut request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        let scope = self.scope_of(&mut request);
        let chunks = self.ask(scope, options, move |one, options| {
            let request = one.named(request.clone());
            let chunks = one.backend.stream_generate_content(request, options);
            // The stream is polled again below, even if it was empty. A stream may panic if it is polled after its end.
            let mut rest = chunks.fuse();
            let mut sign = one.sign();
            Box::pin(async move {
                // Waits for the first chunk here, so that an error before it makes `ask` try the next backend.
                let first = rest.next().await.transpose()?;
                let chunks = stream::iter(first.map(Ok)).chain(rest);
                Ok(chunks.map(move |chunk| chunk.map(&mut sign)))
            })
        });
        Box::pin(chunks.try_flatten_stream())
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        self.ask(Scope::ModelOf(0), options, move |one, options| {
            let mut request = request.clone();
            request.model = one.model(request.model);
            if let Some(inner) = &mut request.generate_content_request {
                inner.model = one.model(inner.model.take());
            }
            one.backend.count_tokens(request, options)
        })
    }

    fn get_model(&self, name: String, options: RequestOptions) -> BoxFuture<Result<Model>> {
        self.ask(Scope::ModelOf(0), options, move |one, options| {
            let name = one.model.as_ref().unwrap_or(&name);
            one.backend.get_model(name.clone(), options)
        })
    }

    same_model! {
        list_models(Option<String>) -> ListModelsResponse;
        get_cached_content(String) -> CachedContent;
        embed_content(EmbedContentRequest) -> EmbedContentResponse;
        batch_embed_contents(BatchEmbedContentsRequest) -> BatchEmbedContentsResponse;
    }
}
