//! Single requests to a model, without a conversation.

use std::fmt;
use std::future::{IntoFuture, poll_fn, ready};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::continuation::{Hops, Mode};
use super::generative_model::GenerativeModel;
use super::prepare::without_empty;
use super::setters::request_setters;
use super::settings::Settings;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{Contents, Role};
use crate::protocol::response::GenerateContentResponse;
use crate::stream::{BoxFuture, stream_of};

impl GenerativeModel {
    /// Prepares a single request to the model. Functions are declared to the model but not run, and no history is kept.
    ///
    /// The contents are a string, a part, a single content, or a list of contents with their roles. Empty parts and
    /// contents are left out. If the last content has no role, it gets the role `user`. For a conversation,
    /// [`start_chat`](Self::start_chat) keeps the history and runs functions.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let model = GenerativeModel::new("gemini-flash-latest")
    ///     .backend(Scripted::default().then_chunks(["1,345 ", "metres"]));
    ///
    /// let mut stream = model.generate_content("How tall is Ben Nevis?").stream();
    /// while let Some(chunk) = stream.next().await {
    ///     // Empty for a chunk without text, such as one with token counts alone.
    ///     print!("{}", chunk?.text_lossy());
    /// }
    /// assert_eq!(stream.finish().await?.text()?, "1,345 metres");
    /// # Ok(()) }
    /// ```
    pub fn generate_content(&self, contents: impl Into<Contents>) -> GenerateContent<'_> {
        GenerateContent {
            model: self,
            contents: contents.into(),
            settings: Settings::default(),
        }
    }
}

/// Request to a model: await it for the complete response, or [stream](Self::stream) it.
///
/// Awaiting returns every response of the service, including a stopped or blocked one. Its
/// [`text`](GenerateContentResponse::text) is then an error with the reason. A [stream](Self::stream) ends with an
/// error if the prompt was blocked.
///
/// ```
/// use generativeai::protocol::content::Content;
/// use generativeai::{ErrorKind, GenerativeModel, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let script = Scripted::always("4,413 feet");
/// let model = GenerativeModel::new("gemini-flash-latest").backend(script);
/// // The program keeps the conversation itself.
/// let contents = [
///     Content::user("How tall is Ben Nevis?"),
///     Content::model("1,345 metres"),
///     Content::user("And in feet?"),
/// ];
/// assert_eq!(model.generate_content(contents).await?.text()?, "4,413 feet");
///
/// let error = model.generate_content("").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Request);
/// # Ok(()) }
/// ```
///
/// A request changes nothing, unlike a [message](crate::SendMessage) of a conversation. So a failed one can be
/// repeated: send a clone.
#[derive(Clone, Debug)]
#[must_use = "nothing is requested until it is awaited or streamed"]
pub struct GenerateContent<'model> {
    pub(super) model: &'model GenerativeModel,
    pub(super) contents: Contents,
    pub(super) settings: Settings,
}

impl GenerateContent<'_> {
    request_setters! {
        generation_config safety_settings tools tool_config request_options automatic_continuation members
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Returns the response as a stream of chunks. The request is sent when the first chunk is awaited.
    ///
    /// The end of the stream is checked. A stream without a finish reason fails with
    /// [`Truncated`](ErrorKind::Truncated), one without a candidate with [`Empty`](ErrorKind::Empty), and a blocked
    /// prompt with [`Blocked`](ErrorKind::Blocked). A reply that the service stopped is returned unchanged, as by
    /// awaiting.
    pub fn stream(self) -> GenerateStream {
        GenerateStream {
            reply: self.begin(Mode::Stream).map_err(Some),
            error: None,
            response: GenerateContentResponse::default(),
        }
    }

    fn begin(self, mode: Mode) -> Result<Box<Hops>> {
        let mut contents = without_empty(self.contents)?;
        let Some(last) = contents.last_mut() else {
            let message = "the contents are empty: they need at least one part";
            return Err(Error::new(ErrorKind::Request, message));
        };
        last.fill_role(Role::User);
        let mut template = self.model.prepare(Some(&self.settings))?;
        template.request.contents = contents.into();
        let request = mem::take(&mut template.request);
        Ok(Hops::new(&template, request, mode))
    }
}

/// Sends the request and waits for the complete response.
impl IntoFuture for GenerateContent<'_> {
    type Output = Result<GenerateContentResponse>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        match self.begin(Mode::Unary) {
            Ok(reply) => Box::pin(whole(reply)),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }
}

/// Waits for all hops of a unary reply, and returns them as one response.
async fn whole(mut reply: Box<Hops>) -> Result<GenerateContentResponse> {
    let mut response: Option<GenerateContentResponse> = None;
    while !reply.is_over() {
        match poll_fn(|cx| reply.poll_hop(cx)).await {
            Some(Ok(hop)) => match &mut response {
                Some(response) => response.merge_chunk(&hop),
                // Merging orders candidates by their index. The first reply has to be ordered here.
                None => response.insert(hop).order_candidates(),
            },
            None => {}
            Some(Err(error)) => {
                return Err(match response {
                    Some(response) if error.response().is_none() => error.with_response(response),
                    _ => error,
                });
            }
        }
    }
    Ok(response.unwrap_or_default())
}

/// Response in chunks.
///
/// An error is the last item; [`response`](Self::response) then returns the part before it. Dropping the
/// stream cancels the request.
///
/// ```
/// # use generativeai::{GenerativeModel, testing::Scripted};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let model = GenerativeModel::new("m").backend(Scripted::default().then_fail(&["Ben ", "Nevis"]));
/// let mut stream = model.generate_content("Name a mountain.").stream();
/// let mut failed = None;
/// while let Some(chunk) = stream.next().await {
///     match chunk {
///         Ok(chunk) => print!("{}", chunk.text_lossy()),
///         Err(error) => failed = Some(error),
///     }
/// }
///
/// assert!(failed.is_some_and(|error| error.is_retryable()));
/// assert_eq!(stream.response().to_string(), "Ben Nevis");
/// # Ok(()) }
/// ```
#[must_use = "a stream does nothing until it is read"]
pub struct GenerateStream {
    /// The reply, or the error that ended it, until it has been returned.
    reply: Result<Box<Hops>, Option<Error>>,
    /// Error that the stream has returned, which [`finish`](Self::finish) returns again.
    error: Option<Error>,
    response: GenerateContentResponse,
}

impl GenerateStream {
    /// Waits for the next chunk. Returns `None` once the response is complete.
    ///
    /// Cancel safe: no chunk is lost if the future is dropped. So it can be a branch of `tokio::select!`.
    ///
    /// # Errors
    /// The error that ended the stream, as the last item. It contains the received part of the response.
    pub async fn next(&mut self) -> Option<Result<GenerateContentResponse>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<GenerateContentResponse>>> {
        let outcome = loop {
            let reply = match &mut self.reply {
                Ok(reply) => reply,
                Err(error) => break error.take().map_or(Ok(()), Err),
            };
            let item = reply.poll_hop(cx);
            break match item {
                Poll::Pending => return item,
                Poll::Ready(Some(Ok(ref chunk))) => {
                    self.response.merge_chunk(chunk);
                    // A blocked prompt ends the stream at once. Its feedback is in the response of the error.
                    if !self.response.is_blocked() {
                        return item;
                    }
                    Err(self.response.blocked_error())
                }
                Poll::Ready(Some(Err(error))) => Err(error),
                Poll::Ready(None) if !reply.is_over() => continue,
                Poll::Ready(None) => self.response.check_whole_stream(),
            };
        };
        // Also drops the request. A further call returns `None`.
        self.reply = Err(None);
        let error = outcome.err();
        let error = error.map(|error| error.with_response(self.response.clone()));
        if error.is_some() {
            self.error.clone_from(&error);
        }
        Poll::Ready(error.map(Err))
    }

    /// Reads the rest of the stream and returns the complete response, with all chunks merged.
    ///
    /// # Errors
    /// The error of the stream, even if [`next`](Self::next) has returned it already.
    pub async fn finish(mut self) -> Result<GenerateContentResponse> {
        while let Some(chunk) = self.next().await {
            chunk?;
        }
        self.error.map_or(Ok(self.response), Err)
    }

    /// Returns the response so far, with the received chunks merged.
    ///
    /// The response is empty before the first chunk, and complete after the end of the stream.
    pub fn response(&self) -> &GenerateContentResponse {
        &self.response
    }

    /// Returns the chunks as a [`Stream`][stream], for combinators.
    ///
    /// [stream]: https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html
    pub fn into_stream(
        self,
    ) -> Pin<Box<dyn Stream<Item = Result<GenerateContentResponse>> + Send>> {
        stream_of(self, Self::poll_next)
    }
}

impl fmt::Debug for GenerateStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenerateStream")
            .field("is_over", &self.reply.is_err())
            .finish_non_exhaustive()
    }
}
