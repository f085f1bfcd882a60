//! A backend that plays back what a [`Recorder`](super::Recorder) recorded.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::backend::{Backend, RequestOptions};

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

mod difference;
mod exchange;
mod failure;
mod file;
mod secrets;

pub(super) use exchange::{Exchange, Method, json};
pub(super) use file::{head, unwritable};
pub(super) use secrets::Secrets;

/// A backend that plays back the exchanges of a file, without a network and without a key.
///
/// A [`Recorder`](super::Recorder) makes the file. Each exchange is played once. By default a request
/// gets the answer of an exchange with the same request, whichever order they come in; one that was
/// not recorded is an error that says where it differs, in the words of the conversation.
/// [`loose`](Self::loose) gives the answers in their order, whatever is asked. Streams come in the
/// chunks they came in, without waiting; errors come again with their kind, codes and details. A
/// clone shares what was played.
///
/// ```
/// use generativeai::{GenerativeModel, testing::Cassette};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("cassette-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("ben-nevis.jsonl");
/// # std::fs::write(&path, r#"{"cassette":1}
/// # {"number":0,"method":"generateContent","request":{"model":"models/gemini-2.5-flash","contents":[{"role":"user","parts":[{"text":"How tall is Ben Nevis?"}]}]},"answers":[{"candidates":[{"content":{"role":"model","parts":[{"text":"1,345 metres"}]},"finishReason":"STOP"}]}],"end":"whole"}
/// # "#)?;
/// let cassette = Cassette::open(&path)?;
/// let model = GenerativeModel::new("gemini-2.5-flash").backend(cassette.clone());
///
/// let reply = model.start_chat().send_message("How tall is Ben Nevis?").await?;
///
/// assert_eq!(reply.text()?, "1,345 metres");
/// assert_eq!(cassette.unplayed(), 0);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Cassette {
    name: String,
    exchanges: Arc<Mutex<Vec<Option<Exchange>>>>,
    is_loose: bool,
    secrets: Secrets,
}

impl Cassette {
    /// Reads a cassette.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the file cannot be read, is no cassette, is cut, or was made by
    /// a later version; the message names the file and the line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let exchanges = file::read(path)?.into_iter().map(Some).collect();
        Ok(Self {
            name: path.display().to_string(),
            exchanges: Arc::new(Mutex::new(exchanges)),
            is_loose: false,
            secrets: Secrets::of_environment(),
        })
    }

    /// Gives the answers in the order in which they were asked for, whatever is asked; a reply that
    /// was awaited may be streamed, and one that was streamed may be awaited.
    #[must_use]
    pub fn loose(mut self) -> Self {
        self.is_loose = true;
        self
    }

    /// Names what stands for a secret of the recording: where a request has this, the recording may
    /// have any [secret](super::Recorder::secret).
    #[must_use]
    pub fn secret(mut self, stand_in: impl Into<String>) -> Self {
        self.secrets.add(stand_in.into());
        self
    }

    /// How many exchanges were not played yet.
    pub fn unplayed(&self) -> usize {
        self.exchanges().iter().flatten().count()
    }

    fn exchanges(&self) -> MutexGuard<'_, Vec<Option<Exchange>>> {
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The exchange that answers a request; it is played now.
    fn play(&self, method: Method, request: &impl Serialize) -> Result<Exchange> {
        let mut request = json(request)?;
        self.secrets.scrub(&mut request);
        let mut exchanges = self.exchanges();
        let answers = |exchange: &Exchange| match self.is_loose {
            true => exchange.method.is_like(method),
            false => exchange.method == method && exchange.request == request,
        };
        let found = exchanges
            .iter_mut()
            .find(|exchange| exchange.as_ref().is_some_and(answers));
        if let Some(exchange) = found.and_then(Option::take) {
            return Ok(exchange);
        }
        let name = &self.name;
        let same_method = |exchange: &&Exchange| exchange.method == method;
        let message = match exchanges.iter().flatten().find(same_method) {
            Some(next) => format!(
                "the request is not among those of the cassette `{name}`; exchange {} comes next, and \
                 differs: {}",
                next.number,
                difference::differences(&next.request, &request)
            ),
            None => format!(
                "the cassette `{name}` has no exchange left for {}: record it again",
                serde_json::to_string(&method).unwrap_or_default()
            ),
        };
        Err(Error::new(ErrorKind::Request, message))
    }

    fn whole<Q, A>(&self, method: Method, request: Q) -> BoxFuture<Result<A>>
    where
        Q: Serialize + Send + 'static,
        A: DeserializeOwned + Send + 'static,
    {
        let this = self.clone();
        Box::pin(async move {
            match this.play(method, &request)?.replay()? {
                (_, Some(error)) => Err(error),
                (answers, None) => answers.into_iter().next().ok_or_else(nothing_recorded),
            }
        })
    }
}

fn nothing_recorded() -> Error {
    Error::new(
        ErrorKind::Configuration,
        "the exchange of the cassette has no answer",
    )
}

impl fmt::Debug for Cassette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cassette")
            .field("name", &self.name)
            .field("unplayed", &self.unplayed())
            .field("loose", &self.is_loose)
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Backend for Cassette {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let this = self.clone();
        Box::pin(async move {
            let (chunks, error) = this.play(Method::GenerateContent, &request)?.replay()?;
            if let Some(error) = error {
                return Err(error);
            }
            let join = |mut whole: GenerateContentResponse, chunk: GenerateContentResponse| {
                whole.merge_chunk(&chunk);
                whole
            };
            chunks.into_iter().reduce(join).ok_or_else(nothing_recorded)
        })
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> ChunkStream {
        let this = self.clone();
        let begin = move || {
            let exchange = this.play(Method::StreamGenerateContent, &request)?;
            let (chunks, error) = exchange.replay()?;
            Ok(chunks.into_iter().map(Ok).chain(error.map(Err)))
        };
        let chunks = stream::unfold((Some(begin), None), |(begin, mut coming)| async move {
            if let Some(begin) = begin {
                match begin() {
                    Ok(chunks) => coming = Some(chunks),
                    Err(error) => return Some((Err(error), (None, None))),
                }
            }
            let chunk = coming.as_mut()?.next()?;
            Some((chunk, (None, coming)))
        });
        Box::pin(chunks.fuse())
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        self.whole(Method::CountTokens, request)
    }

    fn list_models(
        &self,
        page_token: Option<String>,
        _: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        self.whole(Method::ListModels, json!({ "pageToken": page_token }))
    }

    fn get_model(&self, name: String, _: RequestOptions) -> BoxFuture<Result<Model>> {
        self.whole(Method::GetModel, json!({ "name": name }))
    }

    fn get_cached_content(
        &self,
        name: String,
        _: RequestOptions,
    ) -> BoxFuture<Result<CachedContent>> {
        self.whole(Method::GetCachedContent, json!({ "name": name }))
    }

    fn embed_content(
        &self,
        request: EmbedContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        self.whole(Method::EmbedContent, request)
    }

    fn batch_embed_contents(
        &self,
        request: BatchEmbedContentsRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<BatchEmbedContentsResponse>> {
        self.whole(Method::BatchEmbedContents, request)
    }
}
