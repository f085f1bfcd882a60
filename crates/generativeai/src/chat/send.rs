//! Sending a message: awaited for the whole reply, or streamed chunk by chunk.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;

use futures_core::Stream;
use futures_util::{StreamExt as _, stream};

use super::ChatSession;
use super::turn::{Call, Turn};
use super::unfinished::Unfinished;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Settings, message_setters};
use crate::protocol::content::{Content, Role};
use crate::protocol::response::GenerateContentResponse;

/// A message ready to be sent: await it for the whole reply, or [stream](Self::stream) it.
///
/// What is set here is for this message alone; what is left open, the model says.
#[must_use = "a message is not sent until it is awaited or streamed"]
pub struct SendMessage<'chat> {
    pub(super) chat: &'chat mut ChatSession,
    pub(super) turn: Result<Box<Unfinished>>,
}

impl<'chat> SendMessage<'chat> {
    pub(super) fn new(chat: &'chat mut ChatSession, mut message: Content) -> Self {
        message.fill_role(Role::User);
        let turn = chat.turn_of(message);
        Self { chat, turn }
    }

    pub(super) fn again(chat: &'chat mut ChatSession, mut unfinished: Box<Unfinished>) -> Self {
        unfinished.close_round();
        Self {
            chat,
            turn: Ok(unfinished),
        }
    }

    pub(super) fn failed(chat: &'chat mut ChatSession, error: Error) -> Self {
        Self {
            chat,
            turn: Err(error),
        }
    }

    message_setters! {
        generation_config safety_settings tools tool_config request_options accept_finish_reasons
    }

    /// Sends the message and gives the reply as it comes; nothing is sent until the first chunk is
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
    ///     // A chunk may have no text: it may be a function call, or only token counts.
    ///     print!("{}", chunk?.text().unwrap_or_default());
    /// }
    ///
    /// assert_eq!(chat.last().unwrap().text()?, "12");
    /// # Ok(()) }
    /// ```
    pub fn stream(self) -> ReplyStream<'chat> {
        match self.begin(Call::Stream) {
            Ok(turn) => ReplyStream {
                turn: Some(turn),
                refused: None,
            },
            Err(error) => ReplyStream {
                turn: None,
                refused: Some(error),
            },
        }
    }

    fn begin(self, call: Call) -> Result<Turn<'chat>> {
        Turn::begin(self.chat, self.turn?, call)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        if let Ok(turn) = &mut self.turn {
            change(turn.settings.get_or_insert_default());
            turn.weight = None;
        }
        self
    }
}

impl<'chat> IntoFuture for SendMessage<'chat> {
    type Output = Result<GenerateContentResponse>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'chat>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut turn = self.begin(Call::Unary)?;
            while let Some(chunk) = turn.next().await {
                chunk?;
            }
            turn.into_response().ok_or_else(nothing_came)
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

/// A reply as it comes, chunk by chunk, through all rounds of function calls.
///
/// The turn enters the history with the last chunk; until then, and if the stream is dropped or an
/// error comes, it is [`unfinished`](ChatSession::unfinished). After an error nothing more comes.
#[must_use = "a stream does nothing until it is read"]
pub struct ReplyStream<'chat> {
    turn: Option<Turn<'chat>>,
    refused: Option<Error>,
}

impl<'chat> ReplyStream<'chat> {
    /// The next chunk, or `None` once the reply is complete.
    pub async fn next(&mut self) -> Option<Result<GenerateContentResponse>> {
        match &mut self.turn {
            Some(turn) => turn.next().await,
            None => self.refused.take().map(Err),
        }
    }

    /// Reads on to the end and gives the whole reply: its chunks joined.
    pub async fn finish(mut self) -> Result<GenerateContentResponse> {
        while let Some(chunk) = self.next().await {
            chunk?;
        }
        let response = self.turn.and_then(Turn::into_response);
        response.ok_or_else(nothing_came)
    }

    /// The reply so far: the chunks that came, joined.
    pub fn response(&self) -> Option<&GenerateContentResponse> {
        self.turn.as_ref()?.response()
    }

    /// The chunks as a [`Stream`].
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
        f.debug_struct("ReplyStream")
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

/// What a stream says that was read past its error.
fn nothing_came() -> Error {
    Error::new(ErrorKind::Empty, "the turn ended before a reply came")
}
