//! The end of a reply: the turn completes, or the functions that the reply calls follow.

use std::ops::DerefMut;

use super::super::event::Event;
use super::super::reason::Reason;
use super::super::round::mistake_of;
use super::super::session::ChatSession;
use super::Turn;
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
        let mistake = mistake_of(&reply);
        let has_round = self.has_round(&reply, mistake);
        // A rejected call does not end the turn. The model gets an error as the response to it, and can correct the
        // call.
        let is_answered = mistake.is_some() && has_round;
        reply.check_complete(self.mode == Mode::Stream, |reason| {
            is_answered || self.template.accepted.contains(reason)
        })?;
        if let Some(automatic) = self.automatic.clone().filter(|_| has_round) {
            return self.begin_round(&automatic, mistake);
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
        let received = self.turn().final_response();
        self.chat.commit(Event::called(received));
        match automatic.policy {
            // No function runs for a rejected call, so there is nothing to approve.
            Some(_) if mistake.is_none() => self.request_approval(automatic),
            _ => self.start_all(),
        }
        Ok(())
    }

    /// Returns whether a reply opens a round: whether it calls functions, and the calls are answered within the turn.
    ///
    /// This needs functions that can run, or calls that the service rejected. If one of the calls is for a declaration
    /// without a function, the caller answers all of them.
    fn has_round(&self, reply: &GenerateContentResponse, mistake: Option<&FinishReason>) -> bool {
        let tools = &self.template.tools;
        let mut calls = reply.function_calls().peekable();
        self.automatic.is_some()
            && (tools.has_functions() || mistake.is_some())
            && calls.peek().is_some()
            && calls.all(|call| !tools.is_only_declared(call.name()))
    }

    /// Returns the calls to the caller. They enter the history once a message answers them.
    fn return_calls(&mut self) {
        let reason = Reason::CallsReturned;
        let received = Some(self.turn().final_response());
        self.chat.commit(Event::Unfinished { reason, received });
        self.end(None);
    }
}
