//! Runs functions for the model, and converts their failures, panics included, into errors.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Map, Value, json};

use super::Function;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{FunctionCall, FunctionResponse};
use crate::stream::BoxFuture;

/// Member of a response with the arguments that replaced the model's arguments.
const CHANGED_ARGUMENTS: &str = "changedArguments";

/// Runs a function on the caller's task and returns its response with the name and id of the call.
///
/// Nothing is spawned: dropping the future drops an `async` handler at the await where it waits. Neither that nor the
/// limit interrupts a handler that is not `async`.
///
/// # Errors
/// The function failed, panicked or exceeded the limit. An error that it returned is the `source`.
pub(crate) fn call(
    function: Function,
    call: FunctionCall,
    limit: Option<Duration>,
) -> BoxFuture<Result<FunctionResponse>> {
    Box::pin(async move {
        let name = function.name().to_owned();
        let failed = |message: String| Error::new(ErrorKind::Function, message);
        let arguments = call.args.unwrap_or_default();
        let response = match contained(move || function.call(arguments), limit).await {
            Contained::Returned(returned) => returned
                .map_err(|error| failed(format!("function `{name}` failed")).with_source(error))?,
            Contained::Exceeded(limit) => {
                let message = format!("function `{name}` did not return within {limit:?}");
                return Err(failed(message));
            }
            Contained::Panicked(panic) => {
                let message = panic_message(&*panic);
                return Err(failed(format!("function `{name}` panicked: {message}")));
            }
        };
        Ok(FunctionResponse {
            id: call.id,
            name: Some(name),
            ..response
        })
    })
}

/// Outcome of code of the user.
pub(super) enum Contained<T> {
    Returned(T),
    /// It exceeded this limit.
    Exceeded(Duration),
    /// It panicked, with this payload.
    Panicked(Box<dyn Any + Send>),
}

/// Runs code of the user, which may exceed the limit or panic.
pub(super) async fn contained<T>(
    start: impl FnOnce() -> BoxFuture<T>,
    limit: Option<Duration>,
) -> Contained<T> {
    // `start` is called inside: it may panic before it returns its future. A function that is not `async` runs in it.
    let running = AssertUnwindSafe(async move {
        let running = start();
        match limit {
            None => Contained::Returned(running.await),
            Some(limit) => match tokio::time::timeout(limit, running).await {
                Ok(output) => Contained::Returned(output),
                Err(_) => Contained::Exceeded(limit),
            },
        }
    });
    let outcome = running.catch_unwind().await;
    outcome.unwrap_or_else(Contained::Panicked)
}

/// Returns the response to a call that failed.
///
/// The model reads the function's own error with its causes. If the function returned none, it reads the reason, such
/// as a panic.
pub(crate) fn error_response(call: &FunctionCall, error: &Error) -> FunctionResponse {
    let message = error.joined_causes().unwrap_or_else(|| error.to_string());
    FunctionResponse::to(call, json!({ "error": message }))
}

/// Adds the arguments to a response, if they replaced the arguments that the model sent.
pub(crate) fn note_changed_arguments(
    response: &mut FunctionResponse,
    arguments: Map<String, Value>,
) {
    let members = response.response.get_or_insert_default();
    if members.contains_key(CHANGED_ARGUMENTS) {
        // The function returned a member of this name itself: its whole response moves into `result`.
        let result = Value::Object(std::mem::take(members));
        members.insert("result".to_owned(), result);
    }
    members.insert(CHANGED_ARGUMENTS.to_owned(), arguments.into());
}

/// Returns the message of a panic.
fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
