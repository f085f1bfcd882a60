//! One reply, shown as it comes, until it ends or is stopped.

use generativeai::SendMessage;
use generativeai::protocol::{FinishReason, GenerateContentResponse};
use tokio::signal;

use crate::printer::Printer;

/// How a reply ended, if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It came to its end.
    Whole,
    /// Ctrl-C stopped it.
    Stopped,
}

/// Sends a message and shows the reply as it comes.
pub(super) async fn show(message: SendMessage<'_>, printer: &mut Printer) -> anyhow::Result<Reply> {
    let mut reply = message.stream();
    let mut stop = std::pin::pin!(ctrl_c());
    let mut spoke = false;
    let end = loop {
        let chunk = tokio::select! {
            biased;
            () = &mut stop => break Ok(Reply::Stopped),
            chunk = reply.next() => chunk,
        };
        match chunk {
            // A chunk without text is no failure: what the whole reply is, is judged at its end.
            Some(Ok(chunk)) => {
                let text = chunk.text().unwrap_or_default();
                spoke |= !text.is_empty();
                printer.answer(&text)?;
            }
            Some(Err(error)) => break Err(error),
            None => break Ok(Reply::Whole),
        }
    };
    printer.end_answer()?;
    if end.as_ref().is_ok_and(|end| *end == Reply::Whole)
        && let Some(response) = reply.response()
    {
        remark(response, spoke, printer);
    }
    Ok(end?)
}

/// Ends when Ctrl-C is pressed.
async fn ctrl_c() {
    if signal::ctrl_c().await.is_err() {
        // Where it cannot be heard, it ends the whole program.
        std::future::pending().await
    }
}

/// Says what the shown text does not: that there is none, or that it was cut.
fn remark(response: &GenerateContentResponse, spoke: bool, printer: &mut Printer) {
    if !spoke {
        let kinds: Vec<_> = response
            .parts()
            .unwrap_or_default()
            .iter()
            .filter_map(|part| part.kind())
            .collect();
        printer.note(format_args!(
            "(the reply holds no text: {})",
            kinds.join(", ")
        ));
    }
    if response.finish_reason() == Some(&FinishReason::MaxTokens) {
        printer.note("(the reply was cut: it reached the most tokens it may have)");
    }
}
