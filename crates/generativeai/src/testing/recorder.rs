//! Backend that records the exchanges of another one, for a [`Cassette`](super::Cassette) to play back.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, TryFutureExt, stream};
use serde::Serialize;
use serde_json::Value;

use super::cassette::{Exchange, Method, Secrets, first_line, to_json, write_error};
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

/// Backend that forwards requests to another and records each exchange in a file, a *cassette*.
///
/// The file has the format JSON Lines: a version, and a line for each exchange, written when it ends. It
/// contains the conversations, and so only its owner may read it (mode 0600 on Unix). It does not contain keys:
/// `[secret]` replaces the values of `GEMINI_API_KEY` and `GOOGLE_API_KEY`, everything that looks like an API
/// key of Google, and each [`secret`](Self::secret). A [`Cassette`](super::Cassette) plays the file back.
///
/// Writing blocks the calling thread. If it fails, the request fails. If the request was dropped, the next one fails
/// instead.
///
/// The received part of a dropped reply is recorded. Errors are recorded like responses, so a test can play back a
/// service that refuses a request. Recordings are plain text: read them before you commit them.
///
/// ```
/// use generativeai::GenerativeModel;
/// use generativeai::testing::{Cassette, Recorder, Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("recorder-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("hello.jsonl");
/// // In your program this is `Remote::from_env()?`.
/// let service = Scripted::default().then_text("Hello!");
/// let recorder = Recorder::create(&path, service)?.secret("name of a customer");
/// let model = GenerativeModel::new("gemini-2.5-flash").backend(recorder);
/// model.start_chat().send_message("Hello").await?;
///
/// let model = GenerativeModel::new("gemini-2.5-flash").backend(Cassette::open(&path)?);
/// let reply = model.start_chat().send_message("Hello").await?;
/// assert_eq!(reply.text()?, "Hello!");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Recorder {
    backend: Arc<dyn Backend>,
    /// Shared by the clones, with the secrets.
    output: Arc<Output>,
}

struct Output {
    path: String,
    state: Mutex<State>,
}

struct State {
    file: File,
    secrets: Secrets,
    /// Number of requests so far.
    requests: u64,
    /// Error of a write that happened in a `drop`. The next request returns it.
    unreported: Option<Error>,
}

impl Recorder {
    /// Creates the file of a cassette, and a backend that records the exchanges with `backend` in it.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the file cannot be created or exists
    /// already: a recording is never overwritten. To record again, delete the file.
    pub fn create(path: impl AsRef<Path>, backend: impl Backend + 'static) -> Result<Self> {
        let name = path.as_ref().display().to_string();
        let file = private_file()
            .open(path)
            .and_then(|mut file| write_line(&mut file, &first_line()).map(|()| file))
            .map_err(|error| write_error(&name, error))?;
        let state = Mutex::new(State {
            file,
            secrets: Secrets::from_env(),
            requests: 0,
            unreported: None,
        });
        Ok(Self {
            backend: Arc::new(backend),
            output: Arc::new(Output { path: name, state }),
        })
    }

    /// Adds a string that the cassette must not contain, in addition to the known keys. Clones share it.
    ///
    /// It is replaced in the names and values of the JSON. Chunks may divide a secret in the text of a reply, where it
    /// cannot be replaced: such a reply is not recorded, and ends with an error.
    ///
    /// Call it before the first request: earlier lines are not changed. To play the cassette back without the secret,
    /// see [`Cassette::secret`](super::Cassette::secret).
    #[must_use]
    pub fn secret(self, secret: impl Into<String>) -> Self {
        self.output.state().secrets.add(secret.into());
        self
    }

    /// Starts an exchange.
    ///
    /// # Errors
    /// An earlier line could not be written.
    fn begin(&self, method: Method, request: &impl Serialize) -> Result<Recording> {
        let request = method.recorded(request);
        let mut state = self.output.state();
        if let Some(error) = state.unreported.take() {
            return Err(error);
        }
        // Assigned at the start: a line is written at the end, when other requests may have started.
        let number = state.requests;
        state.requests += 1;
        Ok(Recording {
            recorder: self.clone(),
            exchange: Some(Exchange::new(number, method, request)),
        })
    }

    /// Writes the line of an exchange without secrets.
    fn write(&self, exchange: &Exchange) -> Result<()> {
        let path = &self.output.path;
        let mut line = to_json(exchange);
        let mut state = self.output.state();
        let secrets = &state.secrets;
        secrets.redact(&mut line);
        if joined(&line).iter().any(|text| secrets.occur_in(text)) {
            let message = format!(
                "a secret is split over the chunks of a reply: it was not recorded in the cassette `{path}`"
            );
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        write_line(&mut state.file, &line).map_err(|error| write_error(path, error))
    }

    /// Records an exchange with one response.
    fn record<Q, A>(
        &self,
        method: Method,
        request: Q,
        send: impl FnOnce(&dyn Backend, Q) -> BoxFuture<Result<A>> + Send + 'static,
    ) -> BoxFuture<Result<A>>
    where
        Q: Serialize + Send + 'static,
        A: Serialize + Send + 'static,
    {
        let this = self.clone();
        Box::pin(async move {
            let mut recording = this.begin(method, &request)?;
            let response = send(&*this.backend, request).await;
            recording.add(&response);
            recording.end()?;
            response
        })
    }
}

impl Output {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the options of a new file that only its owner may read.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes a line with one call, so that only the last line of a file can be truncated.
fn write_line(file: &mut File, line: &Value) -> std::io::Result<()> {
    file.write_all(format!("{line}\n").as_bytes())
}

/// Returns the strings that the chunks of a recorded reply contain in pieces: for each candidate its text, and each
/// streamed argument of its calls.
fn joined(exchange: &Value) -> Vec<String> {
    let mut joined = BTreeMap::<(u64, &str), String>::new();
    for candidate in list(&exchange["answers"]).flat_map(|chunk| list(&chunk["candidates"])) {
        let index = candidate["index"].as_u64().unwrap_or_default();
        let mut add = |path, piece: &Value| {
            let text = joined.entry((index, path)).or_default();
            text.push_str(piece.as_str().unwrap_or_default());
        };
        for part in list(&candidate["content"]["parts"]) {
            add("", &part["text"]);
            for arg in list(&part["functionCall"]["partialArgs"]) {
                let path = arg["jsonPath"].as_str().unwrap_or_default();
                add(path, &arg["stringValue"]);
            }
        }
    }
    joined.into_values().collect()
}

/// Returns the elements of a JSON array; none for any other value.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// An exchange in progress. It is written when it ends, or when it is dropped before its end.
struct Recording {
    recorder: Recorder,
    /// `None` once it is written.
    exchange: Option<Exchange>,
}

impl Recording {
    fn add<A: Serialize>(&mut self, received: &Result<A>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.add(received);
        }
    }

    fn end(mut self) -> Result<()> {
        let Some(mut exchange) = self.exchange.take() else {
            return Ok(());
        };
        exchange.complete();
        self.recorder.write(&exchange)
    }

    /// Returns the chunks of a stream, and records them.
    fn stream(self, chunks: ChunkStream) -> ChunkStream {
        let start = Some((self, chunks));
        let next = |open: Option<(Self, ChunkStream)>| async move {
            let (mut recording, mut chunks) = open?;
            let Some(chunk) = chunks.next().await else {
                // The line is written before the end of the stream is returned. If that fails, the error is the last
                // item.
                let unwritten = recording.end().err()?;
                return Some((Err(unwritten), None));
            };
            recording.add(&chunk);
            match chunk {
                Ok(chunk) => Some((Ok(chunk), Some((recording, chunks)))),
                Err(error) => Some((recording.end().and(Err(error)), None)),
            }
        };
        stream::unfold(start, next).boxed()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take()
            && let Err(error) = self.recorder.write(&exchange)
        {
            self.recorder.output.state().unreported = Some(error);
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("path", &self.output.path)
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}

/// Defines methods with one response, which is recorded.
macro_rules! record {
    ($($method:ident($request:ty) -> $response:ty: $recorded:ident;)*) => {
        $(
            fn $method(
                &self,
                request: $request,
                options: RequestOptions,
            ) -> BoxFuture<Result<$response>> {
                self.record(Method::$recorded, request, |backend, request| {
                    backend.$method(request, options)
                })
            }
        )*
    };
}

#[deny(clippy::missing_trait_methods)]
impl Backend for Recorder {
    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        let this = self.clone();
        let begin = async move {
            let recording = this.begin(Method::StreamGenerateContent, &request)?;
            let chunks = this.backend.stream_generate_content(request, options);
            Ok(recording.stream(chunks))
        };
        begin.try_flatten_stream().boxed()
    }

    record! {
        generate_content(GenerateContentRequest) -> GenerateContentResponse: GenerateContent;
        count_tokens(CountTokensRequest) -> CountTokensResponse: CountTokens;
        list_models(Option<String>) -> ListModelsResponse: ListModels;
        get_model(String) -> Model: GetModel;
        get_cached_content(String) -> CachedContent: GetCachedContent;
        embed_content(EmbedContentRequest) -> EmbedContentResponse: EmbedContent;
        batch_embed_contents(BatchEmbedContentsRequest)
            -> BatchEmbedContentsResponse: BatchEmbedContents;
    }
}
