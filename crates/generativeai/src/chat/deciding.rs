//! Decisions of the policy on the calls of a round, one after the other.

use std::collections::VecDeque;
use std::future::ready;
use std::sync::Arc;

use super::reason::WaitingCall;
use super::round::Round;
use crate::stream::BoxFuture;
use crate::tools::{AutomaticFunctionCalling, CallRequest, Decision, FunctionEvent, Toolbox, ask_policy};

/// Calls that the policy decides on, one after the other.
pub(super) struct Deciding {
    automatic: AutomaticFunctionCalling,
    tools: Toolbox,
    /// Calls that are not decided yet, with their indices.
    calls: VecDeque<(usize, WaitingCall)>,
    /// Decision on the first of them, once the policy was asked for it.
    asked: Option<BoxFuture<Decision>>,
}

impl Deciding {
    /// Creates the decisions on the waiting calls of a round. Without a round there are none.
    pub(super) fn new(
        round: Option<&Round>,
        tools: &Toolbox,
        automatic: &AutomaticFunctionCalling,
    ) -> Self {
        Self {
            automatic: automatic.clone(),
            tools: tools.clone(),
            calls: round.into_iter().flat_map(Round::undecided).collect(),
            asked: None,
        }
    }

    /// Waits for the next decision, and returns it with the index of its call. Returns `None` once the policy was asked
    /// about all calls. Can be cancelled.
    pub(super) async fn next(&mut self) -> Option<(usize, Decision)> {
        let (index, waiting) = self.calls.front()?;
        let index = *index;
        // The call stays in the queue, and the question in `asked`, until there is a decision. So a `next` that is
        // cancelled and called again does not ask the policy twice.
        let asked = match &mut self.asked {
            Some(asked) => asked,
            None => {
                let asked = ask(&self.automatic, &self.tools, waiting);
                self.asked.insert(asked)
            }
        };
        let decision = asked.await;
        self.asked = None;
        let decided = self.calls.pop_front();
        let call = &decided.as_ref().expect("it was the first").1.call;
        self.automatic
            .observe(FunctionEvent::Decided(call, &decision));
        Some((index, decision))
    }
}

/// Asks the policy about a call. A call of a function that does not exist is denied without asking.
fn ask(
    automatic: &AutomaticFunctionCalling,
    tools: &Toolbox,
    waiting: &WaitingCall,
) -> BoxFuture<Decision> {
    let deny = |reason: String| -> BoxFuture<Decision> { Box::pin(ready(Decision::Deny(reason))) };
    match (&automatic.policy, tools.function_of(&waiting.call)) {
        (_, Err(unknown)) => deny(unknown.to_string()),
        (None, Ok(_)) => deny("there is no policy that could approve it".to_owned()),
        (Some(policy), Ok(function)) => {
            let WaitingCall { id, call } = waiting.clone();
            let function = function.clone();
            let request = CallRequest { id, call, function };
            ask_policy(Arc::clone(policy), request, automatic.approval_time_limit)
        }
    }
}
