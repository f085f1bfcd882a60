//! Check that a backend behaves as chats require.

use crate::chat::ChatSession;
use crate::error::{Error, ErrorKind, Result};
use crate::model::GenerativeModel;
use crate::protocol::response::GenerateContentResponse;

/// Checks that a backend behaves as chats require. Use it in the tests of a [`Backend`](crate::Backend).
///
/// The check sends four short messages: one awaited, one streamed, one streamed and dropped after its first
/// chunk, and one more awaited. It requires that
///
/// - a reply has text;
/// - a stream ends with a finish reason, and its chunks add up to the text of the whole response;
/// - a dropped reply does not change the history and does not prevent the next one.
///
/// The settings of the model apply to each message. For a backend with a real model, set
/// [`max_output_tokens`](crate::protocol::config::GenerationConfig::max_output_tokens) and
/// [`seed`](crate::protocol::config::GenerationConfig::seed), so that the replies are short and do not change between
/// runs.
///
/// # Errors
/// [`ErrorKind::Decode`] with the rule that the backend broke, or the error that the backend returned.
///
/// ```
/// use generativeai::protocol::config::GenerationConfig;
/// use generativeai::{GenerativeModel, check_backend, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// // In your tests this is your backend.
/// let backend = Scripted::default()
///     .then_text("one")
///     .then_chunks(["two ", "three"])
///     .then_chunks(["dropped", "unread"])
///     .then_text("four");
/// let model = GenerativeModel::new("some-model")
///     .backend(backend)
///     .generation_config(GenerationConfig::default().max_output_tokens(32).seed(1));
/// check_backend(&model).await?;
/// # Ok(()) }
/// ```
pub async fn check_backend(model: &GenerativeModel) -> Result<()> {
    let mut chat = model.start_chat();

    let awaited = chat.send_message("Say hello.").await?;
    check_text(&awaited, "an awaited reply")?;
    check_history(&chat, 2)?;

    let mut reply = chat.send_message("Say it again.").stream();
    let mut streamed = String::new();
    while let Some(chunk) = reply.next().await {
        streamed.push_str(&chunk?.text_lossy());
    }
    check_history(&chat, 4)?;
    let whole = chat.last().map(GenerateContentResponse::text).transpose()?;
    let whole = whole.unwrap_or_default();
    if streamed != whole {
        return Err(broken(format!(
            "the chunks of a stream add up to {streamed:?}, but the whole response has {whole:?}"
        )));
    }

    let mut dropped = chat.send_message("Count to a hundred.").stream();
    dropped.next().await.transpose()?;
    drop(dropped);
    check_history(&chat, 4)?;

    let after = chat.send_message("Say goodbye.").await?;
    check_text(&after, "the reply after a dropped one")?;
    check_history(&chat, 6)
}

fn check_text(reply: &GenerateContentResponse, which: &str) -> Result<()> {
    match reply.text()?.is_empty() {
        true => Err(broken(format!("{which} has no text"))),
        false => Ok(()),
    }
}

fn check_history(chat: &ChatSession, expected: usize) -> Result<()> {
    let contents = chat.history().len();
    if contents == expected {
        return Ok(());
    }
    Err(broken(format!(
        "the history has {contents} contents instead of {expected}"
    )))
}

fn broken(rule: String) -> Error {
    Error::new(ErrorKind::Decode, rule)
}
