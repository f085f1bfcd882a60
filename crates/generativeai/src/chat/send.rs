//! Messages, which are awaited for the whole reply, or streamed.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::ops::DerefMut;
use std::pin::Pin;

use super::opening::Opening;
use super::reply::ReplyStream;
use super::session::ChatSession;
use super::turn::Turn;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Mode, Settings, request_setters};
use crate::protocol::content::{Content, Role};
use crate::protocol::response::GenerateContentResponse;
use crate::tools::Decision;

impl ChatSession {
    /// Prepares a message, which is sent once it is awaited or [streamed](SendMessage::stream).
    ///
    /// The message is anything that converts into a [`Content`]: a string, a part, a list of parts, a file. Setters
    /// apply to this message alone.
    ///
    /// The request contains the whole [history](Self::history), because the API keeps no conversations. So each message
    /// costs input tokens for all turns before it. A [context budget](Self::context_budget) limits them.
    ///
    /// If the limit of function rounds returned calls to the caller, a message with a response to each of the
    /// [pending calls](Self::pending_calls) continues their turn.
    ///
    /// ```
    /// use generativeai::GenerativeModel;
    /// use generativeai::protocol::config::GenerationConfig;
    /// use generativeai::protocol::content::{Blob, Part};
    /// # use generativeai::testing::Scripted;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::always("Ben Nevis."));
    /// let mut chat = model.start_chat();
    /// let photo = Blob::new("image/png", [0x89, b'P', b'N', b'G']);
    ///
    /// let reply = chat
    ///     .send_message([Part::text("Which mountain is this?"), Part::from(photo)])
    ///     .generation_config(GenerationConfig::default().temperature(0.0).max_output_tokens(16))
    ///     .await?;
    /// assert_eq!(reply.text()?, "Ben Nevis.");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Preparing does not fail; awaiting or streaming does. An empty message, or a history that the API rejects, fails
    /// with [`Request`](ErrorKind::Request), and a loaded chat whose policy was not set again with
    /// [`Configuration`](ErrorKind::Configuration). Other errors come from the [backend](crate::Backend). If the
    /// message was refused before its turn was opened, the conversation is unchanged. Otherwise the turn is
    /// [unfinished](Self::unfinished).
    pub fn send_message(&mut self, message: impl Into<Content>) -> SendMessage<'_> {
        SendMessage::new(self, message)
    }

    /// Prepares a retry of the [unfinished turn](Self::unfinished), with the settings of its message.
    ///
    /// The retry continues after the completed rounds of function calls, so no function is run twice for the same call.
    /// A call that was running when the turn was interrupted is not run again, since it may have taken effect. Its
    /// response reports the interruption to the model.
    ///
    /// If the received part of the reply contains a continuation token, the retry continues the reply from it. Its
    /// stream returns only new chunks. The whole reply is in the response and in the history.
    ///
    /// If calls of the turn [wait for approval](crate::Reason::AwaitingApproval), the retry asks the policy again, and
    /// continues the round.
    ///
    /// [`Remote`](crate::Remote) has already retried a transient failure several times before the turn fails: see
    /// [`Retry`](crate::Retry). This method is for a later attempt, for example when the user asks for one.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_fail(&["1,3"]).then_text("1,345 metres.");
    /// # let mut chat = GenerativeModel::new("m").backend(script).start_chat();
    /// let mut reply = chat.send_message("How tall is Ben Nevis?").await;
    /// for _ in 0..2 {
    ///     match &reply {
    ///         Err(error) if error.is_retryable() => reply = chat.retry().await,
    ///         _ => break,
    ///     }
    /// }
    /// assert_eq!(reply?.text()?, "1,345 metres.");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Without an unfinished turn, sending fails with [`Request`](ErrorKind::Request).
    pub fn retry(&mut self) -> SendMessage<'_> {
        SendMessage::retry(self)
    }

    /// Prepares the continuation of a turn whose calls [wait for approval](crate::Reason::AwaitingApproval), with a
    /// decision for the id of each call. It is the same turn: once every call is decided, the approved ones run, and
    /// the model replies.
    ///
    /// Calls without a decision continue to wait, and no function runs before all calls are decided. The waiting turn
    /// may come from another process: after loading it, set the tools and a policy again. The policy decides on the
    /// calls of later rounds. Settings of the message, such as its tools or the type of its
    /// [`json`](SendMessage::json), are not stored.
    ///
    /// ```
    /// use generativeai::{AutomaticFunctionCalling, CallRequest, Decision, Function, GenerativeModel, Reason};
    /// # use generativeai::testing::Scripted;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_call("send", serde_json::json!({})).then_text("It is sent.");
    /// let send = Function::new("send", "Sends the letter.", || "sent");
    /// let model = GenerativeModel::new("gemini-flash-latest").tools(send);
    /// # let model = model.backend(script);
    /// let wait = AutomaticFunctionCalling::default().approve(async |_: CallRequest| Decision::Wait);
    /// let mut chat = model.start_chat().automatic_function_calling(wait);
    /// chat.send_message("Send the letter!").await?;
    ///
    /// let Some(Reason::AwaitingApproval(calls)) = chat.unfinished().map(|turn| turn.reason.clone()) else {
    ///     panic!("nothing waits");
    /// };
    /// let reply = chat.decide([(calls[0].id.as_str(), Decision::Run)]).await?;
    /// assert_eq!(reply.text()?, "It is sent.");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Sending fails with [`Request`](ErrorKind::Request) if a call does not wait, is decided twice, is approved but the
    /// chat lacks its function, or has changed arguments that do not fit its function. It fails with
    /// [`Configuration`](ErrorKind::Configuration) if the chat has no policy. The turn then waits as before. If another
    /// writer of the [journal](Self::journal) decided first, it fails with [`Conflict`](ErrorKind::Conflict), and nothing
    /// runs.
    pub fn decide(
        &mut self,
        decisions: impl IntoIterator<Item = (impl Into<String>, Decision)>,
    ) -> SendMessage<'_> {
        SendMessage::decide(self, decisions)
    }
}

/// Message that is ready to be sent: await it for the complete reply, or [stream](Self::stream) it.
///
/// Its settings apply to this message alone, and take precedence over the model's. Generation settings are merged field
/// by field and safety settings category by category; tools and their configuration are replaced as a whole.
///
/// A reply that ended with a reason other than `STOP` or `MAX_TOKENS` is an error, unless the reason is
/// [accepted](Self::accept_finish_reasons). The turn is then [unfinished](ChatSession::unfinished), and the error
/// contains the reply. A reply that reached `MAX_TOKENS` completes its turn, although its text is cut off: check the
/// [finish reason](GenerateContentResponse::finish_reason) if that matters.
///
/// Dropping the future or the stream cancels the request.
///
/// ```
/// use std::time::Duration;
/// use generativeai::RequestOptions;
/// use generativeai::protocol::config::GenerationConfig;
/// use generativeai::protocol::safety::{HarmBlockThreshold, SafetySetting};
/// # use generativeai::{GenerativeModel, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let mut chat = GenerativeModel::new("m").backend(Scripted::always("Once upon a time.")).start_chat();
/// let reply = chat
///     .send_message("Tell me a story")
///     .generation_config(GenerationConfig::default().temperature(1.2))
///     .safety_settings(SafetySetting::for_all(HarmBlockThreshold::BlockLowAndAbove))
///     .request_options(RequestOptions::default().timeout(Duration::from_secs(120)))
///     .labels([("feature", "stories")])
///     .await?;
/// assert_eq!(reply.text()?, "Once upon a time.");
/// # Ok(()) }
/// ```
///
/// `C` gives access to the conversation: [`ChatSession::send_message`] borrows it. [`new`](Self::new) takes any other
/// access as well, so that a stream can own its conversation.
#[must_use = "a message is not sent until it is awaited or streamed"]
pub struct SendMessage<'chat, C = &'chat mut ChatSession> {
    pub(super) chat: C,
    // Boxed, since a message is moved by each setter and into the future of its reply.
    pub(super) opening: Result<Box<Opening>>,
    /// Lifetime of the boxed future and stream of the reply, which `C` has to outlive.
    lifetime: PhantomData<&'chat ()>,
}

impl<'chat, C: DerefMut<Target = ChatSession>> SendMessage<'chat, C> {
    /// Prepares a message of a conversation that the message, and then its reply, own.
    ///
    /// A reply usually borrows its conversation. A web handler returns a stream that outlives it, so the stream has to
    /// own the conversation: as a lock guard, such as tokio's `OwnedMutexGuard`, or as a `Box`. Dropping the stream
    /// stops the request, as it does for a borrowed conversation, and releases the lock.
    /// [`ReplyStream::into_chat`] returns the conversation.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use generativeai::{ChatSession, GenerativeModel, ReplyStream, SendMessage, testing::Scripted};
    /// use tokio::sync::{Mutex, OwnedMutexGuard};
    ///
    /// async fn reply(chat: Arc<Mutex<ChatSession>>) -> ReplyStream<'static, OwnedMutexGuard<ChatSession>> {
    ///     SendMessage::new(chat.lock_owned().await, "Hello").stream()
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let model = GenerativeModel::new("m").backend(Scripted::always("Hi!"));
    /// let chat = Arc::new(Mutex::new(model.start_chat()));
    /// assert_eq!(reply(chat.clone()).await.finish().await?.text()?, "Hi!");
    /// assert_eq!(chat.lock().await.history().len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn new(chat: C, message: impl Into<Content>) -> Self {
        let mut message = message.into();
        message.fill_role(Role::User);
        let opening = Opening::new(&chat.state, message);
        Self::opening(chat, opening)
    }

    /// Prepares a retry of the unfinished turn, like [`ChatSession::retry`], as a message that owns the conversation.
    pub fn retry(chat: C) -> Self {
        let opening = chat.unfinished().map(Opening::again).ok_or_else(|| {
            let message = "nothing to retry: the last turn completed";
            Error::new(ErrorKind::Request, message)
        });
        Self::opening(chat, opening)
    }

    /// Prepares the continuation of a turn whose calls wait for approval, like [`ChatSession::decide`], as a message
    /// that owns the conversation.
    pub fn decide(
        chat: C,
        decisions: impl IntoIterator<Item = (impl Into<String>, Decision)>,
    ) -> Self {
        let decisions = decisions
            .into_iter()
            .map(|(id, decision)| (id.into(), decision));
        let opening = Opening::decided(chat.unfinished(), decisions);
        Self::opening(chat, opening)
    }

    pub(super) fn opening(chat: C, opening: Result<Opening>) -> Self {
        Self {
            chat,
            opening: opening.map(Box::new),
            lifetime: PhantomData,
        }
    }

    /// Returns the reply as a stream of chunks. The message is sent when the first chunk is awaited.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_chunks(["1", "2"]));
    /// let mut chat = model.start_chat();
    ///
    /// let mut reply = chat.send_message("Count to two").stream();
    /// while let Some(chunk) = reply.next().await {
    ///     // Empty for a chunk without text, such as one with token counts alone.
    ///     print!("{}", chunk?.text_lossy());
    /// }
    ///
    /// assert_eq!(chat.last().unwrap().text()?, "12");
    /// # Ok(()) }
    /// ```
    pub fn stream(self) -> ReplyStream<'chat, C> {
        self.reply(Mode::Stream)
    }

    pub(super) fn reply(self, mode: Mode) -> ReplyStream<'chat, C> {
        let turn = match self.opening {
            Ok(opening) => Turn::begin(self.chat, *opening, mode),
            Err(error) => Err((self.chat, error)),
        };
        ReplyStream::new(turn)
    }
}

impl<C> SendMessage<'_, C> {
    request_setters! {
        generation_config safety_settings tools tool_config request_options members accept_finish_reasons
        automatic_continuation
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        if let Ok(opening) = &mut self.opening {
            change(opening.settings());
        }
        self
    }
}

/// Sends the message and waits for the complete reply.
impl<'chat, C> IntoFuture for SendMessage<'chat, C>
where
    C: DerefMut<Target = ChatSession> + Send + 'chat,
{
    type Output = Result<GenerateContentResponse>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'chat>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.reply(Mode::Unary).complete().await })
    }
}

impl<C: DerefMut<Target = ChatSession>> fmt::Debug for SendMessage<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendMessage")
            .field("chat", &*self.chat)
            .finish_non_exhaustive()
    }
}
