//! Runs functions for the model, so that none of them can end the turn.

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
/// Nothing is spawned: dropping the future drops the handler at its next await. A handler that is not `async` cannot be
/// interrupted, neither by that nor by the limit.
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
        // `Function::call` is inside: a handler that is not `async` runs, and panics, in it.
        let running = AssertUnwindSafe(async move {
            let responding = function.call(arguments);
            match limit {
                None => Ok(responding.await),
                Some(limit) => tokio::time::timeout(limit, responding)
                    .await
                    .map_err(|_| limit),
            }
        });
        let response = match running.catch_unwind().await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(error))) => {
                return Err(failed(format!("function `{name}` failed")).with_source(error));
            }
            Ok(Err(limit)) => {
                let message = format!("function `{name}` did not return within {limit:?}");
                return Err(failed(message));
            }
            Err(panic) => {
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

/// Returns the response to a call that failed, for the model: the error that the function returned with its
/// causes, or the reason why it returned none.
pub(crate) fn error_response(call: &FunctionCall, error: &Error) -> FunctionResponse {
    let messages: Vec<String> = error.causes().map(ToString::to_string).collect();
    let message = match messages.as_slice() {
        [] => error.to_string(),
        messages => messages.join(": "),
    };
    FunctionResponse::to(call, json!({ "error": message }))
}

/// Notes in a response that the function ran with other arguments than the model sent.
pub(crate) fn note_changed_arguments(
    response: &mut FunctionResponse,
    arguments: Map<String, Value>,
) {
    let members = response.response.get_or_insert_default();
    if members.contains_key(CHANGED_ARGUMENTS) {
        // The function returned such a member itself.
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
