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

/// Defines methods that call the method of the same name of the backend behind `self`.
macro_rules! forward_methods {
    ($($method:ident($request:ty) -> $response:ty;)*) => {
        $(
            fn $method(&self, request: $request, options: RequestOptions) -> $response {
                (**self).$method(request, options)
            }
        )*
    };
}

/// Implements `Backend` for a pointer, by forwarding every method.
macro_rules! forward {
    ($(#[$doc:meta])* $pointer:ty) => {
        $(#[$doc])*
        // A method that is not forwarded would silently get its default.
        #[deny(clippy::missing_trait_methods)]
        impl<B: Backend + ?Sized> Backend for $pointer {
            forward_methods! {
                generate_content(GenerateContentRequest) -> BoxFuture<Result<GenerateContentResponse>>;
                stream_generate_content(GenerateContentRequest) -> ChunkStream;
                count_tokens(CountTokensRequest) -> BoxFuture<Result<CountTokensResponse>>;
                list_models(Option<String>) -> BoxFuture<Result<ListModelsResponse>>;
                get_model(String) -> BoxFuture<Result<Model>>;
                get_cached_content(String) -> BoxFuture<Result<CachedContent>>;
                embed_content(EmbedContentRequest) -> BoxFuture<Result<EmbedContentResponse>>;
                batch_embed_contents(BatchEmbedContentsRequest)
                    -> BoxFuture<Result<BatchEmbedContentsResponse>>;
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
