//! Running functions for the model: all calls at once, none of them able to take the turn down.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::{Map, Value};

use super::Function;
use crate::backend::BoxFuture;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::FunctionCall;

/// Runs one call and gives the answer for the model, or why there is none.
pub(crate) fn call(
    function: Option<Function>,
    call: FunctionCall,
    limit: Option<Duration>,
) -> BoxFuture<Result<Map<String, Value>>> {
    Box::pin(async move {
        let name = call.name.unwrap_or_default();
        let Some(function) = function else {
            let message = format!("no function called `{name}`");
            return Err(Error::new(ErrorKind::Function, message));
        };
        let arguments = call.args.unwrap_or_default();
        let running = CatchPanic(Box::pin(async move { function.call(arguments).await }));
        let outcome = match limit {
            None => running.await,
            Some(limit) => within(limit, running).await?,
        };
        match outcome {
            Ok(result) => result.map(as_object),
            Err(panic) => {
                let message = format!("`{name}` panicked: {}", said(&*panic));
                Err(Error::new(ErrorKind::Function, message))
            }
        }
    })
}

async fn within<T>(limit: Duration, running: impl Future<Output = T>) -> Result<T> {
    if tokio::runtime::Handle::try_current().is_err() {
        let message = "a time limit for functions needs a tokio runtime";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    let late = |_| Error::new(ErrorKind::Function, format!("no answer within {limit:?}"));
    tokio::time::timeout(limit, running).await.map_err(late)
}

/// A result that is no object becomes one: `{"result": …}`.
fn as_object(result: Value) -> Map<String, Value> {
    match result {
        Value::Object(object) => object,
        other => Map::from_iter([("result".to_owned(), other)]),
    }
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
