//! The rounds of function calls within a turn: who is called, and how every call gets its answer.

use serde_json::json;

use super::ChatSession;
use super::unfinished::{Reason, Unfinished};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{Content, Data, FunctionCall, FunctionResponse, Part, Role};
use crate::tools::{AutomaticFunctionCalling, FunctionEvent, OnFailure, Toolbox, run};
use crate::trace;

/// A reply that calls functions, and the answers that are there so far.
#[derive(Clone)]
pub(super) struct Round {
    content: Content,
    answers: Vec<Option<FunctionResponse>>,
}

impl Round {
    /// The round that a reply opens, if it calls functions.
    pub(super) fn of(content: &Content) -> Option<Self> {
        let calls = calls_of(content).count();
        (calls > 0).then(|| {
            let mut content = content.clone();
            content.fill_role(Role::Model);
            let answers = vec![None; calls];
            Self { content, answers }
        })
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = &FunctionCall> {
        calls_of(&self.content)
    }

    fn answer(&mut self, at: usize, answer: FunctionResponse) {
        self.answers[at] = Some(answer);
    }

    /// The calls and their answers; a call without one is answered that it was interrupted.
    pub(super) fn close(self) -> [Content; 2] {
        let interrupted = "interrupted before it answered: it may or may not have taken effect";
        let answers: Vec<Part> = calls_of(&self.content)
            .zip(self.answers)
            .map(|(call, answer)| {
                answer
                    .unwrap_or_else(|| FunctionResponse::to(call, json!({ "error": interrupted })))
            })
            .map(Part::from)
            .collect();
        [self.content, Content::user(answers)]
    }
}

fn calls_of(content: &Content) -> impl Iterator<Item = &FunctionCall> {
    content.parts.iter().filter_map(|part| match &part.data {
        Some(Data::FunctionCall(call)) => Some(call),
        _ => None,
    })
}

/// Whether the calls of a reply are answered here: there are functions to call, and no call is for
/// a declaration that has none (those go to the caller).
pub(super) fn answered_here<'a>(
    tools: &Toolbox,
    mut calls: impl Iterator<Item = &'a FunctionCall>,
) -> bool {
    tools.has_functions() && calls.all(|call| !tools.is_only_declared(call.name()))
}

impl ChatSession {
    /// Runs the calls of the round at hand, all at once, and keeps each answer as it comes.
    ///
    /// Answers stay if this is dropped: see [`Round::close`].
    pub(super) async fn answer_round(
        &mut self,
        tools: &Toolbox,
        automatic: &AutomaticFunctionCalling,
    ) -> Result<()> {
        let Some(unfinished) = &mut self.unfinished else {
            return Ok(());
        };
        let Some(round) = &mut unfinished.round else {
            return Ok(());
        };
        if automatic.time_limit.is_some() && tokio::runtime::Handle::try_current().is_err() {
            let message = "a time limit for functions needs a tokio runtime";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        let calls: Vec<FunctionCall> = round.calls().cloned().collect();
        let mut running = run::Together::default();
        for call in &calls {
            automatic.observe(FunctionEvent::Called(call));
            let function = tools.function_named(call.name()).cloned();
            let ran = run::call(function, call.clone(), automatic.time_limit);
            running.push(trace::function(call, ran));
        }
        let mut failed = None;
        while let Some((at, outcome)) = running.next().await {
            let call = &calls[at];
            let response = match outcome {
                Ok(response) => response,
                Err(error) => {
                    let response = run::failure(call, &error);
                    failed.get_or_insert(error);
                    response
                }
            };
            automatic.observe(FunctionEvent::Answered(call, &response));
            round.answer(at, response);
        }
        match failed {
            Some(error) if automatic.on_failure == OnFailure::Fail => Err(error),
            _ => {
                unfinished.close_round();
                Ok(())
            }
        }
    }

    /// The calls of the last reply that were handed to the caller and are not answered yet.
    ///
    /// The next message answers them, all at once, with a
    /// [`FunctionResponse`](crate::protocol::content::FunctionResponse) each: a request that leaves one
    /// unanswered is refused by the API.
    pub fn pending_calls(&self) -> Vec<&FunctionCall> {
        let returned = self.unfinished.as_ref().and_then(|unfinished| {
            let content = unfinished
                .received
                .as_ref()?
                .candidates
                .first()?
                .content
                .as_ref()?;
            matches!(unfinished.reason, Reason::CallsReturned).then_some((content, &[][..]))
        });
        let recorded = || {
            let history = self.history();
            let at = history
                .iter()
                .rposition(|content| content.role == Some(Role::Model))?;
            Some((&history[at], &history[at + 1..]))
        };
        let Some((reply, later)) = returned.or_else(recorded) else {
            return Vec::new();
        };
        unanswered(calls_of(reply), later)
    }

    /// The turn that a message begins, or goes on with if it answers all calls that the limit of
    /// rounds handed to the caller.
    pub(super) fn turn_of(&self, message: Content) -> Result<Box<Unfinished>> {
        let returned = self.unfinished.as_deref().filter(|unfinished| {
            matches!(unfinished.reason, Reason::CallsReturned) && answers(&message).next().is_some()
        });
        let reply = returned.and_then(Unfinished::reply);
        let (Some(unfinished), Some(reply)) = (returned, reply) else {
            return Ok(Box::new(Unfinished::new(message)));
        };
        let left = unanswered(calls_of(&reply), std::slice::from_ref(&message));
        if !left.is_empty() {
            let message = format!(
                "the message leaves the calls of {} unanswered: answer all pending calls in one \
                 message",
                names(&left)
            );
            return Err(Error::new(ErrorKind::Request, message));
        }
        let mut turn = Box::new(unfinished.clone());
        turn.answered([reply, message]);
        Ok(turn)
    }
}

fn answers(content: &Content) -> impl Iterator<Item = &FunctionResponse> {
    content.parts.iter().filter_map(|part| match &part.data {
        Some(Data::FunctionResponse(answer)) => Some(answer),
        _ => None,
    })
}

fn names(calls: &[&FunctionCall]) -> String {
    let names: Vec<String> = calls
        .iter()
        .map(|call| format!("`{}`", call.name()))
        .collect();
    names.join(", ")
}

/// The calls that have no answer in `later`: by their id where they have one, else by their name.
fn unanswered<'a>(
    calls: impl Iterator<Item = &'a FunctionCall>,
    later: &[Content],
) -> Vec<&'a FunctionCall> {
    let mut answers: Vec<&FunctionResponse> = later.iter().flat_map(answers).collect();
    calls
        .filter(|call| {
            let answers_it = |answer: &&FunctionResponse| match (&call.id, &answer.id) {
                (Some(call), Some(answer)) => call == answer,
                _ => call.name == answer.name,
            };
            let found = answers
                .iter()
                .position(answers_it)
                .map(|at| answers.swap_remove(at));
            found.is_none()
        })
        .collect()
}

/// The names of the calls in a history that the content after them does not answer; the message
/// comes after the last.
pub(super) fn unanswered_in(history: &[Content], message: &Content) -> Option<String> {
    let later = history.iter().skip(1).chain([message]);
    let left = history
        .iter()
        .zip(later)
        .flat_map(|(content, next)| unanswered(calls_of(content), std::slice::from_ref(next)));
    let left: Vec<&FunctionCall> = left.collect();
    (!left.is_empty()).then(|| names(&left))
}

/// The error of a turn that still calls functions after the last round it may.
pub(super) fn too_many_rounds(rounds: u32) -> Error {
    let message = format!("the model still calls functions after {rounds} rounds");
    Error::new(ErrorKind::Function, message)
}
