//! `Backend` for pointers to a backend: `Arc` and `Box`.

use std::sync::Arc;

use super::{Backend, RequestOptions};
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

/// Implements `Backend` for a pointer, by forwarding every method.
macro_rules! forward {
    ($(#[$doc:meta])* $pointer:ty) => {
        $(#[$doc])*
        // A method that is not forwarded would silently get its default.
        #[deny(clippy::missing_trait_methods)]
        impl<B: Backend + ?Sized> Backend for $pointer {
            fn generate_content(
                &self,
                request: GenerateContentRequest,
                options: RequestOptions,
            ) -> BoxFuture<Result<GenerateContentResponse>> {
                (**self).generate_content(request, options)
            }

            fn stream_generate_content(
                &self,
                request: GenerateContentRequest,
                options: RequestOptions,
            ) -> ChunkStream {
                (**self).stream_generate_content(request, options)
            }

            fn count_tokens(
                &self,
                request: CountTokensRequest,
                options: RequestOptions,
            ) -> BoxFuture<Result<CountTokensResponse>> {
                (**self).count_tokens(request, options)
            }

            fn list_models(
                &self,
                page_token: Option<String>,
                options: RequestOptions,
            ) -> BoxFuture<Result<ListModelsResponse>> {
                (**self).list_models(page_token, options)
            }

            fn get_model(
                &self,
                name: String,
                options: RequestOptions,
            ) -> BoxFuture<Result<Model>> {
                (**self).get_model(name, options)
            }

            fn get_cached_content(
                &self,
                name: String,
                options: RequestOptions,
            ) -> BoxFuture<Result<CachedContent>> {
                (**self).get_cached_content(name, options)
            }

            fn embed_content(
                &self,
                request: EmbedContentRequest,
                options: RequestOptions,
            ) -> BoxFuture<Result<EmbedContentResponse>> {
                (**self).embed_content(request, options)
            }

            fn batch_embed_contents(
                &self,
                request: BatchEmbedContentsRequest,
                options: RequestOptions,
            ) -> BoxFuture<Result<BatchEmbedContentsResponse>> {
                (**self).batch_embed_contents(request, options)
            }
        }
    };
}

forward! {
    /// Forwards every method, so that several models can share a backend, and a backend chosen at run time
    /// is set like any other.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use generativeai::{Backend, GenerativeModel, testing::Scripted};
    ///
    /// let backend: Arc<dyn Backend> = Arc::new(Scripted::default().then_text("Hello!"));
    /// let model = GenerativeModel::new("m").backend(backend);
    /// ```
    Arc<B>
}

forward! {
    /// Forwards every method, so that a backend chosen at run time is set like any other.
    Box<B>
}
