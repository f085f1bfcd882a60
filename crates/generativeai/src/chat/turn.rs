//! A turn while it runs: request, reply, function calls, and so on until it enters the history.
//!
//! All that came so far stands in [`ChatSession::unfinished`], from the first moment on. So a turn
//! that is dropped, wherever it waits, leaves the chat coherent without doing anything.

use std::mem;
use std::sync::Arc;

use futures_util::StreamExt as _;

use super::calls::{Round, answered_here, too_many_rounds};
use super::unfinished::{Reason, Unfinished, said_in};
use super::{ChatSession, Event, check};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Prepared;
use crate::protocol::content::Contents;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::tools::FunctionCallingMode;
use crate::stream::{BoxFuture, ChunkStream};
use crate::tools::{AtLimit, AutomaticFunctionCalling};
use crate::trace;

/// Which of the backend's two ways a reply takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Unary,
    Stream,
}

pub(super) struct Turn<'chat> {
    chat: &'chat mut ChatSession,
    prepared: Prepared,
    automatic: Option<AutomaticFunctionCalling>,
    call: Call,
    state: State,
}

enum State {
    /// The message is to be written into the journal.
    Open,
    /// Room is to be made for the message.
    Fit,
    /// The next request is to be made.
    Ask,
    /// A reply comes in one piece.
    Await(BoxFuture<Result<GenerateContentResponse>>),
    /// A reply comes in chunks.
    Hear(ChunkStream),
    /// The reply called functions, which are to be answered.
    Answer,
    /// The outcome is to be written into the journal.
    Close(Option<Error>),
    /// The turn is over.
    Over,
}

impl<'chat> Turn<'chat> {
    /// Checks what can be checked, and opens the turn: from here on it is unfinished.
    pub(super) fn begin(
        chat: &'chat mut ChatSession,
        mut unfinished: Box<Unfinished>,
        call: Call,
    ) -> Result<Self> {
        check::not_empty(&unfinished.sent)?;
        let prepared = chat.model.prepare(unfinished.settings.as_deref())?;
        check::one_candidate(&prepared)?;
        unfinished.received = None;
        unfinished.reason = Reason::Interrupted;
        let automatic = chat.automatic.clone();
        chat.record_outcome();
        chat.open(unfinished);
        chat.record_opened();
        Ok(Self {
            chat,
            prepared,
            automatic,
            call,
            state: State::Open,
        })
    }

    /// The next chunk of the turn, whichever request it answers; `None` when the turn is complete.
    /// Replies in one piece give none.
    pub(super) async fn next(&mut self) -> Option<Result<GenerateContentResponse>> {
        loop {
            match &mut self.state {
                State::Open => match self.chat.write().await {
                    Err(error) if error.kind() == ErrorKind::Conflict => {
                        self.state = State::Over;
                        return Some(Err(self.fail(error)));
                    }
                    // Without its journal the conversation goes on: see `unsaved`.
                    _ if self.chat.budget.is_some() => self.state = State::Fit,
                    _ => self.state = State::Ask,
                },
                State::Fit => {
                    self.state = match Box::pin(self.chat.keep_budget(&self.prepared)).await {
                        Ok(()) => State::Ask,
                        Err(error) => State::Close(Some(self.fail(error))),
                    }
                }
                State::Ask => self.state = self.ask(),
                State::Await(reply) => match reply.await {
                    Ok(reply) => {
                        self.unfinished().received = Some(reply);
                        self.hear_out();
                    }
                    Err(error) => self.state = State::Close(Some(self.fail(error))),
                },
                State::Hear(chunks) => match chunks.next().await {
                    Some(Ok(chunk)) => {
                        if let Some(chunk) = self.hear(chunk) {
                            return Some(Ok(chunk));
                        }
                    }
                    Some(Err(error)) => self.state = State::Close(Some(self.fail(error))),
                    None => self.hear_out(),
                },
                State::Answer => {
                    self.state = match self.answer().await {
                        Ok(()) => State::Ask,
                        Err(error) => State::Close(Some(self.fail(error))),
                    }
                }
                State::Close(_) => {
                    self.chat.write().await.ok();
                    return match mem::replace(&mut self.state, State::Over) {
                        State::Close(Some(error)) => Some(Err(error)),
                        _ => None,
                    };
                }
                State::Over => return None,
            }
        }
    }

    /// The response of the turn, once it is over.
    pub(super) fn response(&self) -> Option<&GenerateContentResponse> {
        self.chat.last()
    }

    /// The same for the caller.
    pub(super) fn into_response(self) -> Option<GenerateContentResponse> {
        self.chat.last().cloned()
    }

    fn unfinished(&mut self) -> &mut Unfinished {
        self.chat
            .unfinished
            .as_mut()
            .expect("a turn that is not over is unfinished")
    }

    fn ask(&mut self) -> State {
        let history = Arc::clone(&self.chat.history);
        let unfinished = self.unfinished();
        let (rounds, first) = (unfinished.rounds, unfinished.exchanged.is_empty());
        let contents = Contents::new(history, unfinished.contents());
        let mut request = if self.automatic.is_some() {
            self.prepared.request.clone()
        } else {
            // No other is made of it.
            mem::take(&mut self.prepared.request)
        };
        request.contents = contents;
        self.set_mode(&mut request, rounds, first);
        let (backend, options) = (&*self.prepared.backend, self.prepared.options.clone());
        match self.call {
            Call::Unary => State::Await(trace::generate(backend, request, options)),
            Call::Stream => State::Hear(trace::stream(backend, request, options)),
        }
    }

    /// Function calls that are forced are forced in the first round only, and the last request of
    /// [`AtLimit::ForceText`] has none.
    fn set_mode(&self, request: &mut GenerateContentRequest, rounds: u32, first: bool) {
        let Some(automatic) = &self.automatic else {
            return;
        };
        let exhausted = rounds >= automatic.max_rounds;
        if exhausted && automatic.at_limit == AtLimit::ForceText && !request.tools.is_empty() {
            let config = request.tool_config.get_or_insert_default();
            let calling = config.function_calling_config.get_or_insert_default();
            calling.mode = Some(FunctionCallingMode::None);
            calling.allowed_function_names.clear();
        } else if !first
            && let Some(config) = &mut request.tool_config
            && let Some(calling) = &mut config.function_calling_config
            && calling.mode == Some(FunctionCallingMode::Any)
        {
            calling.mode = Some(FunctionCallingMode::Auto);
            calling.allowed_function_names.clear();
        }
    }

    /// Takes a chunk in, and gives it back if it is handed out: nothing is once the prompt is blocked.
    fn hear(&mut self, chunk: GenerateContentResponse) -> Option<GenerateContentResponse> {
        let received = self.unfinished().received.get_or_insert_default();
        received.merge_chunk(&chunk);
        (!received.is_blocked()).then_some(chunk)
    }

    /// The reply is over.
    fn hear_out(&mut self) {
        if let Err(error) = self.heard() {
            self.state = State::Close(Some(self.fail(error)));
        }
    }

    /// Judges the reply now that it is over, and goes on to what it asks for.
    fn heard(&mut self) -> Result<()> {
        let nothing = GenerateContentResponse::default();
        let received = self
            .chat
            .unfinished
            .as_ref()
            .and_then(|turn| turn.received.as_ref());
        let received = received.unwrap_or(&nothing);
        let rounds = self.chat.unfinished.as_ref().map_or(0, |turn| turn.rounds);
        received.complete(self.call == Call::Stream, &self.prepared.accepted)?;
        let round = said_in(received).and_then(Round::of);
        match (&self.automatic, round) {
            (Some(automatic), Some(round))
                if answered_here(&self.prepared.tools, round.calls()) =>
            {
                if rounds < automatic.max_rounds {
                    self.answer_next(round);
                } else if automatic.at_limit == AtLimit::ReturnCalls {
                    self.return_calls();
                } else {
                    return Err(too_many_rounds(rounds));
                }
            }
            _ => self.commit(),
        }
        Ok(())
    }

    fn answer_next(&mut self, round: Round) {
        let unfinished = self.unfinished();
        unfinished.add_usage();
        unfinished.rounds += 1;
        unfinished.round = Some(round);
        self.state = State::Answer;
    }

    async fn answer(&mut self) -> Result<()> {
        let automatic = self.automatic.clone().unwrap_or_default();
        self.chat
            .answer_round(&self.prepared.tools, &automatic)
            .await?;
        self.chat.record_exchanged();
        self.chat.write().await.ok();
        Ok(())
    }

    /// Hands the calls to the caller; history gets them with their answers, if answers come.
    fn return_calls(&mut self) {
        self.state = State::Close(None);
        let unfinished = self.unfinished();
        unfinished.sum_usage();
        unfinished.reason = Reason::CallsReturned;
        self.chat.record_outcome();
    }

    /// Puts the whole turn into the history.
    fn commit(&mut self) {
        self.state = State::Close(None);
        self.unfinished().sum_usage();
        self.chat.complete();
        self.chat.record(|chat| Event::Completed {
            response: chat.last.clone().unwrap_or_default(),
        });
    }

    /// Ends the turn with an error that has all that came, and keeps why.
    fn fail(&mut self, error: Error) -> Error {
        let error = self.explain(error);
        let unfinished = self.unfinished();
        let reason = unfinished
            .received
            .as_ref()
            .and_then(|received| received.finish_reason());
        unfinished.reason = match (error.kind(), reason) {
            (ErrorKind::Blocked, _) => Reason::Blocked,
            (ErrorKind::Stopped, Some(reason)) => Reason::Stopped(reason.clone()),
            (ErrorKind::Truncated, _) => Reason::Truncated,
            _ => Reason::Failed(error.clone()),
        };
        let error = match &unfinished.received {
            Some(received) if error.response().is_none() => error.with_response(received.clone()),
            _ => error,
        };
        self.chat.record_outcome();
        error
    }

    /// The API's refusal of a request with unanswered calls does not say which.
    fn explain(&mut self, error: Error) -> Error {
        if error.http_code() != Some(400) {
            return error;
        }
        let sent = self.unfinished().sent.clone();
        let history = self.chat.history();
        match super::calls::unanswered_in(history, &sent) {
            None => error,
            Some(names) => error.with_hint(&format!(
                "the model's calls of {names} are not answered: send a FunctionResponse for each, \
                 in one message"
            )),
        }
    }
}
