//! `Remote`, and the methods of the API: each with its address, its body and the kind of its response.

use std::fmt;

use futures_util::{StreamExt as _, TryFutureExt as _, stream};

use super::address::Address;
use super::body::SharedBody;
use super::client::Client;
use super::files::{has_references, remove_references};
use super::reply_stream::OneChunkEach;
use super::request::Outgoing;
use super::signatures::remove_foreign_signatures;
use crate::backend::{Backend, RequestOptions};
use crate::error::Result;
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

/// Client of a service that implements the Gemini REST API: Google's, or any other.
///
/// Clones are cheap and share everything: the connection pool, the API key, the retry budget. Create one
/// `Remote` per service and program and clone it.
///
/// - **Runtime.** It needs a tokio runtime with time and I/O enabled, as `#[tokio::main]` makes it. Without one a
///   request fails, and in one that lacks either it panics, as tokio does. Several runtimes
///   may share it. Each has its own connections, because a connection makes progress only while the runtime in which it
///   was opened runs.
/// - **Connections.** HTTP/1.1 and HTTP/2 over TLS, pooled. Idle connections are closed after 90 s. The proxy
///   variables of the environment are observed: see [`RemoteBuilder`](super::RemoteBuilder).
/// - **Retries.** Transient failures are retried with growing waits until a part of the reply has arrived.
///   [`Retry`](crate::Retry) has the details, and [`RequestOptions::on_retry`] reports each retry.
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
pub struct Remote {
    pub(super) client: Client,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("address", &self.client.address())
            .field("options", &self.client.service.options)
            .finish_non_exhaustive()
    }
}

impl Backend for Remote {
    fn generate_content(
        &self,
        mut request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        remove_foreign_signatures(&mut request.contents, self.address());
        if !has_references(request.contents.inspected()) {
            let request = self.generation(request, "generateContent");
            return self.client.unary(request, options);
        }
        let this = self.clone();
        let files = self.files_of(request.contents.clone(), options);
        Box::pin(files.send(move |contents, options| {
            let request = request.clone().contents(contents);
            let request = this.generation(request, "generateContent");
            this.client.unary(request, options)
        }))
    }

    fn stream_generate_content(
        &self,
        mut request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        remove_foreign_signatures(&mut request.contents, self.address());
        if !has_references(request.contents.inspected()) {
            let request = self.generation(request, "streamGenerateContent?alt=sse");
            return self.client.streamed(request, OneChunkEach, options);
        }
        let this = self.clone();
        let files = self.files_of(request.contents.clone(), options);
        let chunks = files.send(move |contents, options| {
            let request = request.clone().contents(contents);
            let request = this.generation(request, "streamGenerateContent?alt=sse");
            let mut rest = this.client.streamed(request, OneChunkEach, options);
            Box::pin(async move {
                // Only the first item can report a missing file. Once a chunk has been returned, the request must not
                // be repeated.
                let first = rest.next().await.transpose()?;
                Ok(stream::iter(first.map(Ok)).chain(rest))
            })
        });
        chunks.try_flatten_stream().boxed()
    }

    fn count_tokens(
        &self,
        mut request: CountTokensRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        let mut model = request.model.take();
        if let Some(inner) = &mut request.generate_content_request {
            // Unlike elsewhere, the service requires the model in the body, too.
            model = model.or_else(|| inner.model.clone());
            inner.model = inner.model.take().or_else(|| model.clone());
        }
        let inner = request.generate_content_request.as_mut();
        let contents = inner.map_or(&mut request.contents, |inner| &mut inner.contents);
        remove_foreign_signatures(contents, self.address());
        if !has_references(contents.inspected()) {
            let request = self.post(model.as_deref(), "countTokens", &request);
            return self.client.unary(request, options);
        }
        let this = self.clone();
        let files = self.files_of(contents.clone(), options);
        Box::pin(files.send(move |contents, options| {
            match &mut request.generate_content_request {
                Some(inner) => inner.contents = contents,
                None => request.contents = contents,
            }
            let request = this.post(model.as_deref(), "countTokens", &request);
            this.client.unary(request, options)
        }))
    }

    fn list_models(
        &self,
        page_token: Option<String>,
        options: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        let address = self.address().models(page_token.as_deref());
        self.client.unary(address.map(Outgoing::get), options)
    }

    fn get_model(&self, name: String, options: RequestOptions) -> BoxFuture<Result<Model>> {
        let address = self.address().model(&name);
        self.client.unary(address.map(Outgoing::get), options)
    }

    fn get_cached_content(
        &self,
        name: String,
        options: RequestOptions,
    ) -> BoxFuture<Result<CachedContent>> {
        let address = self.address().cached_content(&name);
        self.client.unary(address.map(Outgoing::get), options)
    }

    fn embed_content(
        &self,
        mut request: EmbedContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        let model = request.model.take();
        request.content.iter_mut().for_each(remove_references);
        let request = self.post(model.as_deref(), "embedContent", &request);
        self.client.unary(request, options)
    }

    fn batch_embed_contents(
        &self,
        mut request: BatchEmbedContentsRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<BatchEmbedContentsResponse>> {
        let model = request.model.take();
        for one in &mut request.requests {
            // Unlike elsewhere, the service requires the model in the body, too.
            one.model = one.model.take().or_else(|| model.clone());
            one.content.iter_mut().for_each(remove_references);
        }
        let request = self.post(model.as_deref(), "batchEmbedContents", &request);
        self.client.unary(request, options)
    }
}

impl Remote {
    pub(super) fn address(&self) -> &Address {
        &self.client.service.address
    }

    /// Serializes a request for a reply. Its contents are not copied.
    ///
    /// Streams are requested with `alt=sse`: by default the service sends a JSON array.
    fn generation(&self, mut request: GenerateContentRequest, method: &str) -> Result<Outgoing> {
        request
            .system_instruction
            .iter_mut()
            .for_each(remove_references);
        let address = self.address().method(request.model.as_deref(), method)?;
        Ok(Outgoing::post(address, SharedBody::of_request(request)))
    }

    /// Serializes any other request.
    fn post(
        &self,
        model: Option<&str>,
        method: &str,
        request: &impl serde::Serialize,
    ) -> Result<Outgoing> {
        let address = self.address().method(model, method)?;
        Ok(Outgoing::post(address, SharedBody::of(request)))
    }
}
