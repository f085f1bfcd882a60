//! Reply to a message, in chunks.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::session::ChatSession;
use super::turn::Turn;
use crate::error::{Error, Result};
use crate::protocol::response::GenerateContentResponse;
use crate::stream::stream_of;

/// Reply in chunks, through all rounds of function calls.
///
/// The turn enters the history together with the end of the stream. Until then, and if the stream fails or is
/// dropped, it is [unfinished](ChatSession::unfinished). An error is the last item.
///
/// `C` gives access to the conversation, see [`SendMessage`](crate::SendMessage).
///
/// | The stream ends | The turn |
/// | --- | --- |
/// | with `None` | is in the history; [`response`](Self::response) has the whole reply |
/// | with an error | is unfinished; see its [reason](crate::Unfinished::reason) |
/// | because it is dropped | is unfinished, with the reason [`Interrupted`](crate::Reason::Interrupted) |
///
/// A program that stops the reply when its user presses a key, and keeps the received part:
///
/// ```
/// # use generativeai::{GenerativeModel, testing::Scripted};
/// # use std::future::ready;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let model = GenerativeModel::new("m").backend(Scripted::default().then_chunks(["Once ", "upon ", "a time"]));
/// # let mut chat = model.start_chat();
/// # let key_pressed = || ready(());
/// let mut reply = chat.send_message("Tell me a story").stream();
/// reply.next().await.transpose()?;
/// key_pressed().await;
/// drop(reply);
///
/// assert!(chat.history().is_empty());
/// assert!(chat.keep_partial());
/// assert_eq!(chat.history()[1].text(), "Once ");
/// # Ok(()) }
/// ```
#[must_use = "a stream does nothing until it is read"]
pub struct ReplyStream<'chat, C = &'chat mut ChatSession> {
    /// Running turn. If the message cannot be sent: its conversation, and its error until that was returned.
    turn: Result<Turn<C>, (C, Option<Error>)>,
    /// Error that the stream has returned, which [`finish`](Self::finish) returns again.
    error: Option<Error>,
    /// Lifetime of the boxed stream, which `C` has to outlive.
    lifetime: PhantomData<&'chat ()>,
}

impl<'chat, C: DerefMut<Target = ChatSession>> ReplyStream<'chat, C> {
    /// Creates the stream of a turn, or of a message that could not be sent.
    pub(super) fn new(turn: Result<Turn<C>, (C, Error)>) -> Self {
        Self {
            turn: turn.map_err(|(chat, error)| (chat, Some(error))),
            error: None,
            lifetime: PhantomData,
        }
    }

    /// Waits for the next chunk. Returns `None` once the reply is complete.
    ///
    /// Cancel safe: no chunk is lost if the future is dropped. So it can be a branch of `tokio::select!`, or have a
    /// time limit:
    ///
    /// ```
    /// use std::time::Duration;
    /// use tokio::time::timeout;
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::always("Hello!"));
    /// # let mut chat = model.start_chat();
    /// let mut reply = chat.send_message("Hi").stream();
    /// loop {
    ///     match timeout(Duration::from_secs(1), reply.next()).await {
    ///         Ok(Some(chunk)) => print!("{}", chunk?.text_lossy()),
    ///         Ok(None) => break,
    ///         // Nothing was received for a second. The next call waits for the same chunk.
    ///         Err(_) => print!("…"),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The error that ended the turn, as the last item. It has the received part of the reply.
    pub async fn next(&mut self) -> Option<Result<GenerateContentResponse>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<GenerateContentResponse>>> {
        let item = match &mut self.turn {
            Ok(turn) => turn.poll_next(cx),
            Err((_, error)) => Poll::Ready(error.take().map(Err)),
        };
        if let Poll::Ready(Some(Err(error))) = &item {
            self.error = Some(error.clone());
        }
        item
    }

    /// Reads the rest of the stream and returns the complete reply, with all chunks merged.
    ///
    /// # Errors
    /// The error of the stream, even if [`next`](Self::next) has returned it already.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_chunks(["1,345 ", "metres"]));
    /// # let mut chat = model.start_chat();
    /// let mut reply = chat.send_message("How tall is Ben Nevis?").stream();
    /// reply.next().await.transpose()?;
    ///
    /// // The first chunk is part of the complete reply.
    /// assert_eq!(reply.finish().await?.text()?, "1,345 metres");
    /// # Ok(()) }
    /// ```
    pub async fn finish(mut self) -> Result<GenerateContentResponse> {
        self.complete().await
    }

    /// Reads the rest of the stream.
    pub(super) async fn complete(&mut self) -> Result<GenerateContentResponse> {
        while let Some(chunk) = self.next().await {
            chunk?;
        }
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(self.response().cloned().unwrap_or_default()),
        }
    }

    /// Returns the reply so far, with the received chunks merged.
    ///
    /// `None` before the first chunk, and for a message that could not be sent. In a turn with function calls it is the
    /// reply to the last request; earlier ones are in the rounds of the [unfinished turn](ChatSession::unfinished), and
    /// then in the history.
    pub fn response(&self) -> Option<&GenerateContentResponse> {
        self.turn.as_ref().ok()?.response()
    }

    /// Returns the number of requests that the reply took so far, counted from the last round of function calls.
    ///
    /// The number is above one if the reply was continued, because the service ended it at a token limit or the stream
    /// broke: see [`automatic_continuation`](crate::SendMessage::automatic_continuation). A request that the backend
    /// retries counts once. A [retry](ChatSession::retry) of the turn begins at zero.
    pub fn hops(&self) -> usize {
        self.turn.as_ref().map_or(0, Turn::hops)
    }

    /// Ends the stream and returns the conversation. If the reply is not complete, its turn is
    /// [unfinished](ChatSession::unfinished).
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, SendMessage, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::always("Hi!"));
    /// let chat = Box::new(model.start_chat());
    ///
    /// let mut reply = SendMessage::new(chat, "Hello").stream();
    /// while let Some(chunk) = reply.next().await {
    ///     print!("{}", chunk?.text_lossy());
    /// }
    /// let chat = reply.into_chat();
    ///
    /// assert_eq!(chat.history().len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn into_chat(self) -> C {
        match self.turn {
            Ok(turn) => turn.into_chat(),
            Err((chat, _)) => chat,
        }
    }

    /// Returns the chunks as a [`Stream`][stream], for combinators.
    ///
    /// [stream]: https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html
    ///
    /// ```
    /// use futures_util::{StreamExt, TryStreamExt};
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_chunks(["one ", "two"]));
    /// # let mut chat = model.start_chat();
    /// let chunks = chat.send_message("Count to two").stream().into_stream();
    /// let texts: Vec<String> = chunks.map_ok(|chunk| chunk.text_lossy()).try_collect().await?;
    /// assert_eq!(texts, ["one ", "two"]);
    /// # Ok(()) }
    /// ```
    pub fn into_stream(
        self,
    ) -> Pin<Box<dyn Stream<Item = Result<GenerateContentResponse>> + Send + 'chat>>
    where
        C: Send + 'chat,
    {
        stream_of(self, Self::poll_next)
    }
}

impl<C> fmt::Debug for ReplyStream<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyStream").finish_non_exhaustive()
    }
}
