//! Replies that call tools: questions about the calls, and decisions that continue the turn.

use generativeai::{AutomaticFunctionCalling, WaitingCall};

use super::input::Input;
use super::next::{Decisions, Next};
use super::state::Repl;
use crate::approval;
use crate::render::Printer;
use crate::reply::{self, Outcome, Received, TextSink};

impl Repl<'_> {
    /// Returns the settings for function calls of all conversations of this run. Without tools, no call is executed.
    fn function_calling(&self) -> AutomaticFunctionCalling {
        match &self.options.approvals {
            Some(approvals) => approvals.function_calling(),
            None => false.into(),
        }
    }

    /// Sends a message, a retry or decisions, and shows the reply.
    pub(super) fn receive(&mut self, next: Next) -> anyhow::Result<Received> {
        let automatic = self.function_calling();
        let chat = &mut self.conversations.current_mut().chat;
        chat.set_automatic_function_calling(automatic);
        let message = match next {
            Next::Message(message) => approval::send(chat, message),
            Next::Retry => chat.retry(),
            Next::Decide(decisions) => chat.decide(decisions),
        };
        let mut sink = TextSink::in_session();
        let reply = reply::receive(message, &mut sink, self.signals.stop(), self.printer);
        if self.prompt.can_edit() {
            self.runtime.block_on(self.type_ahead.during(reply))
        } else {
            self.runtime.block_on(reply)
        }
    }

    /// Asks about waiting calls, if the reply ended with any.
    pub(super) fn decisions(&mut self, received: &anyhow::Result<Received>) -> Option<Decisions> {
        let calls = self.waiting();
        let outcome = received.as_ref().ok()?.outcome;
        if outcome == Outcome::Stopped || calls.is_empty() {
            return None;
        }
        if let (Outcome::Refused, Some(approvals)) = (outcome, &self.options.approvals) {
            approvals.forget(&calls);
        }
        Some(self.ask(&calls))
    }

    /// Asks about the calls that an earlier process left waiting. Without tools, only reports them.
    pub(super) fn decide_waiting(&mut self) -> anyhow::Result<()> {
        let calls = self.waiting();
        if calls.is_empty() {
            return Ok(());
        }
        let names = approval::names(&calls);
        self.printer
            .note(format_args!("(tool calls wait for approval: {names})"));
        if self.options.approvals.is_none() {
            self.printer
                .note("(to decide, start the session with --tool; the next message skips them)");
            return Ok(());
        }
        if !self.lock_session() {
            return Ok(());
        }
        match self.ask(&calls) {
            Decisions::Made(decisions) => {
                self.converse(Next::Decide(decisions), "")?;
            }
            Decisions::Stop => self.leave_waiting(),
            Decisions::Later => {}
        }
        self.persist();
        Ok(())
    }

    /// Ends a turn whose calls wait, before another message is sent.
    pub(super) fn leave_waiting(&mut self) {
        let chat = &mut self.conversations.current_mut().chat;
        approval::leave_waiting(chat, self.printer);
    }

    fn waiting(&self) -> Vec<WaitingCall> {
        approval::waiting(&self.conversations.current().chat)
    }

    /// Asks the user about calls.
    fn ask(&mut self, calls: &[WaitingCall]) -> Decisions {
        let Some(approvals) = self.options.approvals.clone() else {
            return Decisions::Stop;
        };
        // A line that was entered before the question is not an answer to it.
        self.read_entered();
        let (prompt, signals) = (&mut self.prompt, &self.signals);
        let mut read = |printer: &mut Printer| match prompt.next(signals, printer) {
            Ok(Input::Line(line)) => Some(line),
            // Ctrl-C discarded a typed answer only: the question is asked again.
            Ok(Input::Discarded) => Some(String::new()),
            _ => None,
        };
        let decided = approvals.ask(calls, self.printer, &mut read);
        match decided {
            Some(decisions) => Decisions::Made(decisions),
            None if self.signals.exit().is_some() => Decisions::Later,
            None => Decisions::Stop,
        }
    }
}
