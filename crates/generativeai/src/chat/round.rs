//! Rounds of function calls: the calls of a reply, and their responses.
//!
//! The API rejects a request with an unanswered call: the content after one with calls has to contain a response to
//! each of them. So calls and responses are added to a turn as a pair, and a call that was not run gets a response with
//! the reason.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::event::InvalidEvent;
use super::reason::WaitingCall;
use crate::protocol::content::{Content, FunctionCall, FunctionResponse, Part, Role};
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::{FinishReason, GenerateContentResponse};
use crate::protocol::tools::FunctionCallingMode;
use crate::tools::Decision;

/// Reply that calls functions, and the responses so far.
#[derive(Clone)]
pub(super) struct Round {
    content: Content,
    /// Response to each call, in the order of the calls. `None` while there is none.
    responses: Vec<Option<FunctionResponse>>,
    /// Whether the functions have started.
    // Not saved: a round that has started is saved with all of its responses.
    has_started: bool,
    /// `None` for calls that are not answered within the turn.
    decisions: Option<Box<RoundDecisions>>,
}

/// Decisions on the calls of a round. Without a policy all calls run.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoundDecisions {
    /// Random text that identifies the round.
    pub(super) id: String,
    /// Decisions so far, by the index of the call. None of them is to wait.
    pub(super) decisions: BTreeMap<usize, Decision>,
}

impl Round {
    /// Returns the round that a reply opens, if the reply calls functions.
    pub(super) fn of(content: &Content) -> Option<Self> {
        let count = calls_of(content).count();
        (count > 0).then(|| {
            let mut content = content.clone();
            content.fill_role(Role::Model);
            let responses = vec![None; count];
            Self {
                content,
                responses,
                has_started: false,
                decisions: None,
            }
        })
    }

    /// Returns the calls, in order.
    pub(super) fn calls(&self) -> impl Iterator<Item = &FunctionCall> {
        calls_of(&self.content)
    }

    /// Ends the round: returns the content with the calls and the content with their responses. A call without a
    /// response gets one with the reason.
    pub(super) fn close(self) -> [Content; 2] {
        let responses: Vec<Part> = calls_of(&self.content)
            .enumerate()
            .map(|(index, call)| match &self.responses[index] {
                Some(response) => Part::from(response.clone()),
                None => Part::from(self.missing_response(index, call)),
            })
            .collect();
        [self.content, Content::user(responses)]
    }

    /// Returns the response to a call that has none: its function was denied, did not start, or was interrupted.
    fn missing_response(&self, index: usize, call: &FunctionCall) -> FunctionResponse {
        let problem: &str = match self.decision(index) {
            Some(Decision::Deny(reason)) => &format!("denied: {reason}"),
            _ if self.has_started => {
                "interrupted before it answered: it may or may not have taken effect"
            }
            _ if self.decisions.is_some() => "not run: nobody approved the call",
            _ => "not answered: the turn ended before the call had a response",
        };
        FunctionResponse::to(call, json!({ "error": problem }))
    }
}

/// Steps of a round that is answered within the turn.
impl Round {
    /// Makes the calls wait for decisions. The id identifies the round.
    pub(super) fn awaiting_approval(mut self, id: String) -> Self {
        let decisions = BTreeMap::new();
        self.decisions = Some(Box::new(RoundDecisions { id, decisions }));
        self
    }

    /// Returns the decisions so far, and the id of the round.
    pub(super) fn decisions(&self) -> Option<&RoundDecisions> {
        self.decisions.as_deref()
    }

    /// Returns whether the calls wait for decisions, or are decided and have not started.
    pub(super) fn is_held(&self) -> bool {
        self.decisions.is_some() && !self.has_started
    }

    /// Returns the calls that are not decided, each with its index.
    pub(super) fn undecided(&self) -> impl Iterator<Item = (usize, WaitingCall)> {
        let held = self.decisions().filter(|_| !self.has_started);
        let waiting = move |(index, call): (usize, &FunctionCall)| {
            let round = held.filter(|held| !held.decisions.contains_key(&index))?;
            // The random id makes this unique. With the index alone a late click on a call of an earlier round would
            // approve a call of this one.
            let id = format!("{}-{index}", round.id);
            let call = call.clone();
            Some((index, WaitingCall { id, call }))
        };
        self.calls().enumerate().filter_map(waiting)
    }

    /// Records decisions by the index of their call.
    ///
    /// # Errors
    /// A call does not wait for a decision, or a decision is [`Wait`](Decision::Wait). Nothing is recorded.
    pub(super) fn decide(
        &mut self,
        decisions: BTreeMap<usize, Decision>,
    ) -> Result<(), InvalidEvent> {
        let waiting: Vec<usize> = self.undecided().map(|(index, _)| index).collect();
        let fits = |(index, decision): (&usize, &Decision)| {
            waiting.contains(index) && *decision != Decision::Wait
        };
        if !decisions.iter().all(fits) {
            return Err(InvalidEvent("decides on calls that do not wait"));
        }
        if let Some(decided) = &mut self.decisions {
            decided.decisions.extend(decisions);
        }
        Ok(())
    }

    /// Records that the approved functions start. Denied calls get their responses.
    ///
    /// # Errors
    /// The calls have started, or are not all decided.
    pub(super) fn start(&mut self) -> Result<(), InvalidEvent> {
        if !self.is_held() || self.undecided().next().is_some() {
            return Err(InvalidEvent("starts calls that are not approved"));
        }
        let denied: Vec<Option<FunctionResponse>> = self
            .calls()
            .enumerate()
            .map(|(index, call)| {
                let is_denied = matches!(self.decision(index), Some(Decision::Deny(_)));
                is_denied.then(|| self.missing_response(index, call))
            })
            .collect();
        self.responses = denied;
        self.has_started = true;
        Ok(())
    }

    /// Records the response to a call that has started.
    ///
    /// # Errors
    /// The content has no response, or the call has not started, or has a response.
    pub(super) fn answer(&mut self, index: usize, answer: &Content) -> Result<(), InvalidEvent> {
        let response = responses_of(answer).next();
        let response = response.ok_or(InvalidEvent("has no function response"))?;
        match self.responses.get_mut(index) {
            Some(slot @ None) if self.has_started => *slot = Some(response.clone()),
            _ => return Err(InvalidEvent("answers a call that does not run")),
        }
        Ok(())
    }

    /// Returns the decision on the call at an index.
    pub(super) fn decision(&self, index: usize) -> Option<&Decision> {
        self.decisions()?.decisions.get(&index)
    }

    /// Returns the calls that have no response, with their indices.
    pub(super) fn to_run(&self) -> impl Iterator<Item = (usize, &FunctionCall)> {
        let calls = self.calls().enumerate();
        calls.filter(|(index, _)| self.responses[*index].is_none())
    }

    /// Returns a response that reports the interruption for each call without one, with the index of the call.
    pub(super) fn interrupted(&self) -> Vec<(usize, FunctionResponse)> {
        let missing = |(index, call)| (index, self.missing_response(index, call));
        self.to_run().map(missing).collect()
    }

    /// Returns whether every call has a response.
    pub(super) fn is_answered(&self) -> bool {
        self.responses.iter().all(Option::is_some)
    }
}

/// Returns the function calls of a content, in order.
pub(super) fn calls_of(content: &Content) -> impl Iterator<Item = &FunctionCall> {
    content.parts.iter().filter_map(Part::as_function_call)
}

/// Returns the function responses of a content, in order.
pub(super) fn responses_of(content: &Content) -> impl Iterator<Item = &FunctionResponse> {
    content.parts.iter().filter_map(Part::as_function_response)
}

/// Returns the calls without a response in `later`.
///
/// A response belongs to the call with the same id. Ids are optional in the API, so the names are compared if the call
/// or the response has none.
pub(super) fn unanswered<'a>(
    calls: impl Iterator<Item = &'a FunctionCall>,
    later: &[Content],
) -> Vec<&'a FunctionCall> {
    let mut responses: Vec<&FunctionResponse> = later.iter().flat_map(responses_of).collect();
    let is_unanswered = |call: &&FunctionCall| {
        let matches = |response: &&FunctionResponse| match (&call.id, &response.id) {
            (Some(call), Some(response)) => call == response,
            _ => call.name == response.name,
        };
        let found = responses.iter().position(matches);
        // Removed, since a response answers one call: two calls of one function need two responses.
        found.map(|index| responses.swap_remove(index)).is_none()
    };
    calls.filter(is_unanswered).collect()
}

/// Returns the names of the calls in a history that the next content does not answer. The message is the content after
/// the history.
pub(super) fn unanswered_in(history: &[Content], message: &Content) -> Option<String> {
    let next = history.iter().skip(1).chain([message]);
    let pairs = history.iter().zip(next);
    let missing: Vec<&FunctionCall> = pairs
        .flat_map(|(content, next)| unanswered(calls_of(content), std::slice::from_ref(next)))
        .collect();
    (!missing.is_empty()).then(|| names(&missing))
}

/// Returns the names of calls for a message: `` `a`, `b` ``.
pub(super) fn names(calls: &[&FunctionCall]) -> String {
    let names = calls.iter().map(|call| format!("`{}`", call.name()));
    names.collect::<Vec<_>>().join(", ")
}

/// Returns the finish reason with which the service rejected the calls of a reply, for a mistake of the model. The model
/// can correct it once it reads the error.
///
/// `UNEXPECTED_TOOL_CALL` is the call of a tool that the request does not declare, `MALFORMED_FUNCTION_CALL` an invalid
/// call.
pub(super) fn mistake_of(reply: &GenerateContentResponse) -> Option<&FinishReason> {
    use FinishReason::{MalformedFunctionCall, UnexpectedToolCall};
    reply
        .finish_reason()
        .filter(|reason| matches!(reason, UnexpectedToolCall | MalformedFunctionCall))
}

/// Forbids function calls in a request. Its tools stay declared.
pub(super) fn forbid_calls(request: &mut GenerateContentRequest) {
    if request.tools.is_empty() {
        return;
    }
    let config = request.tool_config.get_or_insert_default();
    let calling = config.function_calling_config.get_or_insert_default();
    calling.mode = Some(FunctionCallingMode::None);
    calling.allowed_function_names.clear();
}

/// Allows text in the reply to a request whose settings force function calls.
///
/// Of the modes of function calling only [`Any`](FunctionCallingMode::Any) excludes text.
pub(super) fn allow_text(request: &mut GenerateContentRequest) {
    if let Some(config) = &mut request.tool_config
        && let Some(calling) = &mut config.function_calling_config
        && calling.mode == Some(FunctionCallingMode::Any)
    {
        calling.mode = Some(FunctionCallingMode::Auto);
        calling.allowed_function_names.clear();
    }
}
