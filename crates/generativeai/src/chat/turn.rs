//! The loop of a running turn: request, reply, function calls, and again, until the turn enters the history.
//!
//! Everything that a turn has received is in the state of the conversation from the moment it was received. So a turn
//! can be dropped at any await: what is left is a conversation with an unfinished turn, and no code has to run.

use std::mem;
use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use super::check;
use super::event::Event;
use super::history::first_content;
use super::opening::Opening;
use super::reason::Reason;
use super::round::{Round, allow_text, forbid_calls, unanswered_in};
use super::session::ChatSession;
use super::unfinished::Unfinished;
use crate::error::{Error, ErrorKind, Result};
use crate::model::RequestTemplate;
use crate::protocol::content::{Contents, FunctionCall};
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::GenerateContentResponse;
use crate::stream::{BoxFuture, ChunkStream};
use crate::tools::{AutomaticFunctionCalling, FunctionEvent, OnFailure, OnRoundLimit, run};
use crate::trace;

/// Method of the backend that a turn uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Unary,
    Stream,
}

/// Turn that is running.
pub(super) struct Turn<'chat> {
    chat: &'chat mut ChatSession,
    template: RequestTemplate,
    /// Settings for function calls. They are fixed for the turn.
    automatic: Option<AutomaticFunctionCalling>,
    mode: Mode,
    step: Step,
}

/// What a turn does next.
enum Step {
    /// Write the message to the journal.
    Store,
    /// Compare the request with the context budget.
    Fit,
    /// Make the next request.
    Request,
    /// Wait for a complete reply.
    Await(BoxFuture<Result<GenerateContentResponse>>),
    /// Wait for the next chunk.
    Stream(ChunkStream),
    /// Run the functions that the reply calls.
    Run,
    /// Write the result to the journal.
    Close(Option<Error>),
    /// Nothing: the turn is over.
    Over,
}

impl<'chat> Turn<'chat> {
    /// Checks the message and opens its turn.
    pub(super) fn begin(
        chat: &'chat mut ChatSession,
        opening: Opening,
        mode: Mode,
    ) -> Result<Self> {
        let Opening {
            sent,
            rounds,
            transient,
        } = opening;
        check::not_empty(&sent)?;
        let template = chat.model.prepare(transient.settings.as_deref())?;
        check::one_candidate(&template)?;
        chat.close_turn();
        chat.commit(Event::Opened { sent, rounds });
        chat.state.carry(transient);
        let automatic = chat.automatic.clone();
        Ok(Self {
            chat,
            template,
            automatic,
            mode,
            step: Step::Store,
        })
    }

    /// Returns the next chunk of the turn, whichever of its requests it answers, and `None` once the turn is complete.
    /// Complete replies produce no chunks.
    pub(super) async fn next(&mut self) -> Option<Result<GenerateContentResponse>> {
        loop {
            match &mut self.step {
                Step::Store => match self.chat.write().await {
                    Err(error) if error.kind() == ErrorKind::Conflict => {
                        let error = self.fail(error);
                        self.step = Step::Over;
                        return Some(Err(error));
                    }
                    // Without its journal the conversation goes on in memory: see `unsaved`.
                    _ if self.chat.budget.is_some() => self.step = Step::Fit,
                    _ => self.step = Step::Request,
                },
                // Boxed: this is rare and large, and would enlarge the future of every turn.
                Step::Fit => match Box::pin(self.fit()).await {
                    Ok(()) => self.step = Step::Request,
                    Err(error) => self.close(error),
                },
                Step::Request => self.request(),
                Step::Await(reply) => match reply.await {
                    Ok(reply) => {
                        self.chat.state.receive(reply);
                        self.finish_reply();
                    }
                    Err(error) => self.close(error),
                },
                Step::Stream(chunks) => match chunks.next().await {
                    Some(Ok(chunk)) => {
                        self.chat.state.receive_chunk(&chunk);
                        // A block is reported by the error at the end of the stream.
                        if !self
                            .response()
                            .is_some_and(GenerateContentResponse::is_blocked)
                        {
                            return Some(Ok(chunk));
                        }
                    }
                    Some(Err(error)) => self.close(error),
                    None => self.finish_reply(),
                },
                Step::Run => match self.run().await {
                    Ok(()) => self.step = Step::Request,
                    Err(error) => self.close(error),
                },
                Step::Close(_) => {
                    self.chat.write().await.ok();
                    return match mem::replace(&mut self.step, Step::Over) {
                        Step::Close(Some(error)) => Some(Err(error)),
                        _ => None,
                    };
                }
                Step::Over => return None,
            }
        }
    }

    /// Returns the response so far.
    pub(super) fn response(&self) -> Option<&GenerateContentResponse> {
        self.chat.last()
    }

    /// Consumes the turn and returns its response.
    pub(super) fn into_response(self) -> Option<GenerateContentResponse> {
        self.chat.last().cloned()
    }

    fn turn(&self) -> &Unfinished {
        let turn = self.chat.unfinished();
        turn.expect("a turn that is not over is unfinished")
    }

    /// Shortens the history if the request exceeds the context budget.
    async fn fit(&mut self) -> Result<()> {
        let Some(budget) = self.chat.budget else {
            return Ok(());
        };
        let fit = budget.fit(&self.chat.state, &self.template).await?;
        if let Some(event) = fit.compaction {
            self.chat.commit(event);
        }
        if let Some(tokens) = fit.tokens {
            self.chat.state.set_tokens(tokens);
        }
        Ok(())
    }

    /// Makes the next request. Nothing is sent until the returned future or stream is polled.
    fn request(&mut self) {
        let mut request = match &self.automatic {
            Some(automatic) => self.template_for_round(automatic),
            // It is the only request of the turn.
            None => mem::take(&mut self.template.request),
        };
        let history = Arc::clone(self.chat.state.transcript());
        request.contents = Contents::new(history, self.turn().contents());
        let (backend, options) = (&*self.template.backend, self.template.options.clone());
        self.step = match self.mode {
            Mode::Unary => Step::Await(trace::generate(backend, request, options)),
            Mode::Stream => Step::Stream(trace::stream(backend, request, options)),
        };
    }

    /// Returns the request of a round without its contents. Settings that force function calls apply to the first
    /// request: otherwise the model could never answer.
    fn template_for_round(&self, automatic: &AutomaticFunctionCalling) -> GenerateContentRequest {
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

    /// Continues after the end of a reply.
    fn finish_reply(&mut self) {
        if let Err(error) = self.evaluate_reply() {
            self.close(error);
        }
    }

    /// Decides what follows a reply: its function calls, or the end of the turn.
    fn evaluate_reply(&mut self) -> Result<()> {
        let turn = self.turn();
        let rounds_run = turn.transient.rounds_run;
        let reply = turn.received.clone().unwrap_or_default();
        reply.complete(self.mode == Mode::Stream, &self.template.accepted)?;
        match (&self.automatic, first_content(&reply).and_then(Round::of)) {
            (Some(automatic), Some(round)) if self.runs_here(&round) => {
                if rounds_run < automatic.max_rounds {
                    self.chat.state.begin_round(round);
                    self.step = Step::Run;
                } else if automatic.on_round_limit == OnRoundLimit::ReturnCalls {
                    self.return_calls();
                } else {
                    let message =
                        format!("the model still calls functions after {rounds_run} rounds");
                    return Err(Error::new(ErrorKind::Function, message));
                }
            }
            _ => {
                let response = self.turn().final_response();
                self.chat.commit(Event::Completed { response });
                self.step = Step::Close(None);
            }
        }
        Ok(())
    }

    /// Returns whether the calls of a round are run here: there are functions, and none of the calls is for a
    /// declaration without a function. The caller answers those.
    fn runs_here(&self, round: &Round) -> bool {
        let tools = &self.template.tools;
        let mut calls = round.calls();
        tools.has_functions() && calls.all(|call| !tools.is_only_declared(call.name()))
    }

    /// Returns the calls to the caller. They enter the history together with their responses, if those come.
    fn return_calls(&mut self) {
        let reason = Reason::CallsReturned;
        let received = Some(self.turn().final_response());
        self.chat.commit(Event::Unfinished { reason, received });
        self.step = Step::Close(None);
    }

    /// Runs the functions of a round, all at once, and stores the round in the journal.
    ///
    /// Each response is in the state as soon as it is there, so that none is lost if this is dropped.
    async fn run(&mut self) -> Result<()> {
        let automatic = self.automatic.clone().unwrap_or_default();
        if automatic.time_limit.is_some() && tokio::runtime::Handle::try_current().is_err() {
            let message = "a time limit for functions needs a tokio runtime";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        let round = self.turn().transient.round.as_ref();
        let calls: Vec<FunctionCall> = round.into_iter().flat_map(Round::calls).cloned().collect();
        let tools = &self.template.tools;
        let start = |(index, call)| {
            automatic.observe(FunctionEvent::Called(call));
            let response = trace::function(call, tools.run(call, automatic.time_limit));
            response.map(move |outcome| (index, outcome))
        };
        let mut running: FuturesUnordered<_> = calls.iter().enumerate().map(start).collect();
        let mut failed = None;
        while let Some((index, outcome)) = running.next().await {
            let call = &calls[index];
            let response = outcome.unwrap_or_else(|error| {
                let response = run::error_response(call, &error);
                failed.get_or_insert(error);
                response
            });
            automatic.observe(FunctionEvent::Answered(call, &response));
            self.chat.state.respond(index, response);
        }
        match failed {
            Some(error) if automatic.on_failure == OnFailure::Fail => return Err(error),
            _ => {}
        }
        if let Some(round) = self.chat.state.end_round() {
            self.chat.commit(round);
        }
        self.chat.write().await.ok();
        Ok(())
    }

    /// Ends the turn with an error, which is returned once the result is in the journal.
    fn close(&mut self, error: Error) {
        let error = self.fail(error);
        self.step = Step::Close(Some(error));
    }

    /// Ends the turn with an error, and returns the error with the reply as far as it was received.
    fn fail(&mut self, error: Error) -> Error {
        let error = self.explain(error);
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
            Some(received) if error.response().is_none() => error.with_response(received),
            _ => error,
        }
    }

    /// Adds which calls are unanswered to the error of a request that the API rejected: the API does not say it.
    fn explain(&self, error: Error) -> Error {
        if error.http_code() != Some(400) {
            return error;
        }
        match unanswered_in(self.chat.history(), &self.turn().sent) {
            None => error,
            Some(names) => error.with_hint(&format!(
                "the model's calls of {names} are not answered: send a FunctionResponse for each, in one message"
            )),
        }
    }
}
