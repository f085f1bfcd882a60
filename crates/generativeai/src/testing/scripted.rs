//! A backend that answers by script.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt as _, stream};
use serde_json::{Map, Value};

use crate::backend::{Backend, RequestOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{Content, FunctionCall, Part};
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::{FinishReason, GenerateContentResponse};
use crate::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use crate::stream::{BoxFuture, ChunkStream};

/// A backend that answers by script, for tests and examples.
///
/// Each request takes the next answer; one more request than there are answers is an error. The
/// same answer serves a streamed and an awaited request. A clone shares the script, so that a test
/// can look at the [requests](Self::requests) afterwards. Tokens are counted as words. Since the
/// requests are kept, and the history with them, each turn copies the history: for chats of very many
/// turns, write a backend of your own.
///
/// ```
/// use generativeai::{ErrorKind, GenerativeModel, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let script = Scripted::default().then_fail(&["13"]).then_text("1,345 metres");
/// let mut chat = GenerativeModel::new("m").backend(script.clone()).start_chat();
///
/// let error = chat.send_message("How tall is Ben Nevis?").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unreachable);
/// assert!(chat.history().is_empty());
///
/// chat.retry().await?;
/// assert_eq!(chat.history().len(), 2);
/// assert_eq!(script.requests().len(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Scripted {
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    requests: Vec<GenerateContentRequest>,
}

struct Answer {
    chunks: Vec<GenerateContentResponse>,
    end: End,
}

enum End {
    Whole,
    Fails(Error),
    Hangs,
}

impl Scripted {
    /// Answers with a text, in one chunk.
    #[must_use]
    pub fn then_text(self, text: impl Into<String>) -> Self {
        self.then_chunks([text.into()])
    }

    /// Answers with texts, a chunk each; the last says `STOP`.
    #[must_use]
    pub fn then_chunks(self, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut chunks: Vec<_> = texts.into_iter().map(|text| chunk(text.into())).collect();
        if let Some(last) = chunks.last_mut() {
            finish(last);
        }
        self.then_stream(chunks)
    }

    /// Answers with the call of a function.
    #[must_use]
    pub fn then_call(self, name: impl Into<String>, arguments: Value) -> Self {
        let arguments = match arguments {
            Value::Object(arguments) => arguments,
            _ => Map::new(),
        };
        self.then_parts([Part::from(FunctionCall::new(name, arguments))])
    }

    /// Answers with parts, in one chunk.
    #[must_use]
    pub fn then_parts(self, parts: impl IntoIterator<Item = impl Into<Part>>) -> Self {
        let parts: Vec<Part> = parts.into_iter().map(Into::into).collect();
        let mut reply = GenerateContentResponse::from(Content::model(parts));
        finish(&mut reply);
        self.then_stream([reply])
    }

    /// Answers with exactly these chunks; a request in one piece gets them joined.
    #[must_use]
    pub fn then_stream(self, chunks: impl IntoIterator<Item = GenerateContentResponse>) -> Self {
        self.then(chunks.into_iter().collect(), End::Whole)
    }

    /// Sends the texts, a chunk each, and then loses the connection.
    #[must_use]
    pub fn then_fail(self, texts: &[&str]) -> Self {
        let error = Error::new(ErrorKind::Unreachable, "the connection was lost");
        self.then_error(texts, error)
    }

    /// Sends the texts, a chunk each, and then fails with the error.
    #[must_use]
    pub fn then_error(self, texts: &[&str], error: Error) -> Self {
        let chunks = texts.iter().map(|&text| chunk(text.to_owned())).collect();
        self.then(chunks, End::Fails(error))
    }

    /// Sends the texts, a chunk each, and then nothing more, ever.
    #[must_use]
    pub fn then_hang(self, texts: &[&str]) -> Self {
        let chunks = texts.iter().map(|&text| chunk(text.to_owned())).collect();
        self.then(chunks, End::Hangs)
    }

    /// The requests that came, first to last.
    pub fn requests(&self) -> Vec<GenerateContentRequest> {
        self.script().requests.clone()
    }

    fn then(self, chunks: Vec<GenerateContentResponse>, end: End) -> Self {
        self.script().answers.push_back(Answer { chunks, end });
        self
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: GenerateContentRequest) -> Answer {
        let mut script = self.script();
        script.requests.push(request);
        let count = script.requests.len();
        script.answers.pop_front().unwrap_or_else(|| {
            let message = format!("the script has no answer to request {count}");
            Answer {
                chunks: Vec::new(),
                end: End::Fails(Error::new(ErrorKind::Request, message)),
            }
        })
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let script = self.script();
        f.debug_struct("Scripted")
            .field("requests", &script.requests.len())
            .field("answers_left", &script.answers.len())
            .finish()
    }
}

impl Backend for Scripted {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let this = self.clone();
        Box::pin(async move {
            let Answer { mut chunks, end } = this.answer(request);
            match end {
                End::Whole if chunks.len() == 1 => Ok(chunks.remove(0)),
                End::Whole => {
                    let mut whole = GenerateContentResponse::default();
                    chunks.iter().for_each(|chunk| whole.merge_chunk(chunk));
                    Ok(whole)
                }
                End::Fails(error) => Err(error),
                End::Hangs => std::future::pending().await,
            }
        })
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> ChunkStream {
        let start = (
            self.clone(),
            Some(request),
            VecDeque::new(),
            Some(End::Whole),
        );
        let chunks = stream::unfold(start, |(this, request, mut chunks, mut end)| async move {
            if let Some(request) = request {
                let answer = this.answer(request);
                chunks = answer.chunks.into();
                end = Some(answer.end);
            }
            let item = match (chunks.pop_front(), end.take()) {
                (Some(chunk), kept) => {
                    end = kept;
                    Ok(chunk)
                }
                (None, Some(End::Fails(error))) => Err(error),
                (None, Some(End::Hangs)) => std::future::pending().await,
                (None, Some(End::Whole) | None) => return None,
            };
            Some((item, (this, None, chunks, end)))
        });
        Box::pin(chunks.fuse())
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        let request = request.generate_content_request.unwrap_or_default();
        let contents = request.contents.iter().chain(&request.system_instruction);
        let texts = contents
            .flat_map(|content| &content.parts)
            .filter_map(Part::as_text);
        let words: usize = texts.map(|text| text.split_whitespace().count()).sum();
        let response = CountTokensResponse {
            total_tokens: i32::try_from(words).ok(),
            ..CountTokensResponse::default()
        };
        Box::pin(std::future::ready(Ok(response)))
    }
}

fn chunk(text: String) -> GenerateContentResponse {
    let mut chunk = GenerateContentResponse::from(Content::model(text));
    for candidate in &mut chunk.candidates {
        candidate.finish_reason = None;
    }
    chunk
}

fn finish(chunk: &mut GenerateContentResponse) {
    for candidate in &mut chunk.candidates {
        candidate.finish_reason = Some(FinishReason::Stop);
    }
}
