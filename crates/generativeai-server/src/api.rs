//! The endpoints: requests are parsed, passed to the backend, and its replies returned.

use std::fmt::Display;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use generativeai::protocol::embeddings::{BatchEmbedContentsRequest, EmbedContentRequest};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::tokens::CountTokensRequest;
use generativeai::{Backend, Result as BackendResult};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::BodyReader;
use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::faults::{Faults, InjectedFaults};
use crate::framing::Framing;
use crate::guard::ApiKey;
use crate::models::{ModelNames, ResolvedModel};
use crate::query::Query;
use crate::queue::{Permits, RequestQueue};
use crate::reply::ReplyDefaults;
use crate::response;
use crate::route::{Endpoint, ModelMethod, route};
use crate::stream::{Chunks, StreamBody};

/// The API over a backend.
///
/// One value serves all requests. It has no state: the queue, the memory of the body reader,
/// the cached model names and the sequence of faults are shared through their own types.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) backend: Arc<dyn Backend>,
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
    /// `maxOutputTokens` of requests that do not set it.
    pub(crate) max_output_tokens: Option<i32>,
}

/// A call of a model method that was admitted: its body is read, and it may run.
struct Call {
    /// Model to call, instead of the one that the client named.
    model: ResolvedModel,
    /// Text of the request.
    body: Vec<u8>,
    /// Time by which the response must be complete.
    deadline: Deadline,
    /// Faults of this request. Its delay and rejection are over; those of streams are to come.
    faults: InjectedFaults,
    /// Held until the response is complete.
    permits: Permits,
}

impl Api {
    /// Handles a request. Dropping the future stops the backend.
    ///
    /// The order of the checks is what clients see: a wrong key hides whether a path exists, and a
    /// request that cannot be routed is rejected before its body is read.
    pub(crate) async fn handle(&self, parts: &Parts, body: Body) -> Result<Response, ApiError> {
        let query = Query::parse(parts.uri.query().unwrap_or_default())?;
        if let Some(key) = &self.key {
            key.check(&parts.headers, query.key.as_deref())?;
        }
        let endpoint = route(&parts.method, parts.uri.path())?;
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
                let call = self.admit(&parts.headers, body, &model, deadline).await?;
                self.run(method, call, query.sse).await
            }
        }
    }

    /// Reads the body of a call, injects the faults that come before its response, and waits in the
    /// queue.
    ///
    /// The body comes first: a client that sends slowly must not occupy a place among the running
    /// requests. The deadline covers everything after it.
    async fn admit(
        &self,
        headers: &HeaderMap,
        body: Body,
        model: &str,
        deadline: Deadline,
    ) -> Result<Call, ApiError> {
        let body = self.bodies.read(headers, body).await?;
        let faults = self.faults.draw();
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
            permits: [running, body.memory],
        })
    }

    /// Runs a call, and returns its response.
    ///
    /// The name of the model is written into the request and into those nested in it: the client's name
    /// may be one that only the server understands.
    async fn run(&self, method: ModelMethod, call: Call, sse: bool) -> Result<Response, ApiError> {
        let backend = &self.backend;
        let deadline = call.deadline;
        let model = Some(call.model.name.clone());
        match method {
            ModelMethod::GenerateContent => self.generate(call).await,
            ModelMethod::StreamGenerateContent => self.stream(call, sse).await,
            ModelMethod::CountTokens => {
                let mut request: CountTokensRequest = parse(call.body)?;
                if let Some(inner) = &mut request.generate_content_request {
                    inner.model.clone_from(&model);
                }
                request.model = model;
                json(deadline, backend.count_tokens(request, deadline.options())).await
            }
            ModelMethod::EmbedContent => {
                let mut request: EmbedContentRequest = parse(call.body)?;
                request.model = model;
                json(deadline, backend.embed_content(request, deadline.options())).await
            }
            ModelMethod::BatchEmbedContents => {
                let mut request: BatchEmbedContentsRequest = parse(call.body)?;
                for inner in &mut request.requests {
                    inner.model.clone_from(&model);
                }
                request.model = model;
                let embeddings = backend.batch_embed_contents(request, deadline.options());
                json(deadline, embeddings).await
            }
        }
    }

    /// Runs `generateContent`.
    async fn generate(&self, mut call: Call) -> Result<Response, ApiError> {
        let (request, mut defaults) = self.prepare(&mut call)?;
        let options = call.deadline.options();
        let reply = self.backend.generate_content(request, options);
        let mut reply = call.deadline.run(reply).await??;
        defaults.fill(&mut reply);
        Ok(response::json(&reply))
    }

    /// Runs `streamGenerateContent`. Returns once the first chunk has arrived, so that an error before it
    /// is an error response and not an event in a successful one.
    async fn stream(&self, mut call: Call, sse: bool) -> Result<Response, ApiError> {
        let (request, defaults) = self.prepare(&mut call)?;
        let options = call.deadline.options();
        let stream = self.backend.stream_generate_content(request, options);
        let mut chunks = Chunks::new(stream, call.deadline, defaults);
        chunks.start().await?;
        let framing = Framing::new(sse);
        let content_type = framing.content_type();
        let body = StreamBody {
            chunks,
            framing,
            faults: call.faults,
            written: 0,
            _permits: call.permits,
        };
        Ok(response::with_body(content_type, body.into_body()))
    }

    /// Parses the request of a call, freeing its text, and returns what its reply may lack.
    fn prepare(
        &self,
        call: &mut Call,
    ) -> Result<(GenerateContentRequest, ReplyDefaults), ApiError> {
        let body = std::mem::take(&mut call.body);
        let defaults = ReplyDefaults::new(call.model.version(), &body);
        let mut request: GenerateContentRequest = parse(body)?;
        request.model = Some(call.model.name.clone());
        if let Some(limit) = self.max_output_tokens {
            let config = request.generation_config.get_or_insert_default();
            config.max_output_tokens.get_or_insert(limit);
        }
        Ok((request, defaults))
    }
}

/// Parses a request body, and frees it. An empty one is a request without members.
///
/// The types of the protocol accept what the service accepts, such as members in `snake_case`.
///
/// # Errors
/// 400 with the path of the member that is invalid.
fn parse<T: DeserializeOwned>(body: Vec<u8>) -> Result<T, ApiError> {
    let json = match body.trim_ascii() {
        b"" => b"{}",
        json => json,
    };
    let mut parser = serde_json::Deserializer::from_slice(json);
    let request = serde_path_to_error::deserialize(&mut parser).map_err(invalid_body)?;
    parser.end().map_err(invalid_body)?;
    Ok(request)
}

fn invalid_body(error: impl Display) -> ApiError {
    ApiError::invalid(format!("the request body is invalid: {error}"))
}

/// Awaits a reply of the backend until the deadline, and returns it as JSON.
async fn json<T: Serialize>(
    deadline: Deadline,
    reply: impl Future<Output = BackendResult<T>>,
) -> Result<Response, ApiError> {
    let reply = deadline.run(reply).await??;
    Ok(response::json(&reply))
}
