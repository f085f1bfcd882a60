//! Sending a message: awaited for the complete reply, or streamed in chunks.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;

use futures_core::Stream;
use futures_util::{StreamExt as _, stream};

use super::opening::Opening;
use super::session::ChatSession;
use super::turn::{Mode, Turn};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Settings, message_setters};
use crate::protocol::content::{Content, Role};
use crate::protocol::response::GenerateContentResponse;

impl ChatSession {
    /// Prepares a message, which is sent once it is awaited or [streamed](SendMessage::stream).
    ///
    /// If the message answers all calls that the limit of function rounds returned, it continues their turn.
    pub fn send_message(&mut self, message: impl Into<Content>) -> SendMessage<'_> {
        let mut message = message.into();
        message.fill_role(Role::User);
        let opening = Opening::new(&self.state, message).map(Box::new);
        SendMessage {
            chat: self,
            opening,
        }
    }

    /// Prepares the [unfinished turn](Self::unfinished) for being sent again, with the settings of its message.
    ///
    /// The retry continues after the completed rounds of function calls, so no function is run twice for the same
    /// call. A call that was running when the turn was interrupted gets a response that says so.
    ///
    /// Sending fails with [`Request`](ErrorKind::Request) without an unfinished turn.
    pub fn retry(&mut self) -> SendMessage<'_> {
        let opening = self.unfinished().map(Opening::again).map(Box::new);
        let opening = opening.ok_or_else(|| {
            let message = "nothing to retry: the last turn completed";
            Error::new(ErrorKind::Request, message)
        });
        SendMessage {
            chat: self,
            opening,
        }
    }
}

/// Message that is ready to be sent: await it for the complete reply, or [stream](Self::stream) it.
///
/// Its settings apply to this message alone, and take precedence over those of the model.
#[must_use = "a message is not sent until it is awaited or streamed"]
pub struct SendMessage<'chat> {
    pub(super) chat: &'chat mut ChatSession,
    /// Boxed, as it moves into the future of the reply.
    pub(super) opening: Result<Box<Opening>>,
}

impl<'chat> SendMessage<'chat> {
    message_setters! {
        generation_config safety_settings tools tool_config request_options accept_finish_reasons
    }

    /// Sends the message and returns the reply as a stream of chunks. Nothing is sent until the first chunk is
    /// awaited.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_chunks(["1", "2"]));
    /// let mut chat = model.start_chat();
    ///
    /// let mut reply = chat.send_message("Count to two").stream();
    /// while let Some(chunk) = reply.next().await {
    ///     // A chunk may have no text: it may contain a function call, or token counts alone.
    ///     print!("{}", chunk?.text().unwrap_or_default());
    /// }
    ///
    /// assert_eq!(chat.last().unwrap().text()?, "12");
    /// # Ok(()) }
    /// ```
    pub fn stream(self) -> ReplyStream<'chat> {
        ReplyStream {
            turn: self.begin(Mode::Stream).map_err(Some),
        }
    }

    fn begin(self, mode: Mode) -> Result<Turn<'chat>> {
        Turn::begin(self.chat, *self.opening?, mode)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        if let Ok(opening) = &mut self.opening {
            change(opening.transient.settings.get_or_insert_default());
            // Tools and instructions count.
            opening.transient.tokens = None;
        }
        self
    }
}

/// Sends the message and waits for the complete reply.
impl<'chat> IntoFuture for SendMessage<'chat> {
    type Output = Result<GenerateContentResponse>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'chat>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut turn = self.begin(Mode::Unary)?;
            while let Some(chunk) = turn.next().await {
                chunk?;
            }
            turn.into_response().ok_or_else(no_response)
        })
    }
}

impl fmt::Debug for SendMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendMessage")
            .field("chat", &self.chat)
            .finish_non_exhaustive()
    }
}

/// Reply in chunks, through all rounds of function calls.
///
/// The turn enters the history together with the end of the stream. Until then, and if the stream fails or is
/// dropped, it is [unfinished](ChatSession::unfinished). An error is the last item.
#[must_use = "a stream does nothing until it is read"]
pub struct ReplyStream<'chat> {
    /// The running turn, or the error of a message that cannot be sent, until it has been returned.
    turn: Result<Turn<'chat>, Option<Error>>,
}

impl<'chat> ReplyStream<'chat> {
    /// Waits for the next chunk. Returns `None` once the reply is complete.
    ///
    /// Can be cancelled: no chunk is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Result<GenerateContentResponse>> {
        match &mut self.turn {
            Ok(turn) => turn.next().await,
            Err(error) => error.take().map(Err),
        }
    }

    /// Reads the rest of the stream and returns the complete reply, with all chunks merged.
    ///
    /// # Errors
    /// The error of the stream.
    pub async fn finish(mut self) -> Result<GenerateContentResponse> {
        while let Some(chunk) = self.next().await {
            chunk?;
        }
        let response = self.turn.ok().and_then(Turn::into_response);
        response.ok_or_else(no_response)
    }

    /// Returns the reply so far, with the received chunks merged.
    pub fn response(&self) -> Option<&GenerateContentResponse> {
        self.turn.as_ref().ok()?.response()
    }

    /// Returns the chunks as a [`Stream`], for combinators.
    pub fn into_stream(
        self,
    ) -> Pin<Box<dyn Stream<Item = Result<GenerateContentResponse>> + Send + 'chat>> {
        let chunks = stream::unfold(self, |mut this| async move {
            let item = this.next().await?;
            Some((item, this))
        });
        Box::pin(chunks.fuse())
    }
}

impl fmt::Debug for ReplyStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyStream").finish_non_exhaustive()
    }
}

/// Returns the error of a stream that is read after its error.
fn no_response() -> Error {
    Error::new(ErrorKind::Empty, "the turn ended without a response")
}
