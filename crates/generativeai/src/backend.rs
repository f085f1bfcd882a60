//! Interface between the chat and the service that answers its requests.

use std::fmt;

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
use crate::stream::{BoxFuture, ChunkStream};

mod options;
mod shared;

pub(crate) use options::Deadline;
pub use options::{RequestOptions, Retry};

/// Service that answers requests: the Gemini API, an embedded model, a script in a test.
///
/// Everything above this trait (history, tools, retry of a turn, tracing, storage) works with every
/// implementation. Only [`generate_content`](Self::generate_content) is required; the default of
/// [`stream_generate_content`](Self::stream_generate_content) returns the whole reply as one chunk, and the
/// other methods return [`Unsupported`](ErrorKind::Unsupported).
///
/// Rules for implementations:
///
/// - The returned future or stream owns its data (it is `'static`): clone a handle into it.
/// - Work starts when it is first polled, and stops when it is dropped.
/// - `request.model` contains the full name of the model, `models/…`.
/// - The [`ErrorKind`] of an error follows from what the caller can do about it.
/// - [`RequestOptions::timeout`] limits the request.
///
/// ```
/// use generativeai::protocol::content::Content;
/// use generativeai::protocol::request::GenerateContentRequest;
/// use generativeai::protocol::response::GenerateContentResponse;
/// use generativeai::{Backend, BoxFuture, GenerativeModel, RequestOptions, Result};
///
/// /// Replies with the message it receives.
/// #[derive(Debug)]
/// struct Echo;
///
/// impl Backend for Echo {
///     fn generate_content(
///         &self,
///         request: GenerateContentRequest,
///         _: RequestOptions,
///     ) -> BoxFuture<Result<GenerateContentResponse>> {
///         let message = request.contents.iter().last().map(|content| content.parts.clone());
///         let reply = Content::model(message.unwrap_or_default());
///         Box::pin(async move { Ok(GenerateContentResponse::from(reply)) })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let mut chat = GenerativeModel::new("echo").backend(Echo).start_chat();
/// assert_eq!(chat.send_message("Hello").await?.text()?, "Hello");
/// # Ok(()) }
/// ```
///
/// A backend that wraps another must forward every method. With the default methods, streams would arrive as one chunk
/// and other requests would be [`Unsupported`](ErrorKind::Unsupported). `#[deny(clippy::missing_trait_methods)]` on the
/// `impl` makes clippy report a missing method.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use generativeai::protocol::request::GenerateContentRequest;
/// use generativeai::protocol::response::GenerateContentResponse;
/// use generativeai::{Backend, BoxFuture, ChunkStream, GenerativeModel, RequestOptions, Result};
/// # use generativeai::testing::Scripted;
///
/// /// Counts requests. (The other methods are forwarded in the same way.)
/// #[derive(Clone, Debug)]
/// struct Counted<B>(B, Arc<AtomicU32>);
///
/// impl<B: Backend> Backend for Counted<B> {
///     fn generate_content(
///         &self,
///         request: GenerateContentRequest,
///         options: RequestOptions,
///     ) -> BoxFuture<Result<GenerateContentResponse>> {
///         self.1.fetch_add(1, Ordering::Relaxed);
///         self.0.generate_content(request, options)
///     }
///
///     fn stream_generate_content(
///         &self,
///         request: GenerateContentRequest,
///         options: RequestOptions,
///     ) -> ChunkStream {
///         self.1.fetch_add(1, Ordering::Relaxed);
///         self.0.stream_generate_content(request, options)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let counted = Counted(Scripted::always("Hello!"), Arc::default());
/// let model = GenerativeModel::new("m").backend(counted.clone());
/// model.generate_content("Hi").await?;
/// assert_eq!(counted.1.load(Ordering::Relaxed), 1);
/// # Ok(()) }
/// ```
///
/// [`check_backend`](crate::check_backend) tests an implementation.
pub trait Backend: Send + Sync + fmt::Debug {
    /// Generates a reply and returns it in one piece.
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>>;

    /// Generates a reply and returns it in chunks as they arrive.
    ///
    /// The last chunk contains the finish reason: a chat treats a stream without one as truncated. An error is the last
    /// item. The default implementation returns the reply of [`generate_content`](Self::generate_content) as the only
    /// chunk.
    ///
    /// ```
    /// use futures_util::{StreamExt, stream};
    /// use generativeai::protocol::content::Content;
    /// use generativeai::protocol::request::GenerateContentRequest;
    /// use generativeai::protocol::response::GenerateContentResponse;
    /// use generativeai::{Backend, BoxFuture, ChunkStream, GenerativeModel, RequestOptions, Result};
    ///
    /// /// Counts to three, one number in each chunk.
    /// #[derive(Debug)]
    /// struct Counter;
    ///
    /// impl Backend for Counter {
    ///     fn generate_content(
    ///         &self,
    ///         _: GenerateContentRequest,
    ///         _: RequestOptions,
    ///     ) -> BoxFuture<Result<GenerateContentResponse>> {
    ///         Box::pin(async { Ok(Content::model("1 2 3 ").into()) })
    ///     }
    ///
    ///     fn stream_generate_content(&self, _: GenerateContentRequest, _: RequestOptions) -> ChunkStream {
    ///         let chunks = (1..=3).map(|number| {
    ///             let mut chunk = GenerateContentResponse::from(Content::model(format!("{number} ")));
    ///             if number < 3 {
    ///                 chunk.candidates[0].finish_reason = None;
    ///             }
    ///             Ok(chunk)
    ///         });
    ///         stream::iter(chunks).boxed()
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let model = GenerativeModel::new("counter").backend(Counter);
    /// let reply = model.start_chat().send_message("Count").stream().finish().await?;
    /// assert_eq!(reply.text()?, "1 2 3 ");
    /// # Ok(()) }
    /// ```
    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        Box::pin(futures_util::stream::once(
            self.generate_content(request, options),
        ))
    }

    /// Counts the tokens of a request without generating a reply. The limits and the prices of models are in tokens:
    /// see [`protocol::tokens`](crate::protocol::tokens).
    fn count_tokens(
        &self,
        request: CountTokensRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        let _ = (request, options);
        unsupported("count tokens")
    }

    /// Lists the available models, one page at a time.
    ///
    /// `page_token` is the [`next_page_token`](ListModelsResponse::next_page_token) of the page before, or
    /// `None` for the first page.
    ///
    /// ```no_run
    /// use generativeai::{Backend, Remote, RequestOptions};
    ///
    /// # async fn example() -> generativeai::Result<()> {
    /// let remote = Remote::from_env()?;
    /// let (mut names, mut page) = (Vec::new(), None);
    /// loop {
    ///     let listed = remote.list_models(page, RequestOptions::default()).await?;
    ///     names.extend(listed.models.into_iter().filter_map(|model| model.name));
    ///     page = listed.next_page_token.filter(|token| !token.is_empty());
    ///     if page.is_none() {
    ///         break;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    fn list_models(
        &self,
        page_token: Option<String>,
        options: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        let _ = (page_token, options);
        unsupported("list models")
    }

    /// Returns the description of a model, such as its token limits.
    ///
    /// `name` may lack the prefix `models/`. Members that the service does not report, such as the limits of some
    /// models, are `None`.
    fn get_model(&self, name: String, options: RequestOptions) -> BoxFuture<Result<Model>> {
        let _ = (name, options);
        unsupported("describe a model")
    }

    /// Returns cached content by its name: `cachedContents/ID`, or the ID alone. Cached content is the beginning of a
    /// prompt that the service stores, so that requests with it cost less: see
    /// [`protocol::caches`](crate::protocol::caches).
    fn get_cached_content(
        &self,
        name: String,
        options: RequestOptions,
    ) -> BoxFuture<Result<CachedContent>> {
        let _ = (name, options);
        unsupported("get cached content")
    }

    /// Computes the embedding of one content: a vector of numbers that represents its meaning. Texts with a similar
    /// meaning have similar vectors, so that a program can search by meaning: see
    /// [`protocol::embeddings`](crate::protocol::embeddings).
    ///
    /// ```no_run
    /// use generativeai::protocol::embeddings::{EmbedContentRequest, TaskType};
    /// use generativeai::{Backend, Remote, RequestOptions};
    ///
    /// # async fn example() -> generativeai::Result<()> {
    /// let request = EmbedContentRequest::new("How tall is Ben Nevis?")
    ///     .model("models/gemini-embedding-001")
    ///     .task_type(TaskType::RetrievalQuery);
    /// let response = Remote::from_env()?.embed_content(request, RequestOptions::default()).await?;
    /// let vector = response.embedding.unwrap_or_default().values;
    /// # Ok(()) }
    /// ```
    fn embed_content(
        &self,
        request: EmbedContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        let _ = (request, options);
        unsupported("embed content")
    }

    /// Computes the embeddings of several contents in one request. The response has them in the order of the contents.
    fn batch_embed_contents(
        &self,
        request: BatchEmbedContentsRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<BatchEmbedContentsResponse>> {
        let _ = (request, options);
        unsupported("embed contents")
    }
}

/// Returns the response of the default methods.
fn unsupported<T: Send + 'static>(what: &str) -> BoxFuture<Result<T>> {
    let error = Error::new(
        ErrorKind::Unsupported,
        format!("this backend cannot {what}"),
    );
    Box::pin(std::future::ready(Err(error)))
}
