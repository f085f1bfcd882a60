//! What a chat relies on in any backend, as one check.

use crate::backend::Backend;
use crate::chat::ChatSession;
use crate::error::{Error, ErrorKind, Result};
use crate::model::GenerativeModel;
use crate::protocol::response::GenerateContentResponse;

/// Checks that a backend keeps what a chat relies on; for the tests of a backend.
///
/// It asks a few short questions of the model named: awaited, streamed, and dropped half way. A
/// stream must end with a finish reason, its chunks must add up to a text, and a reply that is
/// dropped must leave the backend able to answer the next.
///
/// # Errors
/// What was not kept, or the error the backend gave.
///
/// ```
/// use generativeai::testing::{Scripted, contract};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let backend = Scripted::default()
///     .then_text("one")
///     .then_chunks(["two ", "three"])
///     .then_chunks(["dropped", "unread"])
///     .then_text("four");
/// contract("some-model", backend).await?;
/// # Ok(()) }
/// ```
pub async fn contract(model: &str, backend: impl Backend + 'static) -> Result<()> {
    let mut chat = GenerativeModel::new(model).backend(backend).start_chat();

    let awaited = chat.send_message("Say hello.").await?;
    speaks(&awaited, "an awaited reply")?;
    holds(&chat, 2)?;

    let mut reply = chat.send_message("Say it again.").stream();
    let mut text = String::new();
    while let Some(chunk) = reply.next().await {
        text.push_str(&chunk?.text().unwrap_or_default());
    }
    holds(&chat, 4)?;
    let joined = chat
        .last()
        .map(GenerateContentResponse::text)
        .transpose()?
        .unwrap_or_default();
    if text != joined {
        return Err(broken(format!(
            "the chunks say {text:?}, the whole {joined:?}"
        )));
    }

    let mut dropped = chat.send_message("Count to a hundred.").stream();
    dropped.next().await.transpose()?;
    drop(dropped);
    holds(&chat, 4)?;

    speaks(
        &chat.send_message("Say goodbye.").await?,
        "the reply after a dropped one",
    )?;
    holds(&chat, 6)
}

fn speaks(reply: &GenerateContentResponse, which: &str) -> Result<()> {
    let said = reply.text()?;
    if said.is_empty() {
        Err(broken(format!("{which} has no text")))
    } else {
        Ok(())
    }
}

fn holds(chat: &ChatSession, contents: usize) -> Result<()> {
    let held = chat.history().len();
    if held == contents {
        return Ok(());
    }
    Err(broken(format!(
        "the history has {held} contents where {contents} were said"
    )))
}

fn broken(what: String) -> Error {
    Error::new(ErrorKind::Decode, what)
}
