//! The end of a reply: the turn completes, or the functions that the reply calls follow.

use std::ops::DerefMut;

use super::super::event::Event;
use super::super::history::model_content;
use super::super::reason::Reason;
use super::super::round::{Round, is_mistaken_call};
use super::super::running::Running;
use super::super::session::ChatSession;
use super::{Step, Turn};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Mode;
use crate::protocol::response::{FinishReason, GenerateContentResponse};
use crate::tools::{AutomaticFunctionCalling, OnRoundLimit};

impl<C: DerefMut<Target = ChatSession>> Turn<C> {
    /// Continues after the end of a reply, or ends the turn if the reply does not complete it.
    pub(super) fn finish_reply(&mut self) {
        if let Err(error) = self.evaluate_reply() {
            self.close(error);
        }
    }

    /// Decides what follows a reply: its function calls, or the end of the turn.
    ///
    /// # Errors
    /// The reply is blocked, stopped, cut off or empty, or it calls functions after the last round.
    fn evaluate_reply(&mut self) -> Result<()> {
        let reply = self.turn().received.clone().unwrap_or_default();
        let mistake = reply.finish_reason();
        let mistake = mistake.filter(|reason| is_mistaken_call(reason));
        let round = self.round_of(&reply, mistake);
        // A rejected call does not end the turn. The model gets an error as the response to it, and can correct the
        // call.
        let is_answered = mistake.is_some() && round.is_some();
        reply.check_complete(self.mode == Mode::Stream, |reason| {
            is_answered || self.template.accepted.contains(reason)
        })?;
        if let Some(round) = round
            && let Some(automatic) = self.automatic.clone()
        {
            return self.begin_round(round, &automatic, mistake);
        }
        let response = self.turn().final_response();
        if let Some(check) = self.template.check {
            // Before the turn completes: a reply of the wrong shape does not enter the history.
            check(&response)?;
        }
        self.chat.commit(Event::Completed { response });
        self.end(None);
        Ok(())
    }

    /// Begins a round of function calls, or returns its calls to the caller. `mistake` is the finish reason with which
    /// the service rejected the calls, if it did.
    ///
    /// # Errors
    /// The turn has reached its limit of rounds, which does not return the calls.
    fn begin_round(
        &mut self,
        round: Round,
        automatic: &AutomaticFunctionCalling,
        mistake: Option<&FinishReason>,
    ) -> Result<()> {
        let rounds_run = self.turn().transient.rounds_run;
        if rounds_run >= automatic.max_rounds {
            if automatic.on_round_limit == OnRoundLimit::ReturnCalls {
                self.return_calls();
                return Ok(());
            }
            let message = format!("the model still calls functions after {rounds_run} rounds");
            return Err(Error::new(ErrorKind::Function, message));
        }
        let tools = &self.template.tools;
        let running = match mistake {
            // The response contains the reason, and the model can correct the call.
            Some(reason) => Running::refuse(&round, automatic, |call| {
                tools.rejected(call.name(), reason)
            }),
            // No function runs for a rejected call, so only here there is something to approve.
            None if automatic.policy.is_some() => {
                self.request_approval(automatic);
                return Ok(());
            }
            None => Running::start(&round, tools, automatic),
        };
        self.step = Step::Run(Box::new(running));
        self.chat.state.begin_round(round);
        Ok(())
    }

    /// Returns the round that a reply opens, if its calls are answered within the turn.
    ///
    /// This needs functions that can run, or calls that the service rejected. If one of the calls is for a declaration
    /// without a function, the caller answers all of them.
    fn round_of(
        &self,
        reply: &GenerateContentResponse,
        mistake: Option<&FinishReason>,
    ) -> Option<Round> {
        let tools = &self.template.tools;
        self.automatic
            .as_ref()
            .filter(|_| tools.has_functions() || mistake.is_some())?;
        // `model_content` copies the reply, and most replies have no calls.
        reply.function_calls().next()?;
        let round = Round::of(&model_content(reply)?)?;
        let is_ours = round
            .calls()
            .all(|call| !tools.is_only_declared(call.name()));
        is_ours.then_some(round)
    }

    /// Returns the calls to the caller. They enter the history once a message answers them.
    fn return_calls(&mut self) {
        let reason = Reason::CallsReturned;
        let received = Some(self.turn().final_response());
        self.chat.commit(Event::Unfinished { reason, received });
        self.end(None);
    }
}
