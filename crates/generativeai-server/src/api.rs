//! The endpoints: requests are parsed, passed to the backend, and its replies returned.

use std::sync::Arc;

use axum::http::request::Parts;
use axum::response::Response;
use generativeai::protocol::embeddings::{BatchEmbedContentsRequest, EmbedContentRequest};
use generativeai::protocol::models::id_of;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::tokens::CountTokensRequest;
use generativeai::protocol::{ReadJson, read_request};
use generativeai::{Backend, Result as BackendResult};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::body::{BodyReader, IncomingBody};
use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::faults::{Faults, InjectedFaults};
use crate::files::{Attachments, FileStorage, FilesApi, Site};
use crate::framing::Framing;
use crate::guard::{AllowedHosts, AllowedOrigins, ApiKey, Report};
use crate::hops::{Hop, Hops};
use crate::models::ModelNames;
use crate::query::Query;
use crate::queue::RequestQueue;
use crate::reply::ReplyDefaults;
use crate::response;
use crate::route::{Endpoint, FilesEndpoint, ModelMethod, not_served, route};
use crate::stream::{Chunks, StreamBody};

/// The API over a backend.
///
/// One value serves all requests, without a lock around it. The parts that change synchronize themselves: the queue,
/// the memory of the body reader, the cached model names, and the sequence of faults.
pub(crate) struct Api {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) hosts: AllowedHosts,
    pub(crate) origins: AllowedOrigins,
    /// Gets the message of each request that is refused for its host or its origin.
    pub(crate) on_refused: Option<Report>,
    /// Key that every request must have, if any.
    pub(crate) key: Option<ApiKey>,
    /// Names of the backend's models.
    pub(crate) models: ModelNames,
    /// Limit of concurrent calls.
    pub(crate) queue: RequestQueue,
    /// Limits of request bodies.
    pub(crate) bodies: BodyReader,
    /// Faults to inject into calls.
    pub(crate) faults: Faults,
    /// Uploaded files, if the server stores any.
    pub(crate) files: Option<Arc<FileStorage>>,
    /// Hops that replies are divided into.
    pub(crate) hops: Hops,
    /// `maxOutputTokens` of requests that do not set it.
    pub(crate) max_output_tokens: Option<i32>,
}

/// Admitted call of a model method: its body is read, and it may run.
struct Call<'a> {
    /// Resource name of the model to call, instead of the one that the client named.
    model: String,
    /// Text of the request.
    body: Vec<u8>,
    /// Time by which the response must be complete.
    deadline: Deadline,
    /// Faults of this request. Delays and rejections were applied; faults of streams follow.
    faults: InjectedFaults,
    /// Files of the request, and its memory, which is held until the response is complete.
    attachments: Attachments<'a>,
    /// Place among the running requests, held until the response is complete.
    running: OwnedSemaphorePermit,
}

/// A request for a reply, as the backend gets it.
struct Prepared {
    request: GenerateContentRequest,
    /// Values of members that the reply may lack.
    defaults: ReplyDefaults,
    /// Hop of the reply, if it is divided into hops.
    hop: Option<Hop>,
}

impl Api {
    /// Handles a request. Dropping the future stops the backend.
    ///
    /// The order of the checks is visible to clients: a wrong key hides whether a path exists, and a request that
    /// cannot be routed is rejected before its body is read.
    pub(crate) async fn handle(
        &self,
        parts: &Parts,
        body: &mut IncomingBody,
    ) -> Result<Response, ApiError> {
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let endpoint = route(&parts.method, parts.uri.path());
        // The random id of an upload replaces the API key: some clients do not send the key with the bytes.
        let upload = self.files.as_ref().zip(query.upload_id.as_deref());
        let continues_upload = matches!(endpoint, Ok(Endpoint::Files(FilesEndpoint::Upload)))
            && upload.is_some_and(|(files, id)| files.has_upload(id));
        if let Some(key) = &self.key
            && !continues_upload
        {
            key.check(&parts.headers, query.key.as_deref())?;
        }
        let endpoint = endpoint?;
        let framing = query.framing()?;
        let deadline = Deadline::from_headers(&parts.headers)?;
        let options = deadline.options();
        match endpoint {
            Endpoint::ListModels => {
                json(
                    deadline,
                    self.backend.list_models(query.page_token, options),
                )
                .await
            }
            Endpoint::GetModel(name) => {
                let resolved = self.models.resolve(&*self.backend, &name);
                let resolved = deadline.run(resolved).await??;
                let options = deadline.options();
                let model = self.backend.get_model(resolved, options);
                let mut model = deadline.run(model).await??;
                // Clients look for the model under the name that they asked for.
                model.name = Some(format!("models/{name}"));
                Ok(response::json(&model))
            }
            Endpoint::GetCachedContent(id) => {
                let name = format!("cachedContents/{id}");
                json(deadline, self.backend.get_cached_content(name, options)).await
            }
            Endpoint::Call(method, model) => {
                let call = self.admit(parts, body, &model, deadline).await?;
                self.run(method, call, framing).await
            }
            Endpoint::Files(endpoint) => {
                let handled = self.handle_files(endpoint, parts, query, body);
                deadline.run(handled).await?
            }
        }
    }

    /// Handles a request of the Files API.
    async fn handle_files(
        &self,
        endpoint: FilesEndpoint,
        parts: &Parts,
        query: Query,
        body: &mut IncomingBody,
    ) -> Result<Response, ApiError> {
        let path = parts.uri.path();
        let api = FilesApi {
            storage: self.files.as_ref().ok_or_else(|| not_served(path))?,
            bodies: &self.bodies,
            site: Site::of(parts),
        };
        endpoint.check_method(&parts.method)?;
        match endpoint {
            FilesEndpoint::List => api.list(query).await,
            FilesEndpoint::Get(id) => api.get(&id),
            FilesEndpoint::Delete(id) => api.delete(id).await,
            FilesEndpoint::Upload => api.upload(parts, &query, body).await,
            FilesEndpoint::Discovery => Ok(api.discovery()),
        }
    }

    /// Reads the body of a call, injects the faults that come before its response, and waits in the
    /// queue.
    ///
    /// The body comes first: a client that sends slowly must not occupy a place among the running requests. The body
    /// has a separate time limit. The deadline, which is running already, ends everything after the body.
    async fn admit(
        &self,
        parts: &Parts,
        body: &mut IncomingBody,
        model: &str,
        deadline: Deadline,
    ) -> Result<Call<'_>, ApiError> {
        let body = self.bodies.read(&parts.headers, body).await?;
        let faults = self.faults.choose();
        let wait = async {
            tokio::time::sleep(faults.delay).await;
            if let Some(error) = faults.rejection() {
                return Err(error);
            }
            let model = self.models.resolve(&*self.backend, model).await?;
            Ok((model, self.queue.enter().await?))
        };
        let (model, running) = deadline.run(wait).await??;
        Ok(Call {
            model,
            body: body.bytes,
            deadline,
            faults,
            attachments: Attachments {
                storage: self.files.as_ref(),
                bodies: &self.bodies,
                hosts: &self.hosts,
                site: Site::of(parts),
                memory: body.memory,
                names: String::new(),
            },
            running,
        })
    }

    /// Runs a call, and returns its response. An error names the files that the request uses.
    async fn run(
        &self,
        method: ModelMethod,
        mut call: Call<'_>,
        framing: Framing,
    ) -> Result<Response, ApiError> {
        let response = match method {
            ModelMethod::GenerateContent => self.generate(&mut call).await,
            ModelMethod::StreamGenerateContent => self.start(&mut call).await.map(|chunks| {
                let content_type = framing.content_type();
                let body = StreamBody {
                    chunks,
                    framing,
                    faults: call.faults,
                    written: 0,
                    _running: call.running,
                    _memory: call.attachments.memory,
                };
                response::with_body(content_type, body.into_body())
            }),
            ModelMethod::CountTokens => self.count_tokens(&mut call).await,
            ModelMethod::EmbedContent => self.embed(&mut call).await,
            ModelMethod::BatchEmbedContents => self.embed_all(&mut call).await,
        };
        response.map_err(|error| error.naming_files(&call.attachments.names))
    }

    /// Runs `generateContent`.
    async fn generate(&self, call: &mut Call<'_>) -> Result<Response, ApiError> {
        let mut prepared = self.prepare(call).await?;
        let options = call.deadline.options();
        let Some(hop) = prepared.hop.take() else {
            let reply = self.backend.generate_content(prepared.request, options);
            let mut reply = call.deadline.run(reply).await??;
            prepared.defaults.fill(&mut reply);
            return Ok(response::json(&reply));
        };
        // A hop is counted and cut in chunks, so the backend streams even though the reply is returned whole.
        prepared.hop = Some(hop.without_checkpoints());
        let mut chunks = self.chunks(prepared, call.deadline);
        let mut reply = GenerateContentResponse::default();
        while let Some(chunk) = chunks.next().await {
            reply.merge_chunk(&chunk?);
        }
        Ok(response::json(&reply))
    }

    /// Starts a reply in chunks. Returns once the first chunk has arrived, so that an error before it is an error
    /// response and not an event in a successful one.
    async fn start(&self, call: &mut Call<'_>) -> Result<Chunks, ApiError> {
        let prepared = self.prepare(call).await?;
        let mut chunks = self.chunks(prepared, call.deadline);
        chunks.start().await?;
        Ok(chunks)
    }

    /// Asks the backend for a reply in chunks.
    fn chunks(&self, prepared: Prepared, deadline: Deadline) -> Chunks {
        let options = deadline.options();
        Chunks {
            first: None,
            stream: self
                .backend
                .stream_generate_content(prepared.request, options),
            deadline,
            defaults: prepared.defaults,
            hop: prepared.hop,
        }
    }

    /// Parses the request of a call, freeing its text.
    async fn prepare(&self, call: &mut Call<'_>) -> Result<Prepared, ApiError> {
        let version = id_of(&call.model).to_owned();
        let defaults = ReplyDefaults::new(&version, &call.body);
        let mut request: GenerateContentRequest = call.parse()?;
        // A token is bound to the resolved model, and to the request before the references to files are replaced.
        request.model = call.model_name();
        let hop = self.hops.begin(&mut request)?;
        call.resolve(&mut request).await?;
        if let Some(limit) = self.max_output_tokens {
            let config = request.generation_config.get_or_insert_default();
            config.max_output_tokens.get_or_insert(limit);
        }
        Ok(Prepared {
            request,
            defaults: match &hop {
                // The text of the request differs between the hops of a reply, since it contains the token. Ids of
                // calls must not differ: they are in the digest that a token is compared with.
                Some(hop) => ReplyDefaults::new(&version, hop.request()),
                None => defaults,
            },
            hop,
        })
    }

    /// Runs `countTokens`.
    async fn count_tokens(&self, call: &mut Call<'_>) -> Result<Response, ApiError> {
        let mut request: CountTokensRequest = call.parse()?;
        request.model = call.model_name();
        if let Some(inner) = &mut request.generate_content_request {
            inner.model = call.model_name();
            call.resolve(inner).await?;
        }
        call.attachments.resolve_all(&mut request.contents).await?;
        let options = call.deadline.options();
        json(call.deadline, self.backend.count_tokens(request, options)).await
    }

    /// Runs `embedContent`.
    async fn embed(&self, call: &mut Call<'_>) -> Result<Response, ApiError> {
        let mut request: EmbedContentRequest = call.parse()?;
        call.resolve_embedding(&mut request).await?;
        let options = call.deadline.options();
        json(call.deadline, self.backend.embed_content(request, options)).await
    }

    /// Runs `batchEmbedContents`.
    async fn embed_all(&self, call: &mut Call<'_>) -> Result<Response, ApiError> {
        let mut request: BatchEmbedContentsRequest = call.parse()?;
        request.model = call.model_name();
        for inner in &mut request.requests {
            call.resolve_embedding(inner).await?;
        }
        let options = call.deadline.options();
        let embeddings = self.backend.batch_embed_contents(request, options);
        json(call.deadline, embeddings).await
    }
}

impl Call<'_> {
    /// Parses the body, and frees it. An empty one is a request without members.
    ///
    /// The types of the protocol accept what the service accepts, such as members in `snake_case`.
    ///
    /// # Errors
    /// 400 with the path of the member that is invalid.
    fn parse<T: ReadJson>(&mut self) -> Result<T, ApiError> {
        let body = std::mem::take(&mut self.body);
        let is_empty = body.trim_ascii().is_empty();
        let json = if is_empty { b"{}" } else { &body[..] };
        read_request(json)
            .map_err(|error| ApiError::invalid(format!("the request body is invalid: {error}")))
    }

    /// Returns the name that the backend uses for the model.
    fn model_name(&self) -> Option<String> {
        Some(self.model.clone())
    }

    /// Replaces the references to files in a request.
    async fn resolve(&mut self, request: &mut GenerateContentRequest) -> Result<(), ApiError> {
        if let Some(system) = &mut request.system_instruction {
            self.attachments.resolve(system).await?;
        }
        self.attachments.resolve_all(&mut request.contents).await
    }

    /// Sets the model of a request for an embedding, and replaces its references to files.
    async fn resolve_embedding(
        &mut self,
        request: &mut EmbedContentRequest,
    ) -> Result<(), ApiError> {
        request.model = self.model_name();
        match &mut request.content {
            Some(content) => self.attachments.resolve(content).await,
            None => Ok(()),
        }
    }
}

/// Awaits a reply of the backend until the deadline, and returns it as JSON.
async fn json<T: Serialize>(
    deadline: Deadline,
    reply: impl Future<Output = BackendResult<T>>,
) -> Result<Response, ApiError> {
    let reply = deadline.run(reply).await??;
    Ok(response::json(&reply))
}
