//! Execution of the functions of a round.
//!
//! All functions of a round run concurrently on the task that awaits the turn: while one waits, the others make
//! progress. Nothing is spawned, so dropping the turn drops them. The responses arrive in the order in which the
//! functions end. The round stores each by the index of its call, and sends them in the order of the calls.

use std::collections::BTreeMap;
use std::future::ready;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::{Map, Value};

use super::round::Round;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{FunctionCall, FunctionResponse};
use crate::stream::BoxFuture;
use crate::tools::{AutomaticFunctionCalling, Decision, FunctionEvent, OnFailure, Toolbox, run};
use crate::trace;

/// Checks that there is a tokio runtime if a time limit needs one.
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) if there is none.
pub(super) fn check_runtime(automatic: &AutomaticFunctionCalling) -> Result<()> {
    let limits = [automatic.time_limit, automatic.approval_time_limit];
    // Outside of a runtime tokio's timer panics, which would be taken for a panic of the function or of the policy.
    if limits.iter().any(Option::is_some) && tokio::runtime::Handle::try_current().is_err() {
        let message = "a time limit for functions needs a tokio runtime";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    Ok(())
}

/// Functions of a round, which run concurrently. Dropping this cancels those that have not ended.
pub(super) struct Running {
    automatic: AutomaticFunctionCalling,
    /// Calls by their index in the round.
    calls: BTreeMap<usize, FunctionCall>,
    /// Approved arguments that differ from those of the model, by the index of the call.
    changed: BTreeMap<usize, Map<String, Value>>,
    futures: FuturesUnordered<BoxFuture<(usize, Result<FunctionResponse>)>>,
    /// Error of the function that failed first.
    failed: Option<Error>,
}

impl Running {
    /// Starts the functions of a round that have no response yet, with the approved arguments if the calls needed
    /// approval. They make progress only while [`next`](Self::next) is awaited.
    pub(super) fn start(
        round: &Round,
        tools: &Toolbox,
        automatic: &AutomaticFunctionCalling,
    ) -> Self {
        let changed = round
            .to_run()
            .filter_map(|(index, _)| match round.decision(index) {
                Some(Decision::RunWith(arguments)) => Some((index, arguments.clone())),
                _ => None,
            });
        let changed: BTreeMap<usize, Map<String, Value>> = changed.collect();
        let calls = round.to_run().map(|(index, call)| {
            let mut call = call.clone();
            call.args = changed.get(&index).cloned().or(call.args);
            (index, call)
        });
        let running = Self::new(calls, automatic, |call| {
            automatic.observe(FunctionEvent::Called(call));
            trace::function(call, tools.run(call, automatic.time_limit))
        });
        Self { changed, ..running }
    }

    /// Answers the calls of a round that have no response yet with an error. No function runs.
    pub(super) fn refuse(
        round: &Round,
        automatic: &AutomaticFunctionCalling,
        error: impl Fn(&FunctionCall) -> Error,
    ) -> Self {
        let calls = round.to_run().map(|(index, call)| (index, call.clone()));
        Self::new(calls, automatic, |call| ready(Err(error(call))).boxed())
    }

    fn new(
        calls: impl Iterator<Item = (usize, FunctionCall)>,
        automatic: &AutomaticFunctionCalling,
        respond: impl Fn(&FunctionCall) -> BoxFuture<Result<FunctionResponse>>,
    ) -> Self {
        let calls: BTreeMap<usize, FunctionCall> = calls.collect();
        let indexed = |(&index, call): (&usize, &FunctionCall)| {
            let response = respond(call);
            response.map(move |outcome| (index, outcome)).boxed()
        };
        let futures = calls.iter().map(indexed).collect();
        Self {
            automatic: automatic.clone(),
            calls,
            changed: BTreeMap::new(),
            futures,
            failed: None,
        }
    }

    /// Returns whether all functions have ended.
    pub(super) fn is_over(&self) -> bool {
        self.futures.is_empty()
    }

    /// Waits for the next response, and returns it with the index of its call. Returns `None` once all functions have
    /// ended. Can be cancelled.
    ///
    /// A function that fails has a response with its error, as the API requires a response to each call.
    pub(super) async fn next(&mut self) -> Option<(usize, FunctionResponse)> {
        let (index, outcome) = self.futures.next().await?;
        // `new` made each future from one of the calls, so there is a call with this index.
        let call = &self.calls[&index];
        let mut response = outcome.unwrap_or_else(|error| {
            let response = run::error_response(call, &error);
            self.failed.get_or_insert(error);
            response
        });
        if let Some(arguments) = self.changed.remove(&index) {
            // The call in the history keeps the model's arguments: it may have a thought signature, and must be sent
            // back unchanged. So the response states the arguments that the function ran with.
            run::note_changed_arguments(&mut response, arguments);
        }
        self.automatic
            .observe(FunctionEvent::Answered(call, &response));
        Some((index, response))
    }

    /// Returns the error of the function that failed first, if a failure ends the turn.
    pub(super) fn failure(&mut self) -> Option<Error> {
        let ends_turn = self.automatic.on_failure == OnFailure::Fail;
        self.failed.take().filter(|_| ends_turn)
    }
}
