//! Running functions for the model: all calls at once, none of them able to take the turn down.

use std::any::Any;
use std::error::Error as StdError;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::json;

use super::Function;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{FunctionCall, FunctionResponse};
use crate::stream::BoxFuture;

/// Runs one call and gives the answer for the model, or why there is none.
///
/// The error of a function that failed has for its source what the function said.
pub(crate) fn call(
    function: Option<Function>,
    call: FunctionCall,
    limit: Option<Duration>,
) -> BoxFuture<Result<FunctionResponse>> {
    Box::pin(async move {
        let name = call.name.unwrap_or_default();
        let failed = |message| Error::new(ErrorKind::Function, message);
        let Some(function) = function else {
            return Err(failed(format!("no function called `{name}`")));
        };
        let arguments = call.args.unwrap_or_default();
        let running = CatchPanic(Box::pin(async move {
            let running = function.call(arguments);
            match limit {
                None => Some(running.await),
                Some(limit) => tokio::time::timeout(limit, running).await.ok(),
            }
        }));
        match running.await {
            Ok(Some(Ok(answer))) => Ok(FunctionResponse {
                id: call.id,
                name: Some(name),
                ..answer
            }),
            Ok(Some(Err(error))) => {
                Err(failed(format!("the function `{name}` failed")).with_source(error))
            }
            Ok(None) => {
                let limit = limit.unwrap_or_default();
                Err(failed(format!(
                    "the function `{name}` gave no answer within {limit:?}"
                )))
            }
            Err(panic) => {
                let said = said(&*panic);
                Err(failed(format!("the function `{name}` panicked: {said}")))
            }
        }
    })
}

/// The answer to a call whose function failed, for the model to read: what the function said, with
/// its causes, or what became of it.
pub(crate) fn failure(call: &FunctionCall, error: &Error) -> FunctionResponse {
    let mut cause = StdError::source(error);
    let mut said = match cause {
        None => error.to_string(),
        Some(_) => String::new(),
    };
    while let Some(error) = cause {
        if !said.is_empty() {
            said.push_str(": ");
        }
        said.push_str(&error.to_string());
        cause = error.source();
    }
    FunctionResponse::to(call, json!({ "error": said }))
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

struct CatchPanic<F>(Pin<Box<F>>);

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// Futures that run together, each giving its result with its place when it is done.
pub(crate) struct Together<T> {
    running: Vec<Option<BoxFuture<T>>>,
}

impl<T> Default for Together<T> {
    fn default() -> Self {
        Self {
            running: Vec::new(),
        }
    }
}

impl<T> Together<T> {
    pub(crate) fn push(&mut self, future: BoxFuture<T>) {
        self.running.push(Some(future));
    }

    /// The next result, with the place of its future; `None` when all are done.
    pub(crate) async fn next(&mut self) -> Option<(usize, T)> {
        poll_fn(|cx| {
            let mut waiting = false;
            for (at, slot) in self.running.iter_mut().enumerate() {
                let Some(future) = slot else { continue };
                if let Poll::Ready(result) = future.as_mut().poll(cx) {
                    *slot = None;
                    return Poll::Ready(Some((at, result)));
                }
                waiting = true;
            }
            if waiting {
                Poll::Pending
            } else {
                Poll::Ready(None)
            }
        })
        .await
    }
}
