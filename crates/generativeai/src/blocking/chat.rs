//! Conversations without `async`.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::delegate::delegate;
use super::model::GenerativeModel;
use super::runtime::{next, wait};
use crate::backend::Backend;
use crate::chat::{Compaction, Event, Journal, Unfinished};
use crate::error::{Error, Result};
use crate::model::{Settings, request_setters};
use crate::protocol::content::{Content, FunctionCall};
use crate::protocol::response::GenerateContentResponse;
use crate::tools::{AutomaticFunctionCalling, Decision, Toolbox};

/// [Conversation](crate::ChatSession) without `async`.
///
/// It has the methods of [`ChatSession`](crate::ChatSession), where their rules are documented, and converts to and
/// from it with `into`.
///
/// ```
/// use generativeai::blocking::GenerativeModel;
/// use generativeai::testing::Scripted;
///
/// let script = Scripted::default().then_fail(&[]).then_text("1,345 metres.");
/// let model = GenerativeModel::new("gemini-flash-latest").backend(script);
/// let mut chat = model.start_chat();
///
/// assert!(chat.send_message("How tall is Ben Nevis?").send().is_err());
/// assert_eq!(chat.retry().send()?.text()?, "1,345 metres.");
/// assert!(chat.rewind().is_some() && chat.history().is_empty());
///
/// let chat: generativeai::ChatSession = chat.into();
/// assert!(chat.history().is_empty());
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChatSession(crate::ChatSession);

impl GenerativeModel {
    /// Starts a conversation with this model.
    pub fn start_chat(&self) -> ChatSession {
        ChatSession(self.0.start_chat())
    }
}

impl ChatSession {
    /// Starts a conversation with a model.
    pub fn new(model: GenerativeModel) -> Self {
        Self(crate::ChatSession::new(model.0))
    }

    delegate! { self: "ChatSession";
        setters {
            with_history(history: impl IntoIterator<Item = impl Into<Content>>);
            automatic_function_calling(automatic: impl Into<AutomaticFunctionCalling>);
            backend(backend: impl Backend + 'static);
            tools(tools: impl Into<Toolbox>);
            context_budget(tokens: u32, compaction: Compaction);
            journal(journal: impl Journal + 'static);
        }
        methods {
            [&self] model() -> &crate::GenerativeModel;
            [&self] automatic_calls_enabled() -> bool;
            [&self] check() -> Result<()>;
            [&self] history() -> &[Content];
            [&self] dropped() -> &[Content];
            [&self] last() -> Option<&GenerateContentResponse>;
            [&self] unfinished() -> Option<&Unfinished>;
            [&self] pending_calls() -> Vec<&FunctionCall>;
            [&self] is_interrupted(index: usize) -> bool;
            [&self] unsaved() -> Option<&Error>;
            [&mut self] set_automatic_function_calling(automatic: impl Into<AutomaticFunctionCalling>) -> ();
            [&mut self] set_backend(backend: impl Backend + 'static) -> ();
            [&mut self] set_tools(tools: impl Into<Toolbox>) -> ();
            [&mut self] set_model(model: crate::GenerativeModel) -> ();
            [&mut self] set_context_budget(tokens: u32, compaction: Compaction) -> ();
            [&mut self] remove_context_budget() -> ();
            [&mut self] set_history(history: impl Into<Vec<Content>>) -> ();
            [&mut self] clear() -> ();
            [&mut self] set_journal(journal: impl Journal + 'static) -> ();
            [&mut self] rewind() -> Option<(Content, Content)>;
            [&mut self] redo() -> bool;
            [&mut self] keep_partial() -> bool;

            /// Returns an independent copy without a journal.
            #[must_use]
            [&self] fork() -> Self => Self;

            /// Writes all pending events to the journal.
            ///
            /// # Errors
            /// The error of the journal. Nothing is lost: the events stay pending.
            [&mut self] save() -> Result<()> => wait;

            /// Prepares a message, which is sent with [`send`](SendMessage::send) or [`stream`](SendMessage::stream).
            /// The asynchronous method documents the forms of a message and the errors.
            [&mut self] send_message(message: impl Into<Content>) -> SendMessage<'_> => SendMessage;

            /// Prepares a retry of the unfinished turn.
            [&mut self] retry() -> SendMessage<'_> => SendMessage;

            /// Prepares the continuation of a turn whose calls wait for approval.
            [&mut self] decide(
                decisions: impl IntoIterator<Item = (impl Into<String>, Decision)>
            ) -> SendMessage<'_> => SendMessage;
        }
    }

    /// Continues the conversation that a journal contains, like
    /// [`ChatSession::resume`](crate::ChatSession::resume).
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if an event does not fit those before it.
    pub fn resume(
        self,
        journal: impl Journal + 'static,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<Self> {
        self.0.resume(journal, events).map(Self)
    }
}

impl From<crate::ChatSession> for ChatSession {
    fn from(chat: crate::ChatSession) -> Self {
        Self(chat)
    }
}

impl From<ChatSession> for crate::ChatSession {
    fn from(chat: ChatSession) -> Self {
        chat.0
    }
}

/// Message that is ready to be sent: [`send`](Self::send) waits for the complete reply, [`stream`](Self::stream)
/// returns it in chunks.
///
/// Its settings apply to this message alone, like those of [`SendMessage`](crate::SendMessage).
///
/// ```
/// use generativeai::protocol::config::GenerationConfig;
/// use generativeai::{blocking::GenerativeModel, testing::Scripted};
///
/// let model = GenerativeModel::new("m").backend(Scripted::default().then_chunks(["1,345 ", "metres."]));
/// let mut chat = model.start_chat();
/// let message = chat
///     .send_message("How tall is Ben Nevis?")
///     .generation_config(GenerationConfig::default().temperature(0.0));
/// for chunk in message.stream() {
///     print!("{}", chunk?.text_lossy());
/// }
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a message is not sent until `send` or `stream` is called"]
pub struct SendMessage<'chat>(crate::SendMessage<'chat>);

impl<'chat> SendMessage<'chat> {
    request_setters! {
        generation_config safety_settings tools tool_config request_options accept_finish_reasons automatic_continuation members
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        Self(self.0.with(change))
    }

    /// Sends the message and waits for the complete reply.
    ///
    /// # Errors
    /// The error that ended the turn, which is then [unfinished](ChatSession::unfinished), or
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is called in a tokio task.
    pub fn send(self) -> Result<GenerateContentResponse> {
        wait(self.0)
    }

    /// Requests a reply in JSON, which is deserialized, like [`SendMessage::json`](crate::SendMessage::json).
    ///
    /// ```
    /// use generativeai::{blocking::GenerativeModel, testing::Scripted};
    ///
    /// let model = GenerativeModel::new("m").backend(Scripted::always("1345"));
    /// let mut chat = model.start_chat();
    /// let metres: u32 = chat.send_message("How tall is Ben Nevis, in metres?").json().send()?;
    /// assert_eq!(metres, 1_345);
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub fn json<T: DeserializeOwned + JsonSchema>(self) -> SendJson<'chat, T> {
        SendJson(self.0.json())
    }

    /// Returns the reply as an iterator of chunks. The message is sent when the first chunk is read.
    pub fn stream(self) -> ReplyStream<'chat> {
        ReplyStream {
            stream: self.0.stream(),
            has_ended: false,
        }
    }
}

/// Message whose reply is deserialized as a `T`, without `async`.
#[derive(Debug)]
#[must_use = "a message is not sent until `send` is called"]
pub struct SendJson<'chat, T>(crate::SendJson<'chat, T>);

impl<T: DeserializeOwned> SendJson<'_, T> {
    /// Sets how often the model is asked again for a reply that does not deserialize, like
    /// [`SendJson::retries`](crate::SendJson::retries).
    pub fn retries(self, retries: u32) -> Self {
        Self(self.0.retries(retries))
    }

    /// Sends the message, and returns the deserialized reply with its response, like
    /// [`SendJson::with_response`](crate::SendJson::with_response).
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub fn with_response(self) -> Result<(T, GenerateContentResponse)> {
        wait(self.0.with_response())
    }

    /// Sends the message, waits for the reply and deserializes it.
    ///
    /// # Errors
    /// Those of [`SendMessage::send`], and [`Shape`](crate::ErrorKind::Shape) if the reply does not deserialize.
    pub fn send(self) -> Result<T> {
        wait(self.0)
    }
}

/// Reply in chunks, through all rounds of function calls, as an iterator. An error is the last item.
///
/// Each step waits for the next chunk. Dropping the iterator before its end cancels the request and leaves the turn
/// unfinished:
///
/// ```
/// use generativeai::{blocking::GenerativeModel, testing::Scripted};
///
/// let model = GenerativeModel::new("m").backend(Scripted::default().then_chunks(["Once ", "upon ", "a time"]));
/// let mut chat = model.start_chat();
/// for chunk in chat.send_message("Tell me a story").stream().take(2) {
///     print!("{}", chunk?.text()?);
/// }
/// assert!(chat.keep_partial());
/// assert_eq!(chat.history()[1].text(), "Once upon ");
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a stream does nothing until it is read"]
pub struct ReplyStream<'chat> {
    stream: crate::ReplyStream<'chat>,
    /// Whether waiting failed: see [`next`].
    has_ended: bool,
}

impl ReplyStream<'_> {
    /// Reads the rest of the stream and returns the complete reply, with all chunks merged.
    ///
    /// # Errors
    /// The error of the stream, even if the iterator has returned it already.
    pub fn finish(self) -> Result<GenerateContentResponse> {
        wait(self.stream.finish())
    }

    /// Returns the reply so far, with the received chunks merged.
    pub fn response(&self) -> Option<&GenerateContentResponse> {
        self.stream.response()
    }

    /// Returns the number of requests that the reply took so far, counted from the last round of function calls, like
    /// [`ReplyStream::hops`](crate::ReplyStream::hops).
    pub fn hops(&self) -> usize {
        self.stream.hops()
    }
}

impl Iterator for ReplyStream<'_> {
    type Item = Result<GenerateContentResponse>;

    fn next(&mut self) -> Option<Self::Item> {
        next(&mut self.has_ended, self.stream.next())
    }
}
