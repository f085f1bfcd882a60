//! A conversation without `async`.

use std::ops::{Deref, DerefMut};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{next, wait};
use crate::backend::Backend;
use crate::chat::{Compaction, Journal};
use crate::error::Result;
use crate::model::{Settings, message_setters};
use crate::protocol::content::Content;
use crate::protocol::response::GenerateContentResponse;
use crate::tools::{AutomaticFunctionCalling, Toolbox};

/// A [conversation](crate::ChatSession) without `async`.
///
/// All that waits for nobody is that of the conversation within: [`history`], [`last`],
/// [`rewind`], [`restore`], [`set_history`], [`unfinished`], [`keep_partial`], [`pending_calls`].
///
/// [`history`]: crate::ChatSession::history
/// [`last`]: crate::ChatSession::last
/// [`rewind`]: crate::ChatSession::rewind
/// [`restore`]: crate::ChatSession::restore
/// [`set_history`]: crate::ChatSession::set_history
/// [`unfinished`]: crate::ChatSession::unfinished
/// [`keep_partial`]: crate::ChatSession::keep_partial
/// [`pending_calls`]: crate::ChatSession::pending_calls
#[derive(Clone, Debug)]
pub struct ChatSession(crate::ChatSession);

impl ChatSession {
    /// Starts a conversation with a model.
    pub fn new(model: super::GenerativeModel) -> Self {
        Self(crate::ChatSession::new(model.into()))
    }

    /// Goes on from a history.
    #[must_use]
    pub fn with_history(self, history: impl IntoIterator<Item = impl Into<Content>>) -> Self {
        Self(self.0.with_history(history))
    }

    /// Sets whether functions that the model calls are run and answered within the turn.
    #[must_use]
    pub fn automatic_function_calling(
        self,
        automatic: impl Into<AutomaticFunctionCalling>,
    ) -> Self {
        Self(self.0.automatic_function_calling(automatic))
    }

    /// Sets who answers.
    #[must_use]
    pub fn backend(self, backend: impl Backend + 'static) -> Self {
        Self(self.0.backend(backend))
    }

    /// Sets the tools the model may call, in place of its own.
    #[must_use]
    pub fn tools(self, tools: impl Into<Toolbox>) -> Self {
        Self(self.0.tools(tools))
    }

    /// Sets how many tokens the request of a message may have, and what becomes of the oldest turns
    /// when it would have more.
    #[must_use]
    pub fn context_budget(self, tokens: u32, compaction: Compaction) -> Self {
        Self(self.0.context_budget(tokens, compaction))
    }

    /// Writes the conversation down from now on.
    #[must_use]
    pub fn journal(self, journal: impl Journal + 'static) -> Self {
        Self(self.0.journal(journal))
    }

    /// Writes into the journal what is not written yet.
    pub fn save(&mut self) -> Result<()> {
        wait(self.0.save())
    }

    /// Says a message, which is sent with [`send`](SendMessage::send) or
    /// [`stream`](SendMessage::stream).
    pub fn send_message(&mut self, message: impl Into<Content>) -> SendMessage<'_> {
        SendMessage(self.0.send_message(message))
    }

    /// Sends the unfinished turn again.
    pub fn retry(&mut self) -> SendMessage<'_> {
        SendMessage(self.0.retry())
    }
}

impl Deref for ChatSession {
    type Target = crate::ChatSession;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for ChatSession {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
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

/// A message ready to be sent, without `async`.
#[derive(Debug)]
#[must_use = "a message is not sent until `send` or `stream` is called"]
pub struct SendMessage<'chat>(crate::SendMessage<'chat>);

impl<'chat> SendMessage<'chat> {
    message_setters! {
        generation_config safety_settings tools tool_config request_options accept_finish_reasons
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        Self(self.0.with(change))
    }

    /// Sends the message and waits for the whole reply.
    pub fn send(self) -> Result<GenerateContentResponse> {
        wait(self.0)
    }

    /// Does the same, asks for JSON that reads as a `T`, and reads it.
    pub fn json<T: DeserializeOwned + JsonSchema>(self) -> Result<T> {
        wait(self.0.json())
    }

    /// Sends the message; the reply comes chunk by chunk.
    pub fn stream(self) -> ReplyStream<'chat> {
        ReplyStream {
            stream: self.0.stream(),
            refused: false,
        }
    }
}

/// A reply as it comes: an iterator of chunks.
#[derive(Debug)]
#[must_use = "a stream does nothing until it is read"]
pub struct ReplyStream<'chat> {
    stream: crate::ReplyStream<'chat>,
    refused: bool,
}

impl ReplyStream<'_> {
    /// Reads on to the end and gives the whole reply.
    pub fn finish(self) -> Result<GenerateContentResponse> {
        wait(self.stream.finish())
    }

    /// The reply so far.
    pub fn response(&self) -> Option<&GenerateContentResponse> {
        self.stream.response()
    }
}

impl Iterator for ReplyStream<'_> {
    type Item = Result<GenerateContentResponse>;

    fn next(&mut self) -> Option<Self::Item> {
        next(&mut self.refused, self.stream.next())
    }
}
