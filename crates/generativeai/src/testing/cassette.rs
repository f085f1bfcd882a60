//! Backend that plays back the exchanges that a [`Recorder`](super::Recorder) recorded.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{FutureExt, StreamExt, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

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
mod file;
mod recorded_error;
mod secrets;

pub(super) use exchange::{Exchange, Method, to_json};
pub(super) use file::{first_line, write_error};
pub(super) use secrets::Secrets;

/// Backend that plays back the exchanges of a file, without a network and without a key.
///
/// A [`Recorder`](super::Recorder) writes the file. A request gets the response of the first unplayed exchange with an
/// equal request, so several chats may run concurrently. Each exchange is played once. A request that was not recorded
/// fails, and the error shows where it differs from the next recorded one. [`loose`](Self::loose) ignores the requests
/// and plays the responses in order.
///
/// Streams have the recorded chunks, without their delays. Errors have the recorded kind, codes and details.
/// Clones share which exchanges have been played.
///
/// A test usually does both: it plays the file if there is one, and records it otherwise. Recording needs an API key:
///
/// ```
/// use std::path::Path;
/// use generativeai::testing::{Cassette, Recorder};
/// use generativeai::{GenerativeModel, Remote, Result};
///
/// fn model(cassette: &Path) -> Result<GenerativeModel> {
///     let model = GenerativeModel::new("gemini-flash-latest");
///     Ok(match cassette.exists() {
///         true => model.backend(Cassette::open(cassette)?),
///         false => model.backend(Recorder::create(cassette, Remote::from_env()?)?),
///     })
/// }
/// ```
///
/// Playing a cassette:
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
    path: String,
    /// Exchanges that have not been played, in order.
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    is_loose: bool,
    secrets: Secrets,
}

impl Cassette {
    /// Reads a cassette.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the file cannot be read, is not a cassette, is truncated, or has a newer
    /// format. The message names the file and the line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let exchanges = file::read(path)?;
        Ok(Self {
            path: path.display().to_string(),
            exchanges: Arc::new(Mutex::new(exchanges)),
            is_loose: false,
            secrets: Secrets::from_env(),
        })
    }

    /// Plays the responses in order, whatever the requests contain. A recorded stream may be played as a response in
    /// one piece, and vice versa.
    ///
    /// Use it in tests whose requests differ from run to run, by a date for example. The number and the kind of the
    /// requests must still be the recorded ones.
    ///
    /// ```no_run
    /// use generativeai::{GenerativeModel, testing::Cassette};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// // The prompt contains today's date, and the recording contains the date when it was made.
    /// let cassette = Cassette::open("tests/weather.jsonl")?.loose();
    /// let mut chat = GenerativeModel::new("gemini-flash-latest").backend(cassette).start_chat();
    /// chat.send_message(format!("Today is {}. How is the weather?", "2026-11-29")).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn loose(mut self) -> Self {
        self.is_loose = true;
        self
    }

    /// Sets a placeholder for a secret: a request that contains it equals one recorded with a
    /// [secret](super::Recorder::secret) in its place.
    ///
    /// A cassette contains `[secret]` for each secret. So a test that plays it back can send any text, such as
    /// `"name-of-a-customer"`, where the recorded program sent the real one.
    #[must_use]
    pub fn secret(mut self, placeholder: impl Into<String>) -> Self {
        self.secrets.add(placeholder.into());
        self
    }

    /// Returns the number of exchanges that have not been played. A test should assert at its end that the number is 0:
    /// otherwise it does not notice requests that are no longer sent.
    pub fn unplayed(&self) -> usize {
        self.exchanges().len()
    }

    fn exchanges(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the exchange with the response to a request, and returns it.
    fn play(&self, method: Method, request: &impl Serialize) -> Result<Exchange> {
        let mut request = method.recorded(request);
        self.secrets.redact(&mut request);
        // The lock is held until the exchange is taken: concurrent requests never get the same one.
        let mut exchanges = self.exchanges();
        let matches = |exchange: &Exchange| match self.is_loose {
            true => exchange.method.is_interchangeable_with(method),
            false => exchange.method == method && exchange.request == request,
        };
        match exchanges.iter().position(matches) {
            Some(found) => Ok(exchanges.remove(found)),
            None => Err(self.no_match(method, &request, &exchanges)),
        }
    }

    /// Returns the error of a request that was not recorded.
    fn no_match(&self, method: Method, request: &Value, unplayed: &[Exchange]) -> Error {
        let path = &self.path;
        let next =
            |fits: &dyn Fn(Method) -> bool| unplayed.iter().find(|exchange| fits(exchange.method));
        let is_same = |exchange: &&Exchange| {
            exchange.method.is_interchangeable_with(method) && exchange.request == *request
        };
        // With the method of the request it would have been found.
        let message = if let Some(same) = unplayed.iter().find(is_same) {
            format!(
                "exchange {} of the cassette `{path}` has this request, but is {} and not {method}: send the request \
                 as it was recorded, or play the cassette with `loose()`",
                same.number, same.method
            )
        } else if let Some(next) = next(&|recorded| recorded == method) {
            format!(
                "the request is not in the cassette `{path}`; exchange {}, the next {method}, differs: {}",
                next.number,
                difference::differences(&next.request, request)
            )
        } else if let Some(next) = next(&|recorded| recorded.is_interchangeable_with(method)) {
            format!(
                "the cassette `{path}` has no {method} exchange left, but exchange {} is {}: send the \
                 request as it was recorded, or play the cassette with `loose()`",
                next.number, next.method
            )
        } else if let Some(next) = unplayed.first() {
            format!(
                "the cassette `{path}` has no {method} exchange left; the next one, exchange {}, is {}: \
                 record it again",
                next.number, next.method
            )
        } else {
            format!(
                "all exchanges of the cassette `{path}` have been played, and a {method} request follows: \
                 record it again"
            )
        };
        Error::new(ErrorKind::Request, message)
    }

    fn respond<Q, A>(&self, method: Method, request: Q) -> BoxFuture<Result<A>>
    where
        Q: Serialize + Send + 'static,
        A: DeserializeOwned + Send + 'static,
    {
        let this = self.clone();
        Box::pin(async move {
            match this.play(method, &request)?.replay()? {
                (_, Some(error)) => Err(error),
                (responses, None) => responses.into_iter().next().ok_or_else(no_response),
            }
        })
    }
}

fn no_response() -> Error {
    Error::new(
        ErrorKind::Configuration,
        "the exchange of the cassette has no response",
    )
}

impl fmt::Debug for Cassette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cassette")
            .field("path", &self.path)
            .field("unplayed", &self.unplayed())
            .field("loose", &self.is_loose)
            .finish_non_exhaustive()
    }
}

/// Defines methods with one response, which is played.
macro_rules! play {
    ($($method:ident($request:ty) -> $response:ty: $recorded:ident;)*) => {
        $(
            fn $method(&self, request: $request, _: RequestOptions) -> BoxFuture<Result<$response>> {
                self.respond(Method::$recorded, request)
            }
        )*
    };
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
            // Several chunks are those of a stream, which `loose` plays as one response.
            let merge = |mut whole: GenerateContentResponse, chunk: GenerateContentResponse| {
                whole.merge_chunk(&chunk);
                whole
            };
            chunks.into_iter().reduce(merge).ok_or_else(no_response)
        })
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> ChunkStream {
        let this = self.clone();
        let begin = async move {
            let replayed = this
                .play(Method::StreamGenerateContent, &request)
                .and_then(Exchange::replay);
            let (chunks, error) = replayed.unwrap_or_else(|error| (Vec::new(), Some(error)));
            stream::iter(chunks.into_iter().map(Ok).chain(error.map(Err)))
        };
        begin.flatten_stream().boxed()
    }

    play! {
        count_tokens(CountTokensRequest) -> CountTokensResponse: CountTokens;
        list_models(Option<String>) -> ListModelsResponse: ListModels;
        get_model(String) -> Model: GetModel;
        get_cached_content(String) -> CachedContent: GetCachedContent;
        embed_content(EmbedContentRequest) -> EmbedContentResponse: EmbedContent;
        batch_embed_contents(BatchEmbedContentsRequest)
            -> BatchEmbedContentsResponse: BatchEmbedContents;
    }
}
