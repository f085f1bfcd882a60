//! The endpoints: requests are parsed, passed to the backend, and its replies returned.

use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::response::Response;
use generativeai::protocol::content::{Content, Contents};
use generativeai::protocol::embeddings::{BatchEmbedContentsRequest, EmbedContentRequest};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::tokens::CountTokensRequest;
use generativeai::protocol::{ReadJson, read_request};
use generativeai::{Backend, Result as BackendResult};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::body::BodyReader;
use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::faults::{Faults, InjectedFaults};
use crate::files::{Attachments, FileStorage, FilesApi, Site, UsedFiles};
use crate::framing::Framing;
use crate::guard::{AllowedHosts, ApiKey};
use crate::hops::{Hop, Hops};
use crate::models::{ModelNames, ResolvedModel};
use crate::query::Query;
use crate::queue::RequestQueue;
use crate::reply::ReplyDefaults;
use crate::response;
use crate::route::{Endpoint, ModelMethod, check_method, not_served, route};
use crate::stream::{Chunks, StreamBody};

/// The API over a backend.
///
/// One value serves all requests, without a lock around it. The parts that change synchronize themselves: the queue,
/// the memory of the body reader, the cached model names, and the sequence of faults.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) backend: Arc<dyn Backend>,
    /// Host names that clients may use for the server.
    pub(crate) hosts: AllowedHosts,
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
    /// Hops that replies are divided into, if any.
    pub(crate) hops: Option<Arc<Hops>>,
    /// `maxOutputTokens` of requests that do not set it.
    pub(crate) max_output_tokens: Option<i32>,
}

/// Admitted call of a model method: its body is read, and it may run.
struct Call {
    /// Model to call, instead of the one that the client named.
    model: ResolvedModel,
    /// Text of the request.
    body: Vec<u8>,
    /// Time by which the response must be complete.
    deadline: Deadline,
    /// Faults of this request. Delays and rejections were applied; faults of streams follow.
    faults: InjectedFaults,
    /// Address at which the client reached the server.
    site: Site,
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
        body: &mut Body,
    ) -> Result<Response, ApiError> {
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let endpoint = route(&parts.method, parts.uri.path());
        // The random id of an upload replaces the API key: some clients do not send the key with the bytes.
        let has_upload_id = matches!(endpoint, Ok(Endpoint::Upload)) && query.upload_id.is_some();
        if let Some(key) = &self.key
            && !has_upload_id
        {
            key.check(&parts.headers, query.key.as_deref())?;
        }
        let endpoint = endpoint?;
        let sse = query.is_sse()?;
        let deadline = Deadline::from_headers(&parts.headers)?;
        let options = deadline.options();
        if endpoint.is_of_files() {
            let handled = self.handle_files(endpoint, parts, query, body);
            return deadline.run(handled).await?;
        }
        match endpoint {
            Endpoint::ListModels => {
                json(
                    deadline,
                    self.backend.list_models(query.page_token, options),
                )
                .await
            }
            Endpoint::GetModel(name) => {
                let resolved = self.models.resolve(&*self.backend, &name).await?;
                let model = self.backend.get_model(resolved.name, options);
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
                let (call, used) = self.admit(parts, body, &model, deadline).await?;
                self.run(method, call, used, sse).await
            }
            _ => Err(not_served(parts.uri.path())),
        }
    }

    /// Handles a request of the Files API.
    async fn handle_files(
        &self,
        endpoint: Endpoint,
        parts: &Parts,
        query: Query,
        body: &mut Body,
    ) -> Result<Response, ApiError> {
        let path = parts.uri.path();
        let api = FilesApi {
            storage: self.files.as_ref().ok_or_else(|| not_served(path))?,
            bodies: &self.bodies,
            site: Site::of(parts),
        };
        check_method(&parts.method, &endpoint)?;
        match endpoint {
            Endpoint::ListFiles => api.list(query).await,
            Endpoint::GetFile(id) => api.get(&id),
            Endpoint::DeleteFile(id) => api.delete(id).await,
            Endpoint::Upload => api.upload(parts, &query, body).await,
            Endpoint::Discovery => Ok(api.discovery()),
            _ => Err(not_served(path)),
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
        body: &mut Body,
        model: &str,
        deadline: Deadline,
    ) -> Result<(Call, UsedFiles), ApiError> {
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
        let call = Call {
            model,
            body: body.bytes,
            deadline,
            faults,
            site: Site::of(parts),
            running,
        };
        Ok((call, UsedFiles::new(body.memory)))
    }

    /// Runs a call, and returns its response. An error names the files that the request uses.
    async fn run(
        &self,
        method: ModelMethod,
        call: Call,
        mut used: UsedFiles,
        sse: bool,
    ) -> Result<Response, ApiError> {
        let response = match method {
            ModelMethod::GenerateContent => self.generate(call, &mut used).await,
            ModelMethod::StreamGenerateContent => self.stream(call, sse, &mut used).await,
            ModelMethod::CountTokens => self.count_tokens(call, &mut used).await,
            ModelMethod::EmbedContent => self.embed(call, &mut used).await,
            ModelMethod::BatchEmbedContents => self.embed_all(call, &mut used).await,
        };
        response.map_err(|error| error.naming_files(&used.names))
    }

    /// Runs `generateContent`.
    async fn generate(&self, mut call: Call, used: &mut UsedFiles) -> Result<Response, ApiError> {
        let mut prepared = self.prepare(&mut call, used).await?;
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

    /// Runs `streamGenerateContent`. Returns once the first chunk has arrived, so that an error before it
    /// is an error response and not an event in a successful one.
    async fn stream(
        &self,
        mut call: Call,
        sse: bool,
        used: &mut UsedFiles,
    ) -> Result<Response, ApiError> {
        let prepared = self.prepare(&mut call, used).await?;
        let mut chunks = self.chunks(prepared, call.deadline);
        chunks.start().await?;
        let framing = Framing::new(sse);
        let content_type = framing.content_type();
        let body = StreamBody {
            chunks,
            framing,
            faults: call.faults,
            written: 0,
            _running: call.running,
            _memory: used.take_memory(),
        };
        Ok(response::with_body(content_type, body.into_body()))
    }

    /// Asks the backend for a reply in chunks.
    fn chunks(&self, prepared: Prepared, deadline: Deadline) -> Chunks {
        let Prepared {
            request,
            defaults,
            hop,
        } = prepared;
        let options = deadline.options();
        let stream = self.backend.stream_generate_content(request, options);
        Chunks::new(stream, deadline, defaults, hop)
    }

    /// Parses the request of a call, freeing its text.
    async fn prepare(&self, call: &mut Call, used: &mut UsedFiles) -> Result<Prepared, ApiError> {
        let body = std::mem::take(&mut call.body);
        let version = call.model.version();
        let defaults = ReplyDefaults::new(version.clone(), &body);
        let mut request: GenerateContentRequest = parse(body)?;
        // A token is bound to the resolved model, and to the request before the references to files are replaced.
        request.model = Some(call.model.name.clone());
        let hop = self.hops.as_ref().map(|hops| hops.begin(&mut request));
        let hop = hop.transpose()?;
        self.name_and_resolve(&mut request, call, used).await?;
        if let Some(limit) = self.max_output_tokens {
            let config = request.generation_config.get_or_insert_default();
            config.max_output_tokens.get_or_insert(limit);
        }
        Ok(Prepared {
            request,
            defaults: match &hop {
                // The text of the request differs between the hops of a reply, since it contains the token. Ids of
                // calls must not differ: they are in the digest that a token is compared with.
                Some(hop) => ReplyDefaults::new(version, hop.request()),
                None => defaults,
            },
            hop,
        })
    }

    /// Runs `countTokens`.
    async fn count_tokens(
        &self,
        mut call: Call,
        used: &mut UsedFiles,
    ) -> Result<Response, ApiError> {
        let mut request: CountTokensRequest = parse(std::mem::take(&mut call.body))?;
        if let Some(inner) = &mut request.generate_content_request {
            self.name_and_resolve(inner, &call, used).await?;
        }
        self.resolve(&mut request.contents, &call, used).await?;
        request.model = Some(call.model.name.clone());
        let options = call.deadline.options();
        json(call.deadline, self.backend.count_tokens(request, options)).await
    }

    /// Runs `embedContent`.
    async fn embed(&self, mut call: Call, used: &mut UsedFiles) -> Result<Response, ApiError> {
        let mut request: EmbedContentRequest = parse(std::mem::take(&mut call.body))?;
        self.resolve_one(&mut request.content, &call, used).await?;
        request.model = Some(call.model.name.clone());
        let options = call.deadline.options();
        json(call.deadline, self.backend.embed_content(request, options)).await
    }

    /// Runs `batchEmbedContents`.
    async fn embed_all(&self, mut call: Call, used: &mut UsedFiles) -> Result<Response, ApiError> {
        let mut request: BatchEmbedContentsRequest = parse(std::mem::take(&mut call.body))?;
        let model = Some(call.model.name.clone());
        for inner in &mut request.requests {
            self.resolve_one(&mut inner.content, &call, used).await?;
            inner.model.clone_from(&model);
        }
        request.model = model;
        let options = call.deadline.options();
        let embeddings = self.backend.batch_embed_contents(request, options);
        json(call.deadline, embeddings).await
    }

    /// Sets the model of a request to the name that the backend uses, and replaces its references to files.
    async fn name_and_resolve(
        &self,
        request: &mut GenerateContentRequest,
        call: &Call,
        used: &mut UsedFiles,
    ) -> Result<(), ApiError> {
        request.model = Some(call.model.name.clone());
        self.resolve_one(&mut request.system_instruction, call, used)
            .await?;
        self.resolve(&mut request.contents, call, used).await
    }

    /// Replaces references to files in contents.
    async fn resolve(
        &self,
        contents: &mut Contents,
        call: &Call,
        used: &mut UsedFiles,
    ) -> Result<(), ApiError> {
        match self.attachments(call) {
            Some(attachments) => attachments.resolve_all(contents, used).await,
            None => Ok(()),
        }
    }

    /// Replaces references to files in a content.
    async fn resolve_one(
        &self,
        content: &mut Option<Content>,
        call: &Call,
        used: &mut UsedFiles,
    ) -> Result<(), ApiError> {
        match (content, self.attachments(call)) {
            (Some(content), Some(attachments)) => attachments.resolve(content, used).await,
            _ => Ok(()),
        }
    }

    fn attachments<'a>(&'a self, call: &'a Call) -> Option<Attachments<'a>> {
        Some(Attachments {
            storage: self.files.as_ref()?,
            bodies: &self.bodies,
            hosts: &self.hosts,
            site: &call.site,
        })
    }
}

/// Parses a request body, and frees it. An empty one is a request without members.
///
/// The types of the protocol accept what the service accepts, such as members in `snake_case`.
///
/// # Errors
/// 400 with the path of the member that is invalid.
fn parse<T: ReadJson>(body: Vec<u8>) -> Result<T, ApiError> {
    let is_empty = body.trim_ascii().is_empty();
    let json = if is_empty { b"{}" } else { &body[..] };
    read_request(json)
        .map_err(|error| ApiError::invalid(format!("the request body is invalid: {error}")))
}

/// Awaits a reply of the backend until the deadline, and returns it as JSON.
async fn json<T: Serialize>(
    deadline: Deadline,
    reply: impl Future<Output = BackendResult<T>>,
) -> Result<Response, ApiError> {
    let reply = deadline.run(reply).await??;
    Ok(response::json(&reply))
}
