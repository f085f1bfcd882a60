//! The runtime of all blocking calls.

use std::future::IntoFuture;
use std::io;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Waker};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::consume_budget;

use crate::error::{Error, ErrorKind, Result};

/// Waits for the output of a future.
pub(super) fn wait<T>(future: impl IntoFuture<Output = Result<T>>) -> Result<T> {
    block_on(future.into_future())?
}

/// Waits for the next item of a stream. An error of [`block_on`] ends the stream, and sets `has_ended`.
///
/// Otherwise each later call would return the same error, and a loop that skips errors would never end.
pub(super) fn next<T>(
    has_ended: &mut bool,
    item: impl Future<Output = Option<Result<T>>>,
) -> Option<Result<T>> {
    if *has_ended {
        return None;
    }
    block_on(item).unwrap_or_else(|error| {
        *has_ended = true;
        Some(Err(error))
    })
}

/// Runs a future on the runtime of all blocking calls.
///
/// The runtime has a worker thread, although `block_on` runs the future on the caller's thread. Between two calls, the
/// worker drives the tasks of the connections: a connection makes progress only while its runtime runs.
///
/// # Errors
/// The caller is a task of a tokio runtime, or the runtime cannot be started.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    // tokio's `block_on` would panic here.
    if drives_a_task() {
        let message = "`blocking` would stall the async runtime, whose task calls it: use the async API here, or \
                       call it within `tokio::task::spawn_blocking`";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    let start = || {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("generativeai")
            .enable_all()
            .build()
    };
    match RUNTIME.get_or_init(start) {
        Ok(runtime) => Ok(runtime.block_on(future)),
        Err(error) => {
            let message = "the runtime for blocking calls cannot be started";
            Err(Error::new(ErrorKind::Configuration, message).with_source(error.to_string()))
        }
    }
}

/// Returns whether this thread runs a task of a tokio runtime, or the future of `block_on`.
///
/// Both have a cooperative budget of 128 operations, after which `consume_budget` is pending. 256 polls exhaust it.
/// Blocking threads have no budget, so there the polls are always ready. tokio has no public function that
/// distinguishes them. A task whose budget is consumed here yields at its next await.
fn drives_a_task() -> bool {
    let mut context = Context::from_waker(Waker::noop());
    Handle::try_current().is_ok()
        && (0..=u8::MAX).any(|_| pin!(consume_budget()).poll(&mut context).is_pending())
}

#[cfg(test)]
mod tests {
    use tokio::task::{block_in_place, spawn_blocking};

    use super::*;
    use crate::blocking::GenerativeModel;
    use crate::protocol::response::GenerateContentResponse;
    use crate::testing::Scripted;

    fn hello() -> Result<GenerateContentResponse> {
        let model = GenerativeModel::new("m").backend(Scripted::always("Hello!"));
        model.start_chat().send_message("Hello").send()
    }

    /// Finding 7 of tests/newcomer.md.
    #[tokio::test(flavor = "multi_thread")]
    async fn blocking_works_on_threads_of_a_runtime_that_drive_no_task() {
        let reply = spawn_blocking(hello).await.expect("no panic");
        assert_eq!(reply.expect("a reply").text().expect("text"), "Hello!");

        let reply = tokio::spawn(async { block_in_place(hello) }).await;
        assert!(reply.expect("no panic").is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn blocking_in_a_task_is_an_error() {
        let within_task = tokio::spawn(async { hello() }).await.expect("no panic");

        assert_eq!(within_task.unwrap_err().kind(), ErrorKind::Configuration);
        assert!(hello().is_err(), "within the future of `block_on`");
        assert!(spawn_blocking(hello).await.expect("no panic").is_ok());
    }

    #[tokio::test]
    async fn blocking_inside_a_runtime_is_an_error_and_not_a_panic() {
        assert_eq!(hello().unwrap_err().kind(), ErrorKind::Configuration);
    }
}
