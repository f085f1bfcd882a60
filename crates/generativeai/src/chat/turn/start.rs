//! Steps of a turn before its functions run: deciding, and storing the start.
//!
//! Each step is written to the journal before the next one begins, so another process can continue the round at any
//! of them. A function runs only after all calls of its round are decided and their start is stored.

use std::collections::BTreeMap;
use std::ops::DerefMut;

use super::super::deciding::decisions_on;
use super::super::event::Event;
use super::super::round::{Round, mistake_of};
use super::super::running::{Running, check_runtime};
use super::super::session::ChatSession;
use super::super::unfinished::Transient;
use super::{Step, Turn};
use crate::error::{Error, ErrorKind, Result};
use crate::model::RequestTemplate;
use crate::protocol::content::FunctionCall;
use crate::tools::{AutomaticFunctionCalling, Decision, FunctionEvent};

impl ChatSession {
    /// Continues the round that is held, with decisions or with those of the policy. Returns the template of its
    /// requests and its first step.
    ///
    /// # Errors
    /// The chat has no policy, or changed arguments do not fit. The conversation is unchanged.
    pub(super) fn continue_round(
        &mut self,
        decisions: Option<BTreeMap<usize, Decision>>,
        transient: Transient,
    ) -> Result<(Box<RequestTemplate>, Step)> {
        let template = self.model.prepare(transient.settings.as_deref())?;
        let automatic = self.automatic.clone();
        let policy = automatic.filter(|automatic| automatic.policy.is_some());
        let Some(automatic) = policy else {
            let message = "the calls of the turn need approval: set automatic function calling with a policy \
                           (`AutomaticFunctionCalling::approve`), which decides on the calls that follow";
            return Err(Error::new(ErrorKind::Configuration, message));
        };
        check_runtime(&automatic)?;
        let none = BTreeMap::new();
        self.check_decisions(decisions.as_ref().unwrap_or(&none), &template, &automatic)?;
        // The policy is asked by a retry only. With decisions of the caller, the other calls continue to wait.
        let round = self.held_round().filter(|_| decisions.is_none());
        let deciding = decisions_on(round, &template.tools, &automatic);
        if let Some(writer) = &mut self.writer {
            // The writer of a resumed journal treats the last turn as over. It runs again, so its end has to be
            // recorded.
            writer.reopen();
        }
        self.state.carry(transient);
        if let Some(decisions) = decisions.filter(|decisions| !decisions.is_empty()) {
            self.commit(Event::Decided { decisions });
        }
        Ok((template, Step::Decide(deciding)))
    }

    /// Checks that the chat has the approved functions, and the arguments of decisions. Passes the decisions to the
    /// observer.
    fn check_decisions(
        &self,
        decisions: &BTreeMap<usize, Decision>,
        template: &RequestTemplate,
        automatic: &AutomaticFunctionCalling,
    ) -> Result<()> {
        let Some(round) = self.held_round() else {
            return Ok(());
        };
        // Everything is checked first, so that the observer is not called for decisions that are refused.
        for (index, call) in round.calls().enumerate() {
            // Earlier decisions as well: the tools of a message are lost when its turn is resumed. The calls continue
            // to wait.
            let decision = round.decision(index).or(decisions.get(&index));
            let Some(decision @ (Decision::Run | Decision::RunWith(_))) = decision else {
                continue;
            };
            let function = template.tools.function_of(call).map_err(|error| {
                let message = "the approved call cannot run: set the tools that its message had";
                Error::new(ErrorKind::Request, message).with_source(error)
            })?;
            if let Decision::RunWith(arguments) = decision {
                function.check(arguments).map_err(|error| {
                    let message = format!("the changed arguments of `{}` do not fit", call.name());
                    Error::new(ErrorKind::Request, message).with_source(error)
                })?;
            }
        }
        for (index, waiting) in round.undecided() {
            if let Some(decision) = decisions.get(&index) {
                automatic.observe(FunctionEvent::Decided(&waiting.call, decision));
            }
        }
        Ok(())
    }
}

impl<C: DerefMut<Target = ChatSession>> Turn<C> {
    /// Asks the policy about the calls of the last reply.
    pub(super) fn request_approval(&mut self, automatic: &AutomaticFunctionCalling) {
        let deciding = decisions_on(self.chat.held_round(), &self.template.tools, automatic);
        self.step = Step::Decide(deciding);
        self.write();
    }

    /// Records a decision and writes it to the journal. `None` follows the last one.
    pub(super) fn decided(&mut self, decision: Option<(usize, Decision)>) {
        match decision {
            // There is no event for a call that waits: it is a call without a decision.
            Some((_, Decision::Wait)) => {}
            Some((index, decision)) => {
                let decisions = BTreeMap::from([(index, decision)]);
                self.chat.commit(Event::Decided { decisions });
                self.write();
            }
            None => self.end_decisions(),
        }
    }

    /// Starts the round if all of its calls are decided. Otherwise the turn ends and waits.
    fn end_decisions(&mut self) {
        let round = self.chat.held_round();
        if round.is_some_and(|round| round.undecided().next().is_some()) {
            return self.end(None);
        }
        self.start();
    }

    /// Starts the round without asking: all of its functions run.
    pub(super) fn start_all(&mut self) {
        let undecided = self
            .chat
            .held_round()
            .into_iter()
            .flat_map(Round::undecided);
        let decisions = undecided.map(|(index, _)| (index, Decision::Run)).collect();
        self.chat.commit(Event::Decided { decisions });
        self.start();
    }

    fn start(&mut self) {
        self.chat.commit(Event::Started);
        self.step = Step::Start;
        self.write();
    }

    /// Runs the functions of the round. None runs for calls that the service rejected, nor for approved ones if the
    /// start could not be stored.
    pub(super) fn run_round(&mut self) {
        let turn = self.turn();
        let (Some(round), Some(automatic)) = (&turn.round, &self.automatic) else {
            // All calls were denied: `Started` answered them, which ended the round.
            self.step = Step::Request;
            return;
        };
        let tools = &self.template.tools;
        let mistake = turn.received.as_deref().and_then(mistake_of);
        let needs_start = automatic.policy.is_some();
        let running = match (mistake, self.chat.unsaved().filter(|_| needs_start)) {
            // The response contains the reason, and the model can correct the call.
            (Some(reason), _) => {
                Running::refuse(round, automatic, |call| tools.rejected(call.name(), reason))
            }
            // After a crash the journal would contain an approved round that has not started, and the functions would
            // run a second time.
            (None, Some(error)) => {
                Running::refuse(round, automatic, |call| not_stored(call, error))
            }
            (None, None) => Running::start(round, tools, automatic),
        };
        self.step = Step::Run(Box::new(running));
    }
}

/// Returns the error of a call whose start could not be stored.
fn not_stored(call: &FunctionCall, error: &Error) -> Error {
    let message = format!(
        "function `{}` was not run: its start cannot be stored",
        call.name()
    );
    Error::new(ErrorKind::Function, message).with_source(error.clone())
}
