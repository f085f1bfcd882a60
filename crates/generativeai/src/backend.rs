//! The one seam: whoever answers a request implements `Backend`.

use std::fmt;
use std::pin::Pin;

use futures_core::Stream;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::caches::CachedContent;
use crate::protocol::embeddings::{
    BatchEmbedContentsRequest, BatchEmbedContentsResponse, EmbedContentRequest,
    EmbedContentResponse,
};
use crate::protocol::models::{ListModelsResponse, Model};
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::tokens::{CountTokensRequest, CountTokensResponse};

mod options;
mod shared;

pub use options::{RequestOptions, Retry};

/// An answer that is still to come.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// The chunks of a streamed reply, as they come. After an error nothing more comes.
pub type ChunkStream =
    Pin<Box<dyn Stream<Item = Result<GenerateContentResponse>> + Send + 'static>>;

/// Whoever answers requests: the REST API, an embedded model, a script of a test.
///
/// Answers own what they need, so that a chat can hold one while it is changed: an implementation
/// clones its handle into them. Work begins when an answer is first polled and stops when it is
/// dropped.
///
/// ```
/// use generativeai::{Backend, BoxFuture, ChunkStream, GenerativeModel, RequestOptions, Result};
/// use generativeai::protocol::content::Content;
/// use generativeai::protocol::request::GenerateContentRequest;
/// use generativeai::protocol::response::GenerateContentResponse;
///
/// /// Says everything back.
/// #[derive(Debug)]
/// struct Echo;
///
/// impl Backend for Echo {
///     fn generate_content(
///         &self,
///         request: GenerateContentRequest,
///         _: RequestOptions,
///     ) -> BoxFuture<Result<GenerateContentResponse>> {
///         let said = request.contents.iter().last().map(|content| content.parts.clone());
///         let reply = Content::model(said.unwrap_or_default());
///         Box::pin(async move { Ok(GenerateContentResponse::from(reply)) })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let mut chat = GenerativeModel::new("echo").backend(Echo).start_chat();
/// assert_eq!(chat.send_message("Hello").await?.text()?, "Hello");
/// # Ok(()) }
/// ```
pub trait Backend: Send + Sync + fmt::Debug {
    /// Answers in one piece.
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>>;

    /// Answers in chunks, as they come; by default the whole reply is the only chunk.
    ///
    /// The last chunk bears the finish reason: a stream that ends without one counts as cut.
    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        crate::stream::once(self.generate_content(request, options))
    }

    /// Whether requests are sent as JSON; by default they are not.
    ///
    /// Where they are, a chat keeps its history as JSON alone, which takes half the memory and is what
    /// its requests are made of. It does so until somebody looks at the history, and up to the first
    /// content that is more than text, as a call or a reply with a thought signature is.
    fn sends_json(&self) -> bool {
        false
    }

    /// Counts the tokens of a request without answering it.
    fn count_tokens(
        &self,
        request: CountTokensRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        let _ = (request, options);
        unsupported("count tokens")
    }

    /// Lists the models that can be asked; `page_token` is that of the page before.
    fn list_models(
        &self,
        page_token: Option<String>,
        options: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        let _ = (page_token, options);
        unsupported("list models")
    }

    /// Describes one model.
    fn get_model(&self, name: String, options: RequestOptions) -> BoxFuture<Result<Model>> {
        let _ = (name, options);
        unsupported("describe a model")
    }

    /// Gets what a cache holds, by its name: `cachedContents/…`, or what stands behind the slash.
    fn get_cached_content(
        &self,
        name: String,
        options: RequestOptions,
    ) -> BoxFuture<Result<CachedContent>> {
        let _ = (name, options);
        unsupported("get cached content")
    }

    /// Gives the embedding of a content.
    fn embed_content(
        &self,
        request: EmbedContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        let _ = (request, options);
        unsupported("embed content")
    }

    /// Gives the embeddings of several contents.
    fn batch_embed_contents(
        &self,
        request: BatchEmbedContentsRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<BatchEmbedContentsResponse>> {
        let _ = (request, options);
        unsupported("embed contents")
    }
}

fn unsupported<T: Send + 'static>(what: &str) -> BoxFuture<Result<T>> {
    let error = Error::new(
        ErrorKind::Unsupported,
        format!("this backend cannot {what}"),
    );
    Box::pin(std::future::ready(Err(error)))
}
