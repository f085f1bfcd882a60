//! The methods of the API: each with its address, its body and the kind of its response.

use super::address::Address;
use super::attempts::Attempts;
use super::body::SharedBody;
use super::deadline::Deadlines;
use super::failure::Failure;
use super::reply::{self, Reply};
use super::reply_stream::Chunks;
use super::request::Outgoing;
use super::service::Remote;
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

impl Backend for Remote {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let request = self.generation(request, "generateContent");
        self.unary(request, options)
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        let request = self.generation(request, "streamGenerateContent?alt=sse");
        let options = options.or(&self.0.options);
        Box::pin(Chunks::new(self.0.clone(), request, options))
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
        let request = self.post(model.as_deref(), "countTokens", &request);
        self.unary(request, options)
    }

    fn list_models(
        &self,
        page_token: Option<String>,
        options: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        let address = self.address().models(page_token.as_deref());
        self.unary(address.map(Outgoing::get), options)
    }

    fn get_model(&self, name: String, options: RequestOptions) -> BoxFuture<Result<Model>> {
        let address = self.address().model(&name);
        self.unary(address.map(Outgoing::get), options)
    }

    fn get_cached_content(
        &self,
        name: String,
        options: RequestOptions,
    ) -> BoxFuture<Result<CachedContent>> {
        let address = self.address().cached_content(&name);
        self.unary(address.map(Outgoing::get), options)
    }

    fn embed_content(
        &self,
        mut request: EmbedContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        let model = request.model.take();
        let request = self.post(model.as_deref(), "embedContent", &request);
        self.unary(request, options)
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
        }
        let request = self.post(model.as_deref(), "batchEmbedContents", &request);
        self.unary(request, options)
    }
}

impl Remote {
    fn address(&self) -> &Address {
        &self.0.address
    }

    /// Serializes a request for a reply. Its contents are not copied.
    fn generation(&self, request: GenerateContentRequest, method: &str) -> Result<Outgoing> {
        let address = self.address().method(request.model.as_deref(), method)?;
        Ok(Outgoing::post(address, SharedBody::of_request(request)?))
    }

    /// Serializes any other request.
    fn post(
        &self,
        model: Option<&str>,
        method: &str,
        request: &impl serde::Serialize,
    ) -> Result<Outgoing> {
        let address = self.address().method(model, method)?;
        Ok(Outgoing::post(address, SharedBody::of(request)?))
    }

    /// Sends a request, and reads a response in one piece.
    fn unary<R: Reply + Send + 'static>(
        &self,
        request: Result<Outgoing>,
        options: RequestOptions,
    ) -> BoxFuture<Result<R>> {
        let service = self.0.clone();
        Box::pin(async move {
            let options = options.or(&service.options);
            let mut attempts = Attempts::begin(service, request?, options, Deadlines::unary)?;
            loop {
                match attempt(&mut attempts).await {
                    Ok(reply) => {
                        attempts.succeeded();
                        return Ok(reply);
                    }
                    Err(failure) => attempts.recover(failure).await?,
                }
            }
        })
    }
}

async fn attempt<R: Reply>(attempts: &mut Attempts) -> Result<R, Failure> {
    let mut response = attempts.send().await?;
    let body = attempts.body(&mut response).await?;
    reply::read_whole(&body, &attempts.service.secrets)
}
