//! Backend with prepared replies.

use std::collections::VecDeque;
use std::fmt;
use std::future::{pending, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use crate::backend::{Backend, RequestOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{Content, FunctionCall, Part};
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::{FinishReason, GenerateContentResponse};
use crate::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use crate::stream::{BoxFuture, ChunkStream};

/// Backend with prepared replies, for tests and examples.
///
/// Each request takes the next reply of the script. [`always`](Self::always) and [`answer_with`](Self::answer_with)
/// reply to all further requests; without them, a request after the last reply fails. A streamed request gets the
/// chunks of its reply, and an awaited request gets them merged into one response.
///
/// Clones share the script and the [requests](Self::requests), so that a test can inspect the requests. A stored
/// request shares the history of its chat, so that the chat has to copy its history in each turn. This is slow for
/// chats of thousands of turns. [`count_tokens`](crate::GenerativeModel::count_tokens) counts words.
///
/// | The reply | Method |
/// | --- | --- |
/// | is text, in one chunk or several | [`then_text`](Self::then_text), [`then_chunks`](Self::then_chunks) |
/// | calls a function | [`then_call`](Self::then_call) |
/// | has several parts | [`then_parts`](Self::then_parts) |
/// | is stopped, blocked, or has token counts | [`then_stream`](Self::then_stream) |
/// | fails | [`then_fail`](Self::then_fail), [`then_error`](Self::then_error) |
/// | never ends | [`then_hang`](Self::then_hang) |
/// | depends on the request | [`answer_with`](Self::answer_with) |
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
    replies: VecDeque<Reply>,
    fallback: Option<Arc<Fallback>>,
    requests: Vec<GenerateContentRequest>,
}

/// Closure that creates the replies to requests after the end of the script.
type Fallback = dyn Fn(&GenerateContentRequest) -> Content + Send + Sync;

struct Reply {
    chunks: Vec<GenerateContentResponse>,
    end: End,
}

/// End of a reply, after its last chunk.
enum End {
    Complete,
    Error(Error),
    Hang,
}

impl Scripted {
    /// Creates a backend that replies to every request with this text.
    ///
    /// Replies that are added to the script come first.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let model = GenerativeModel::new("m").backend(Scripted::always("Hello!"));
    /// for _ in 0..3 {
    ///     assert_eq!(model.generate_content("Hi").await?.text()?, "Hello!");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn always(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::answer_with(move |_| text.clone())
    }

    /// Creates a backend that replies to every request with the return value of a closure, in one chunk.
    ///
    /// Replies that are added to the script come first.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let script = Scripted::answer_with(|request| format!("{} contents", request.contents.len()));
    /// let mut chat = GenerativeModel::new("m").backend(script).start_chat();
    ///
    /// assert_eq!(chat.send_message("One").await?.text()?, "1 contents");
    /// assert_eq!(chat.send_message("Two").await?.text()?, "3 contents");
    /// # Ok(()) }
    /// ```
    pub fn answer_with<C: Into<Content>>(
        reply: impl Fn(&GenerateContentRequest) -> C + Send + Sync + 'static,
    ) -> Self {
        let scripted = Self::default();
        scripted.script().fallback = Some(Arc::new(move |request| reply(request).into()));
        scripted
    }

    /// Adds a reply with this text, in one chunk.
    #[must_use]
    pub fn then_text(self, text: impl Into<String>) -> Self {
        self.then_chunks([text.into()])
    }

    /// Adds a reply with one chunk for each text. The last chunk has the finish reason `STOP`.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let script = Scripted::default().then_chunks(["1,345 ", "metres"]);
    /// let mut chat = GenerativeModel::new("m").backend(script).start_chat();
    ///
    /// let mut reply = chat.send_message("How tall is Ben Nevis?").stream();
    /// let mut chunks = 0;
    /// while let Some(chunk) = reply.next().await {
    ///     print!("{}", chunk?.text()?);
    ///     chunks += 1;
    /// }
    /// assert_eq!(chunks, 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn then_chunks(self, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut chunks: Vec<_> = texts.into_iter().map(|text| chunk(text.into())).collect();
        if let Some(last) = chunks.last_mut() {
            set_finish_reason(last, Some(FinishReason::Stop));
        }
        self.then_stream(chunks)
    }

    /// Adds a reply that calls a function. `arguments` is a JSON object; any other value is replaced by an empty
    /// object.
    ///
    /// ```
    /// use generativeai::{Function, GenerativeModel, testing::Scripted};
    /// use serde_json::json;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let script = Scripted::default().then_call("now", json!({})).then_text("It is 12:30.");
    /// let now = Function::new("now", "Returns the time.", || "12:30");
    /// let model = GenerativeModel::new("m").backend(script.clone()).tools(now);
    /// let mut chat = model.start_chat().automatic_function_calling(true);
    ///
    /// assert_eq!(chat.send_message("What time is it?").await?.text()?, "It is 12:30.");
    /// // The second request contains the response of the function.
    /// assert_eq!(script.requests()[1].contents.len(), 3);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn then_call(self, name: impl Into<String>, arguments: Value) -> Self {
        let arguments = match arguments {
            Value::Object(arguments) => arguments,
            _ => Map::new(),
        };
        self.then_parts([Part::from(FunctionCall::new(name, arguments))])
    }

    /// Adds a reply with parts, in one chunk: several calls, an image, text next to a call.
    ///
    /// ```
    /// use generativeai::protocol::content::FunctionCall;
    /// use generativeai::{Function, GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let calls = ["now", "today"].map(|name| FunctionCall::new(name, Default::default()));
    /// let script = Scripted::default().then_parts(calls).then_text("Sunday, 12:30.");
    /// let now = Function::new("now", "Returns the time.", || "12:30");
    /// let today = Function::new("today", "Returns the day.", || "Sunday");
    /// let model = GenerativeModel::new("m").backend(script.clone()).tools([now, today]);
    /// let mut chat = model.start_chat().automatic_function_calling(true);
    /// chat.send_message("What time is it?").await?;
    ///
    /// // Both calls are one round: one content has both responses.
    /// assert_eq!(script.requests()[1].contents.last().unwrap().parts.len(), 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn then_parts(self, parts: impl IntoIterator<Item = impl Into<Part>>) -> Self {
        let parts: Vec<Part> = parts.into_iter().map(Into::into).collect();
        self.then_stream([GenerateContentResponse::from(Content::model(parts))])
    }

    /// Adds a reply with exactly these chunks. A request that does not stream gets them merged.
    ///
    /// The last chunk of a complete reply needs a finish reason, which this method does not add. Without one, a
    /// streamed turn fails as [`Truncated`](ErrorKind::Truncated). An awaited reply is complete without one, as with
    /// the service.
    ///
    /// ```
    /// use generativeai::protocol::content::Content;
    /// use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
    /// use generativeai::{ErrorKind, GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let mut unsafe_reply = GenerateContentResponse::from(Content::model("First, you"));
    /// unsafe_reply.candidates[0].finish_reason = Some(FinishReason::Safety);
    /// let model = GenerativeModel::new("m").backend(Scripted::default().then_stream([unsafe_reply]));
    ///
    /// let error = model.start_chat().send_message("How do I pick a lock?").await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Stopped);
    /// assert_eq!(error.response().unwrap().to_string(), "First, you");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn then_stream(self, chunks: impl IntoIterator<Item = GenerateContentResponse>) -> Self {
        self.then(chunks.into_iter().collect(), End::Complete)
    }

    /// Adds a reply that loses the connection after one chunk for each text.
    ///
    /// The error has the kind [`Unreachable`](ErrorKind::Unreachable). A request that does not stream gets the error
    /// without the chunks.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let model = GenerativeModel::new("m").backend(Scripted::default().then_fail(&["1,3"]));
    /// let mut chat = model.start_chat();
    /// let mut reply = chat.send_message("How tall is Ben Nevis?").stream();
    ///
    /// assert_eq!(reply.next().await.unwrap().unwrap().to_string(), "1,3");
    /// assert!(reply.next().await.unwrap().unwrap_err().is_retryable());
    /// # }
    /// ```
    #[must_use]
    pub fn then_fail(self, texts: &[&str]) -> Self {
        let error = Error::new(ErrorKind::Unreachable, "the connection was lost");
        self.then_error(texts, error)
    }

    /// Adds a reply that fails with an error after one chunk for each text.
    ///
    /// ```
    /// use generativeai::{Error, ErrorKind, GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let error = Error::new(ErrorKind::RateLimited, "slow down").with_http_code(429);
    /// let script = Scripted::default().then_error(&[], error).then_text("Hello!");
    /// let mut chat = GenerativeModel::new("m").backend(script).start_chat();
    ///
    /// let refused = chat.send_message("Hello").await.unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::RateLimited);
    /// assert_eq!(chat.retry().await?.text()?, "Hello!");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn then_error(self, texts: &[&str], error: Error) -> Self {
        self.then(chunks_of(texts), End::Error(error))
    }

    /// Adds a reply that never ends: one chunk for each text, and then nothing. Use it in tests of time limits and of
    /// dropped replies.
    ///
    /// In a tokio runtime, the time limits of the request end it: [`timeout`](RequestOptions::timeout), and
    /// [`idle_timeout`](RequestOptions::idle_timeout) of a streamed request.
    ///
    /// ```
    /// use std::time::Duration;
    /// use generativeai::{GenerativeModel, testing::Scripted};
    /// use tokio::time::timeout;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let model = GenerativeModel::new("m").backend(Scripted::default().then_hang(&["Once upon "]));
    /// let mut chat = model.start_chat();
    /// let mut reply = chat.send_message("Tell me a story").stream();
    /// reply.next().await;
    ///
    /// assert!(timeout(Duration::from_millis(1), reply.next()).await.is_err());
    /// drop(reply);
    /// assert!(chat.keep_partial());
    /// # }
    /// ```
    #[must_use]
    pub fn then_hang(self, texts: &[&str]) -> Self {
        self.then(chunks_of(texts), End::Hang)
    }

    /// Returns the requests for replies so far, in order. Requests for token counts are not stored.
    ///
    /// ```
    /// use generativeai::protocol::config::GenerationConfig;
    /// use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let script = Scripted::always("Hello!");
    /// let model = GenerativeModel::new("m")
    ///     .generation_config(GenerationConfig::default().temperature(0.5))
    ///     .backend(script.clone());
    /// model.generate_content("Hi").await?;
    ///
    /// let [request] = &script.requests()[..] else { panic!("one request") };
    /// assert_eq!(request.model.as_deref(), Some("models/m"));
    /// assert_eq!(request.generation_config.as_ref().unwrap().temperature, Some(0.5));
    /// # Ok(()) }
    /// ```
    pub fn requests(&self) -> Vec<GenerateContentRequest> {
        self.script().requests.clone()
    }

    fn then(self, chunks: Vec<GenerateContentResponse>, end: End) -> Self {
        self.script().replies.push_back(Reply { chunks, end });
        self
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request and returns its reply.
    fn reply(&self, request: GenerateContentRequest) -> Reply {
        let mut script = self.script();
        let scripted = script.replies.pop_front();
        let fallback = match (&scripted, &script.fallback) {
            (None, Some(fallback)) => Some((Arc::clone(fallback), request.clone())),
            _ => None,
        };
        script.requests.push(request);
        let count = script.requests.len();
        // The closure may use this backend: it runs after the lock is released.
        drop(script);
        match (scripted, fallback) {
            (Some(reply), _) => reply,
            (None, Some((fallback, request))) => Reply {
                chunks: vec![Content::model(fallback(&request)).into()],
                end: End::Complete,
            },
            (None, None) => {
                let message = format!("the script has no reply to request {count}");
                Reply {
                    chunks: Vec::new(),
                    end: End::Error(Error::new(ErrorKind::Request, message)),
                }
            }
        }
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let script = self.script();
        f.debug_struct("Scripted")
            .field("requests", &script.requests.len())
            .field("replies_left", &script.replies.len())
            .finish_non_exhaustive()
    }
}

impl Backend for Scripted {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let this = self.clone();
        Box::pin(async move {
            let Reply { mut chunks, end } = this.reply(request);
            match end {
                End::Complete if chunks.len() == 1 => Ok(chunks.remove(0)),
                End::Complete => {
                    let mut whole = GenerateContentResponse::default();
                    chunks.iter().for_each(|chunk| whole.merge_chunk(chunk));
                    Ok(whole)
                }
                End::Error(error) => Err(error),
                End::Hang => Err(time_limit(options.timeout).await),
            }
        })
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        let this = self.clone();
        let begin = async move {
            let Reply { chunks, end } = this.reply(request);
            let end = match end {
                End::Complete => stream::empty().boxed(),
                End::Error(error) => stream::once(ready(Err(error))).boxed(),
                End::Hang => {
                    let limits = [options.timeout, options.idle_timeout];
                    let first = limits.into_iter().flatten().min();
                    stream::once(time_limit(first).map(Err)).boxed()
                }
            };
            stream::iter(chunks.into_iter().map(Ok)).chain(end)
        };
        begin.flatten_stream().boxed()
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        let whole = request.generate_content_request.unwrap_or_default();
        let contents = request.contents.iter().chain(whole.contents.iter());
        let contents = contents.chain(&whole.system_instruction);
        let texts = contents
            .flat_map(|content| &content.parts)
            .filter_map(Part::as_text);
        let words: usize = texts.map(|text| text.split_whitespace().count()).sum();
        let response = CountTokensResponse {
            total_tokens: i32::try_from(words).ok(),
            ..CountTokensResponse::default()
        };
        Box::pin(ready(Ok(response)))
    }
}

/// Waits for a time limit and returns its error. Without a limit, or outside of a tokio runtime, it never returns.
async fn time_limit(limit: Option<Duration>) -> Error {
    match limit.filter(|_| Handle::try_current().is_ok()) {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            let message = format!("the response was not complete after {limit:?}");
            Error::new(ErrorKind::Timeout, message)
        }
        None => pending().await,
    }
}

fn chunks_of(texts: &[&str]) -> Vec<GenerateContentResponse> {
    texts.iter().map(|&text| chunk(text.to_owned())).collect()
}

/// Returns a chunk with this text and without a finish reason.
fn chunk(text: String) -> GenerateContentResponse {
    let mut chunk = GenerateContentResponse::from(Content::model(text));
    set_finish_reason(&mut chunk, None);
    chunk
}

fn set_finish_reason(chunk: &mut GenerateContentResponse, finish_reason: Option<FinishReason>) {
    for candidate in &mut chunk.candidates {
        candidate.finish_reason.clone_from(&finish_reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_words_of_contents_and_of_a_whole_request_are_counted() {
        let whole = GenerateContentRequest::default()
            .system_instruction("Be brief.")
            .contents("How tall is Ben Nevis?");
        for (request, words) in [
            (CountTokensRequest::default().contents("two words"), 2),
            (
                CountTokensRequest::default().generate_content_request(whole),
                7,
            ),
        ] {
            let counted = Scripted::default().count_tokens(request, RequestOptions::default());

            assert_eq!(counted.await.expect("a count").total_tokens, Some(words));
        }
    }
}
