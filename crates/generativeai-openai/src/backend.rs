//! The backend: maps each method of the Gemini API to a path of the OpenAI API.

use futures_util::TryFutureExt as _;
use generativeai::protocol::embeddings::{
    BatchEmbedContentsRequest, BatchEmbedContentsResponse, EmbedContentRequest,
    EmbedContentResponse,
};
use generativeai::protocol::models::{ListModelsResponse, Model};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::remote::__http::Client;
use generativeai::{Backend, BoxFuture, ChunkStream, RequestOptions, Result};

use crate::capabilities::Capabilities;
use crate::embeddings::{self, Embeddings};
use crate::models::{self, Models};
use crate::reply::{Chunks, Completion};
use crate::request::{self, Mode};

/// Client of an OpenAI-compatible server.
///
/// Clones are cheap and share everything: the connection pool, the API key, the retry budget. Connections, retries,
/// timeouts and cancellation work as in a [`Remote`](generativeai::Remote), and the [`RequestOptions`] have the same
/// meaning. Prompts and keys appear in no error and in no `Debug` output.
///
/// [`count_tokens`](Backend::count_tokens) fails: the API of OpenAI has no such method.
///
/// ```no_run
/// use generativeai::{Backend, GenerativeModel, RequestOptions};
/// use generativeai_openai::OpenAi;
///
/// # async fn example() -> generativeai::Result<()> {
/// let ollama = OpenAi::ollama()?;
/// let models = ollama.list_models(None, RequestOptions::default()).await?;
/// for model in &models.models {
///     println!("{}", model.name.as_deref().unwrap_or_default());
/// }
///
/// let mut chat = GenerativeModel::new("qwen3:4b").backend(ollama).start_chat();
/// println!("{}", chat.send_message("Hello").await?.text()?);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct OpenAi {
    pub(crate) client: Client,
    pub(crate) capabilities: Capabilities,
}

impl OpenAi {
    /// Returns the base URL.
    pub fn base_url(&self) -> &str {
        self.client.address()
    }
}

impl Backend for OpenAi {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let body = request::body(&request, &self.capabilities, Mode::Unary);
        let chunks = Chunks::new(&request);
        let reply = self.client.post("chat/completions", body, options);
        Box::pin(reply.map_ok(move |reply: Completion| chunks.whole(reply)))
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        let body = request::body(&request, &self.capabilities, Mode::Stream);
        let chunks = Chunks::new(&request);
        self.client
            .stream("chat/completions", body, (chunks, options))
    }

    fn list_models(
        &self,
        _: Option<String>,
        options: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        // The page token is ignored: `/models` returns the whole list at once.
        let models = self.client.get("models", options);
        Box::pin(models.map_ok(Models::convert))
    }

    fn get_model(&self, name: String, options: RequestOptions) -> BoxFuture<Result<Model>> {
        let list = self.list_models(None, options);
        Box::pin(async move { models::find(list.await?, &name) })
    }

    fn embed_content(
        &self,
        request: EmbedContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        // The API of OpenAI has one method for one text and for several.
        let batch = BatchEmbedContentsRequest::default().requests([request]);
        Box::pin(
            self.batch_embed_contents(batch, options)
                .map_ok(embeddings::single),
        )
    }

    fn batch_embed_contents(
        &self,
        request: BatchEmbedContentsRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<BatchEmbedContentsResponse>> {
        let body = embeddings::body(&request);
        let texts = request.requests.len();
        let reply = self.client.post("embeddings", body, options);
        Box::pin(async move { Embeddings::convert(reply.await?, texts) })
    }
}
