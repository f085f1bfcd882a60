//! Running the functions of a round.

use std::future::ready;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use super::round::Round;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{FunctionCall, FunctionResponse};
use crate::protocol::response::FinishReason;
use crate::stream::BoxFuture;
use crate::tools::{AutomaticFunctionCalling, FunctionEvent, OnFailure, Toolbox, run};
use crate::trace;

/// Functions of a round that are running, all at once. Dropping them cancels those that have not ended.
pub(super) struct Running {
    automatic: AutomaticFunctionCalling,
    calls: Vec<FunctionCall>,
    futures: FuturesUnordered<BoxFuture<(usize, Result<FunctionResponse>)>>,
    /// Error of the function that failed first.
    failed: Option<Error>,
}

impl Running {
    /// Starts the functions of a round. They run on the caller's task, while [`next`](Self::next) is awaited.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if there is a time limit, but no tokio runtime to measure it.
    pub(super) fn start(
        round: &Round,
        tools: &Toolbox,
        automatic: &AutomaticFunctionCalling,
    ) -> Result<Self> {
        if automatic.time_limit.is_some() && tokio::runtime::Handle::try_current().is_err() {
            let message = "a time limit for functions needs a tokio runtime";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        let run = |call: &FunctionCall| tools.run(call, automatic.time_limit);
        Ok(Self::new(round, automatic, run))
    }

    /// Answers the calls of a round that the service rejected with a finish reason. No function runs, since the calls
    /// may not be what the model meant.
    pub(super) fn reject(
        round: &Round,
        tools: &Toolbox,
        automatic: &AutomaticFunctionCalling,
        reason: &FinishReason,
    ) -> Self {
        let reject = |call: &FunctionCall| ready(Err(tools.rejected(call.name(), reason))).boxed();
        Self::new(round, automatic, reject)
    }

    fn new(
        round: &Round,
        automatic: &AutomaticFunctionCalling,
        respond: impl Fn(&FunctionCall) -> BoxFuture<Result<FunctionResponse>>,
    ) -> Self {
        let calls: Vec<FunctionCall> = round.calls().cloned().collect();
        let start = |(index, call)| {
            automatic.observe(FunctionEvent::Called(call));
            let response = trace::function(call, respond(call));
            response.map(move |outcome| (index, outcome)).boxed()
        };
        let futures = calls.iter().enumerate().map(start).collect();
        Self {
            automatic: automatic.clone(),
            calls,
            futures,
            failed: None,
        }
    }

    /// Waits for the next response, and returns it with the index of its call. Returns `None` once all functions have
    /// ended. A function that fails has a response with its error.
    pub(super) async fn next(&mut self) -> Option<(usize, FunctionResponse)> {
        let (index, outcome) = self.futures.next().await?;
        let call = &self.calls[index];
        let response = outcome.unwrap_or_else(|error| {
            let response = run::error_response(call, &error);
            self.failed.get_or_insert(error);
            response
        });
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
