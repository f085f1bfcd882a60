//! A backend that records what another answers, to be played back by a [`Cassette`](super::Cassette).

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use serde_json::{Value, json};

use super::cassette::{Exchange, Method, Secrets, head, json as json_of, unwritable};
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

/// A backend that hands every request on, and records it with all that came of it.
///
/// The file is JSON Lines: a line for each exchange, written when it is over. Only its owner can read
/// it (0600, on Unix), since it has the whole conversation in it. Keys are not: those of
/// `GEMINI_API_KEY` and `GOOGLE_API_KEY`, whatever looks like a key of Google's, and each
/// [`secret`](Self::secret) that was named stand there as `[secret]`. A
/// [`Cassette`](super::Cassette) plays it back.
///
/// Writing blocks for as long as the file system takes. What cannot be written is an error of the
/// request, or of the next one if nobody waited for it.
///
/// ```
/// use generativeai::GenerativeModel;
/// use generativeai::testing::{Cassette, Recorder, Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("recorder-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("hello.jsonl");
/// // In a program of yours this is `Remote::from_env()?`.
/// let service = Scripted::default().then_text("Hello!");
/// let recorder = Recorder::create(&path, service)?.secret("what I may not tell");
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
    tape: Arc<Tape>,
    secrets: Secrets,
}

struct Tape {
    name: String,
    state: Mutex<State>,
}

struct State {
    file: File,
    begun: u64,
    /// What could not be written when nobody could be told.
    untold: Option<Error>,
}

impl Recorder {
    /// Makes a cassette of what a backend answers.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the file cannot be made, or is
    /// there already: a recording is not overwritten.
    pub fn create(path: impl AsRef<Path>, backend: impl Backend + 'static) -> Result<Self> {
        let name = path.as_ref().display().to_string();
        let file = private()
            .open(path)
            .and_then(|mut file| write_line(&mut file, &head()).map(|()| file))
            .map_err(|error| unwritable(&name, error))?;
        let state = Mutex::new(State {
            file,
            begun: 0,
            untold: None,
        });
        Ok(Self {
            backend: Arc::new(backend),
            tape: Arc::new(Tape { name, state }),
            secrets: Secrets::of_environment(),
        })
    }

    /// Names what may not stand in the cassette, beside the keys that are known.
    ///
    /// It is found in names and in values, also where it was said in several chunks: such a reply is
    /// not recorded, and its end is an error.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secrets.add(secret.into());
        self
    }

    fn begin(&self, method: Method, request: &impl Serialize) -> Result<Recording> {
        let request = json_of(request)?;
        let mut state = self.tape.state();
        if let Some(error) = state.untold.take() {
            return Err(error);
        }
        let number = state.begun;
        state.begun += 1;
        Ok(Recording {
            recorder: self.clone(),
            exchange: Some(Exchange::new(number, method, request)),
        })
    }

    fn write(&self, exchange: &Exchange) -> Result<()> {
        let name = &self.tape.name;
        let mut line = json_of(exchange)?;
        self.secrets.scrub(&mut line);
        if self.secrets.stand_in(&said(&line)) {
            let message = format!(
                "a secret stands across the chunks of a reply: the cassette `{name}` does not have it"
            );
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        write_line(&mut self.tape.state().file, &line).map_err(|error| unwritable(name, error))
    }

    fn whole<Q, A>(
        &self,
        method: Method,
        request: Q,
        ask: impl FnOnce(&dyn Backend, Q) -> BoxFuture<Result<A>> + Send + 'static,
    ) -> BoxFuture<Result<A>>
    where
        Q: Serialize + Send + 'static,
        A: Serialize + Send + 'static,
    {
        let this = self.clone();
        Box::pin(async move {
            let mut recording = this.begin(method, &request)?;
            let answer = ask(&*this.backend, request).await;
            recording.came(&answer)?;
            recording.end()?;
            answer
        })
    }
}

impl Tape {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that is new, and its owner's alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes a line at once, so that a cut file is cut in its last line.
fn write_line(file: &mut File, line: &Value) -> std::io::Result<()> {
    file.write_all(format!("{line}\n").as_bytes())
}

/// The text of a reply, all chunks of an exchange together.
fn said(exchange: &Value) -> String {
    let answers = exchange["answers"].as_array().into_iter().flatten();
    let parts = answers.filter_map(|answer| {
        let parts = answer.pointer("/candidates/0/content/parts")?;
        parts.as_array()
    });
    parts
        .flatten()
        .filter_map(|part| part["text"].as_str())
        .collect()
}

/// An exchange under way. It is written when it is over, or as far as it came when it is dropped.
struct Recording {
    recorder: Recorder,
    exchange: Option<Exchange>,
}

impl Recording {
    fn came<A: Serialize>(&mut self, answer: &Result<A>) -> Result<()> {
        match &mut self.exchange {
            Some(exchange) => exchange.came(answer),
            None => Ok(()),
        }
    }

    fn end(mut self) -> Result<()> {
        let Some(mut exchange) = self.exchange.take() else {
            return Ok(());
        };
        exchange.is_over();
        self.recorder.write(&exchange)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take()
            && let Err(error) = self.recorder.write(&exchange)
        {
            self.recorder.tape.state().untold = Some(error);
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("name", &self.tape.name)
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Backend for Recorder {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        self.whole(Method::GenerateContent, request, |backend, request| {
            backend.generate_content(request, options)
        })
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        let this = self.clone();
        let begin = move || {
            let recording = this.begin(Method::StreamGenerateContent, &request)?;
            let chunks = this.backend.stream_generate_content(request, options);
            Ok((recording, chunks))
        };
        let start = (Some(begin), None);
        let chunks = stream::unfold(start, |(begin, open)| async move {
            let opened = begin.map_or_else(|| Ok(open), |begin| begin().map(Some));
            let (mut recording, mut chunks) = match opened {
                Ok(open) => open?,
                Err(error) => return Some((Err(error), (None, None))),
            };
            let Some(chunk) = chunks.next().await else {
                let unwritten = recording.end().err()?;
                return Some((Err(unwritten), (None, None)));
            };
            match recording.came(&chunk).and(chunk) {
                Ok(chunk) => Some((Ok(chunk), (None, Some((recording, chunks))))),
                Err(error) => Some((recording.end().and(Err(error)), (None, None))),
            }
        });
        Box::pin(chunks.fuse())
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        self.whole(Method::CountTokens, request, |backend, request| {
            backend.count_tokens(request, options)
        })
    }

    fn list_models(
        &self,
        page_token: Option<String>,
        options: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        let request = json!({ "pageToken": page_token });
        self.whole(Method::ListModels, request, |backend, _| {
            backend.list_models(page_token, options)
        })
    }

    fn get_model(&self, name: String, options: RequestOptions) -> BoxFuture<Result<Model>> {
        let request = json!({ "name": name });
        self.whole(Method::GetModel, request, |backend, _| {
            backend.get_model(name, options)
        })
    }

    fn get_cached_content(
        &self,
        name: String,
        options: RequestOptions,
    ) -> BoxFuture<Result<CachedContent>> {
        let request = json!({ "name": name });
        self.whole(Method::GetCachedContent, request, |backend, _| {
            backend.get_cached_content(name, options)
        })
    }

    fn embed_content(
        &self,
        request: EmbedContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        self.whole(Method::EmbedContent, request, |backend, request| {
            backend.embed_content(request, options)
        })
    }

    fn batch_embed_contents(
        &self,
        request: BatchEmbedContentsRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<BatchEmbedContentsResponse>> {
        self.whole(Method::BatchEmbedContents, request, |backend, request| {
            backend.batch_embed_contents(request, options)
        })
    }
}
