//! Decisions of the policy on the calls of a round, one after the other.

use std::future::ready;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use super::reason::WaitingCall;
use super::round::Round;
use crate::stream::BoxFuture;
use crate::tools::{
    AutomaticFunctionCalling, CallRequest, Decision, FunctionEvent, Toolbox, ask_policy,
};

/// Decisions of the policy, each with the index of its call.
///
/// Waiting for the next one can be cancelled: the stream keeps the question, so the policy is not asked twice.
pub(super) type Deciding = BoxStream<'static, (usize, Decision)>;

/// Returns the decisions on the waiting calls of a round. Without a round there are none.
pub(super) fn decisions_on(
    round: Option<&Round>,
    tools: &Toolbox,
    automatic: &AutomaticFunctionCalling,
) -> Deciding {
    let waiting: Vec<_> = round.into_iter().flat_map(Round::undecided).collect();
    let (tools, automatic) = (tools.clone(), automatic.clone());
    let decide = move |(index, waiting): (usize, WaitingCall)| {
        let decision = ask(&automatic, &tools, &waiting);
        let automatic = automatic.clone();
        async move {
            let decision = decision.await;
            automatic.observe(FunctionEvent::Decided(&waiting.call, &decision));
            (index, decision)
        }
    };
    stream::iter(waiting).then(decide).boxed()
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
