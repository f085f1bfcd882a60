//! The loop of a running turn: it makes requests and runs functions until the turn enters the history.
//!
//! Each chunk and each function response is in the state of the conversation as soon as it was received. So a turn can
//! be dropped at any await, and needs no `Drop` code: the conversation then has an unfinished turn.
//!
//! The requests, functions and writes that a turn waits for are in its [`Step`], and not in a future of the turn. So
//! the future of a caller can be dropped as well, as a `select!` does. The next one waits for the same request,
//! functions or write.
//!
//! ```text
//! ─► Open ─► Fit ─► Request ─► Receive ─┬─► Over ◄── an error, from any step
//!                      ▲        ▲   │   │
//!                      │        └───┘   ├─► Decide
//!                      │                ▼     │
//!                      ├───────────── Start ◄─┘
//!                      │                ▼
//!                      └────────────── Run
//! ```
//!
//! `Fit` compares the request with the context budget, if any. `Receive` follows itself if the reply takes several
//! requests. After a reply without function calls the turn is over. Calls that need approval are decided before they
//! start. If all are denied, nothing runs.
//! Each step but `Run` first waits until the journal contains what happened so far.

use std::mem;
use std::ops::DerefMut;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::StreamExt as _;

use super::check;
use super::deciding::Deciding;
use super::event::Event;
use super::journal::Write;
use super::opening::Opening;
use super::reason::Reason;
use super::round::{allow_text, forbid_calls, unanswered_in};
use super::running::{Running, check_runtime};
use super::session::ChatSession;
use super::tokens::TokenCounter;
use super::unfinished::Unfinished;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Hops, Mode, RequestTemplate};
use crate::protocol::content::Contents;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::GenerateContentResponse;
use crate::stream::BoxFuture;
use crate::tools::{AutomaticFunctionCalling, OnRoundLimit};

mod evaluate;
mod run;
mod start;

/// Turn that is running. `C` is a reference to the conversation, or something that owns it.
pub(super) struct Turn<C> {
    chat: C,
    template: Box<RequestTemplate>,
    /// Settings for function calls. They are fixed for the turn.
    automatic: Option<AutomaticFunctionCalling>,
    mode: Mode,
    /// Number of requests that the last reply took.
    hops: usize,
    /// Write to the journal that is in progress.
    write: Option<Write>,
    step: Step,
}

/// Next step of a turn, with everything that it waits for.
// Large contents are boxed. A turn contains a step, and an enum is as large as its largest variant.
enum Step {
    /// Begin: the message is in the journal.
    Open,
    /// Compare the request with the context budget.
    Fit(BoxFuture<Result<Option<Event>>>),
    /// Make the next request.
    Request,
    /// Wait for the next chunk of the reply.
    Receive(Box<Hops>),
    /// Wait for a decision on a call.
    Decide(Deciding),
    /// Start the functions: the start is in the journal.
    Start,
    /// Wait for the functions that the reply calls, while their responses are written to the journal.
    Run(Box<Running>),
    /// Nothing: the turn is over. Contains its error until the error is returned.
    Over(Option<Error>),
}

impl ChatSession {
    /// Checks a message and opens its turn. Returns the template of its requests and its first step.
    ///
    /// # Errors
    /// The message cannot be sent. The conversation is unchanged.
    fn begin_turn(&mut self, turn: Unfinished) -> Result<(Box<RequestTemplate>, Step)> {
        check::not_empty(&turn.sent)?;
        let template = self.model.prepare(turn.transient.settings.as_deref())?;
        check::one_candidate(&template)?;
        // All checks are above, since the conversation changes from here on. The journal gets the end of an earlier
        // turn that was dropped, before the new turn replaces it.
        self.close_turn();
        let (sent, rounds) = (turn.sent, turn.rounds);
        self.commit(Event::Opened { sent, rounds });
        self.state.carry(turn.transient);
        if let Some(received) = turn.received {
            // `Opened` begins a turn without a reply, so the beginning of the reply has to follow it in the journal.
            self.commit_hop(received);
        }
        Ok((template, Step::Open))
    }
}

impl<C: DerefMut<Target = ChatSession>> Turn<C> {
    /// Opens or continues the turn of a message. If the message cannot be sent, the conversation is unchanged, and is
    /// returned with the error.
    pub(super) fn begin(mut chat: C, opening: Opening, mode: Mode) -> Result<Self, (C, Error)> {
        let begun = chat.check_policy().and_then(|()| match opening {
            Opening::Turn(turn) => chat.begin_turn(turn),
            Opening::Held(decisions, transient) => chat.continue_round(decisions, transient),
        });
        match begun {
            Ok((template, step)) => Ok(Self {
                automatic: chat.automatic.clone(),
                write: chat.begin_write(),
                step,
                chat,
                template,
                mode,
                hops: 0,
            }),
            Err(error) => Err((chat, error)),
        }
    }

    /// Polls the next chunk of the turn, over all of its requests. `None` once the turn is complete.
    ///
    /// In [`Mode::Unary`] there are no chunks: the first item is `None` or an error.
    // Polled by hand, see "Chunks are polled" in ARCHITECTURE.md.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<GenerateContentResponse>>> {
        loop {
            let reply = match &mut self.step {
                Step::Receive(reply) if self.write.is_none() => reply,
                Step::Over(error) if self.write.is_none() => {
                    return Poll::Ready(error.take().map(Err));
                }
                _ => {
                    // What a step waits for is in the step, so each poll can create another future.
                    ready!(pin!(self.advance()).poll(cx));
                    continue;
                }
            };
            let item = reply.poll_hop(cx);
            self.hops = reply.requests();
            match item {
                Poll::Pending => return item,
                Poll::Ready(Some(Ok(chunk))) if self.mode == Mode::Unary => {
                    self.chat.state.receive(chunk);
                }
                Poll::Ready(Some(Ok(ref chunk))) => {
                    self.chat.state.receive_chunk(chunk);
                    // A blocked turn returns no further chunks. The error is returned at the end of the stream.
                    if !self.is_blocked() {
                        return item;
                    }
                }
                Poll::Ready(Some(Err(error))) => self.close(error),
                Poll::Ready(None) if reply.is_over() => self.finish_reply(),
                Poll::Ready(None) => self.store_hop(),
            }
        }
    }

    /// Waits for the write in progress, or performs the step of the turn unless it is [`Step::Receive`] or
    /// [`Step::Over`].
    async fn advance(&mut self) {
        let waits = !matches!(self.step, Step::Run(_));
        if let Some(write) = self.write.as_mut().filter(|_| waits) {
            let written = write.await;
            return self.written(written);
        }
        match &mut self.step {
            Step::Open => self.open(),
            Step::Fit(fit) => match fit.await {
                Ok(compaction) => self.fitted(compaction),
                Err(error) => self.close(error),
            },
            Step::Request => self.request(),
            Step::Decide(deciding) => {
                let decision = deciding.next().await;
                self.decided(decision);
            }
            Step::Start => self.run_round(),
            Step::Run(running) => {
                let progress = running.progress(&mut self.write).await;
                self.record(progress);
            }
            Step::Receive(_) | Step::Over(_) => {}
        }
    }

    /// Begins to write the committed events to the journal.
    fn write(&mut self) {
        self.write = self.chat.begin_write();
    }

    /// Continues after a write. A conflict ends the turn: the journal belongs to the other writer now, so the rest of
    /// the turn is not written, no further request is made and no further function runs.
    fn written(&mut self, written: Result<()>) {
        self.write = None;
        // If the journal fails in another way, the conversation continues in memory. `unsaved` reports the failure, and
        // the next write repeats the events.
        if let Err(error) = self.chat.end_write(written)
            && error.kind() == ErrorKind::Conflict
            && !matches!(self.step, Step::Over(_))
        {
            self.step = Step::Over(Some(self.fail(error)));
        }
    }

    /// Begins the turn: compares its request with the context budget, if any.
    ///
    /// If functions have a time limit, there must be a tokio runtime to measure it. A stream may be created outside of
    /// the runtime that polls it, so this is not checked earlier. Nothing was requested yet, so nothing is billed.
    fn open(&mut self) {
        let automatic = self.automatic.as_ref();
        let automatic = automatic.filter(|_| self.template.tools.has_functions());
        if let Some(Err(error)) = automatic.map(check_runtime) {
            return self.close(error);
        }
        self.step = match self.chat.budget {
            Some(budget) => {
                let history = Arc::clone(self.chat.state.transcript());
                let counter = TokenCounter {
                    template: (*self.template).clone(),
                    contents: self.turn().contents(),
                };
                Step::Fit(Box::pin(budget.fit(history, counter)))
            }
            None => Step::Request,
        };
    }

    /// Returns the response so far.
    pub(super) fn response(&self) -> Option<&GenerateContentResponse> {
        self.chat.last()
    }

    /// Returns the number of requests that the last reply took so far.
    pub(super) fn hops(&self) -> usize {
        self.hops
    }

    /// Consumes the turn and returns the conversation.
    pub(super) fn into_chat(self) -> C {
        self.chat
    }

    fn turn(&self) -> &Unfinished {
        let turn = self.chat.unfinished();
        turn.expect("a turn that is not over is unfinished")
    }

    /// Shortens the history if the request exceeds the context budget.
    fn fitted(&mut self, compaction: Option<Event>) {
        if let Some(event) = compaction {
            self.chat.commit(event);
        }
        self.step = Step::Request;
    }

    /// Makes the next request. Nothing is sent until the future or the stream is polled.
    fn request(&mut self) {
        let mut request = match &self.automatic {
            Some(automatic) => self.request_of_round(automatic),
            // Without automatic function calls this is the only request, so the template is not needed again.
            None => mem::take(&mut self.template.request),
        };
        let history = Arc::clone(self.chat.state.transcript());
        request.contents = Contents::new(history, self.turn().contents());
        let reply = Hops::new(&self.template, request, self.mode);
        // Before a request the turn has a reply only if an earlier attempt received its beginning: a round that ends
        // clears the reply.
        self.step = Step::Receive(match &self.turn().received {
            Some(beginning) => reply.after(beginning),
            None => reply,
        });
    }

    /// Returns whether the prompt or the reply so far is blocked.
    fn is_blocked(&self) -> bool {
        self.response()
            .is_some_and(GenerateContentResponse::is_blocked)
    }

    /// Writes the received reply to the journal, before the next hop of the reply.
    fn store_hop(&mut self) {
        if let Some(received) = self.turn().received.clone() {
            self.chat.commit_hop(received);
        }
        self.write();
    }

    /// Returns the request of a round without its contents.
    ///
    /// Settings that force function calls apply to the first request alone. With [`Any`] in each request the model
    /// could never reply with text, and the turn would run until its limit of rounds.
    ///
    /// [`Any`]: crate::protocol::tools::FunctionCallingMode::Any
    fn request_of_round(&self, automatic: &AutomaticFunctionCalling) -> GenerateContentRequest {
        let mut request = self.template.request.clone();
        let turn = self.turn();
        let is_exhausted = turn.transient.rounds_run >= automatic.max_rounds;
        if is_exhausted && automatic.on_round_limit == OnRoundLimit::ForceText {
            forbid_calls(&mut request);
        } else if !turn.rounds.is_empty() {
            allow_text(&mut request);
        }
        request
    }

    /// Ends the turn with an error, which is returned once the result is in the journal.
    fn close(&mut self, error: Error) {
        let error = self.fail(error);
        self.end(Some(error));
    }

    /// Ends the turn once its result is in the journal.
    fn end(&mut self, error: Option<Error>) {
        self.step = Step::Over(error);
        self.write();
    }

    /// Ends the turn with an error, and returns the error with the received part of the reply.
    fn fail(&mut self, error: Error) -> Error {
        let error = self.explain(error);
        // The backend may have rejected the continuation token, and the error does not say so. Without the token a retry
        // begins the reply again; with it, the retry would fail in the same way.
        if matches!(self.step, Step::Receive(_)) && error.kind() == ErrorKind::Request {
            self.chat.forget_checkpoint();
        }
        let received = self.turn().received.clone();
        let finish_reason = received.as_ref().and_then(|reply| reply.finish_reason());
        let reason = match (error.kind(), finish_reason) {
            (ErrorKind::Blocked, _) => Reason::Blocked,
            (ErrorKind::Stopped, Some(reason)) => Reason::Stopped(reason.clone()),
            (ErrorKind::Truncated, _) => Reason::Truncated,
            _ => Reason::Failed(error.clone()),
        };
        self.chat.end_turn(reason);
        match received {
            // The state has the reply over all hops, the error of a single request does not.
            Some(received) if error.response().is_none() => error.with_response(received),
            _ => error,
        }
    }

    /// Adds the names of unanswered calls to the error of a request that the API rejected, since the API's message does
    /// not contain them.
    fn explain(&self, error: Error) -> Error {
        if error.http_code() != Some(400) {
            return error;
        }
        match unanswered_in(self.chat.history(), &self.turn().sent) {
            None => error,
            Some(names) => error.with_hint(format_args!(
                "the model's calls of {names} are not answered: send a FunctionResponse for each, in one message"
            )),
        }
    }
}
