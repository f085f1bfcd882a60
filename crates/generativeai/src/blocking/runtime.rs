//! The runtime of all blocking calls.

use std::future::IntoFuture;
use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, ErrorKind, Result};

/// Waits for the output of a future.
pub(super) fn wait<T>(future: impl IntoFuture<Output = Result<T>>) -> Result<T> {
    block_on(future.into_future())?
}

/// Waits for the next item of a stream. An error of [`block_on`] ends the stream.
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

/// Runs a future on the runtime of all blocking calls. A connection makes progress only while its runtime runs, so
/// the runtime has a thread that keeps idle connections alive between calls.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    if Handle::try_current().is_ok() {
        let message = "`blocking` cannot be used inside an async runtime: use the async API there";
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocking::GenerativeModel;
    use crate::testing::Scripted;

    #[tokio::test]
    async fn blocking_inside_a_runtime_is_an_error_and_not_a_panic() {
        let model = GenerativeModel::new("m").backend(Scripted::default().then_text("Hello!"));

        let error = model.start_chat().send_message("Hello").send().unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}
