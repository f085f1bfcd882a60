//! The methods of the API, each with its address and its body.

use super::address::Address;
use super::body::Pieces;
use super::call::Call;
use super::chunks::Chunks;
use super::client::Remote;
use super::limits::{Form, Limits};
use super::transport::Outgoing;
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
use futures_util::StreamExt as _;
use futures_util::stream::unfold;

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
        let service = self.0.clone();
        let begin = move || {
            let url = service
                .address
                .method(request.model.as_deref(), "streamGenerateContent?alt=sse")?;
            let outgoing = Outgoing::post(url, Pieces::of_request(request)?);
            let limits = Limits::of(&options.or(&service.options), Form::Stream);
            let mut call = Call::new(service, outgoing, limits);
            call.begin()?;
            Ok(Box::new(Chunks::new(call)))
        };
        let chunks = unfold(State::Begin(begin), |state| async move {
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
        });
        Box::pin(chunks.fuse())
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
            |address: &Address| Ok(Outgoing::get(address.models(page_token.as_deref())?));
        self.whole(outgoing, options)
    }

    fn get_model(&self, name: String, options: RequestOptions) -> BoxFuture<Result<Model>> {
        self.whole(|address| Ok(Outgoing::get(address.model(&name)?)), options)
    }

    fn get_cached_content(
        &self,
        name: String,
        options: RequestOptions,
    ) -> BoxFuture<Result<CachedContent>> {
        self.whole(
            |address| Ok(Outgoing::get(address.cached_content(&name)?)),
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
