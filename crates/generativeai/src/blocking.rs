//! The same conversation for programs without `async`: the same words, and `send()` for `.await`.
//!
//! ```
//! use generativeai::{blocking::GenerativeModel, testing::Scripted};
//!
//! let model = GenerativeModel::new("gemini-flash-latest")
//!     .backend(Scripted::default().then_text("Hello!").then_chunks(["Good", "bye!"]));
//! let mut chat = model.start_chat();
//!
//! assert_eq!(chat.send_message("Hello").send()?.text()?, "Hello!");
//! for chunk in chat.send_message("Goodbye").stream() {
//!     // A chunk may have no text: it may be a function call, or only token counts.
//!     print!("{}", chunk?.text().unwrap_or_default());
//! }
//! assert_eq!(chat.history().len(), 4);
//! # Ok::<_, generativeai::Error>(())
//! ```
//!
//! Within an async runtime everything here is an error of kind
//! [`Configuration`](crate::ErrorKind::Configuration): blocking would stall the runtime.

use std::future::IntoFuture;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, ErrorKind, Result};

mod chat;
mod model;

pub use chat::{ChatSession, ReplyStream, SendMessage};
pub use model::{CountTokens, GenerateContent, GenerateStream, GenerativeModel};

/// Waits for an answer.
fn wait<T>(answer: impl IntoFuture<Output = Result<T>>) -> Result<T> {
    block_on(answer.into_future())?
}

/// Runs a future on the one runtime of all blocking calls, which also keeps connections alive.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    if Handle::try_current().is_ok() {
        let message = "`blocking` is called within an async runtime: use the async words there";
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
            let message = "the thread for blocking calls does not start";
            Err(Error::new(ErrorKind::Configuration, message).with_source(error.to_string()))
        }
    }
}

/// The next item of a stream; after an error of [`block_on`] nothing more comes.
fn next<T>(refused: &mut bool, item: impl Future<Output = Option<Result<T>>>) -> Option<Result<T>> {
    if *refused {
        return None;
    }
    block_on(item).unwrap_or_else(|error| {
        *refused = true;
        Some(Err(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scripted;

    #[tokio::test]
    async fn blocking_within_a_runtime_is_an_error_and_no_panic() {
        let model = GenerativeModel::new("m").backend(Scripted::default().then_text("Hello!"));

        let error = model.start_chat().send_message("Hello").send().unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}
