//! One reply, shown as it comes, until it ends or is stopped.

use std::pin::pin;
use std::time::Duration;

use generativeai::SendMessage;
use generativeai::protocol::content::{FunctionCall, Part};
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use serde_json::Value;
use tokio::signal;
use tokio::time::sleep;

use super::retries::Retries;
use crate::printer::Printer;

/// A reply that does not begin within this time is waited for visibly.
const AT_ONCE: Duration = Duration::from_millis(800);

/// The most characters of what a function is called with are told.
const LONGEST: usize = 200;

/// How a reply ended, if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It came to its end.
    Whole,
    /// It was stopped, by Ctrl-C for one.
    Stopped,
}

/// Sends a message and shows the reply as it comes, until Ctrl-C.
pub(super) async fn show(message: SendMessage<'_>, printer: &mut Printer) -> anyhow::Result<Reply> {
    show_until(ctrl_c(), message, printer).await
}

/// Sends a message and shows the reply as it comes, until something stops it.
pub(super) async fn show_until(
    stop: impl Future<Output = ()>,
    message: SendMessage<'_>,
    printer: &mut Printer,
) -> anyhow::Result<Reply> {
    let retries = Retries::watch();
    let mut reply = message.stream();
    let mut stop = pin!(stop);
    let mut late = pin!(sleep(AT_ONCE));
    let mut spoke = false;
    let end = loop {
        // Not dropped before it is there: functions that the model called may be running in it.
        let mut next = pin!(reply.next());
        let chunk = loop {
            tokio::select! {
                biased;
                () = &mut stop => break None,
                chunk = &mut next => break Some(chunk),
                told = retries.next() => printer.note(told),
                () = &mut late, if !late.is_elapsed() => printer.wait(),
            }
        };
        match chunk {
            None => break Ok(Reply::Stopped),
            Some(Some(Ok(chunk))) => {
                let text = text_in(&chunk);
                spoke |= !text.is_empty();
                printer.reply(&text)?;
                for call in chunk.function_calls() {
                    tell(call, printer)?;
                }
            }
            Some(Some(Err(error))) => break Err(error),
            Some(None) => break Ok(Reply::Whole),
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

/// The text in a chunk. One without is no failure: what the whole reply is, is judged at its end.
pub(super) fn text_in(chunk: &GenerateContentResponse) -> String {
    chunk.text().unwrap_or_else(|_| {
        // There may be some beside a call.
        let parts = chunk.parts().unwrap_or_default().iter();
        let said = parts.filter(|part| !part.is_thought());
        said.filter_map(Part::as_text).collect()
    })
}

/// Tells that a function is called, and with what.
fn tell(call: &FunctionCall, printer: &mut Printer) -> anyhow::Result<()> {
    let name = call.name();
    let with = match &call.args {
        Some(args) if !args.is_empty() => {
            let args = Value::Object(args.clone()).to_string();
            match args.char_indices().nth(LONGEST) {
                Some((end, _)) => format!(" with {}…", &args[..end]),
                None => format!(" with {args}"),
            }
        }
        _ => String::new(),
    };
    printer.beside(format_args!("(calls {name}{with})"))
}

/// Ends when Ctrl-C is pressed.
pub(super) async fn ctrl_c() {
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

#[cfg(test)]
mod tests {
    use generativeai::protocol::content::Content;

    use super::*;

    #[test]
    fn text_beside_a_call_is_no_less_text() {
        let call = FunctionCall::new("greet", serde_json::Map::new());
        let parts = vec![Part::text("Let me see. "), Part::from(call)];

        assert_eq!(text_in(&Content::model(parts).into()), "Let me see. ");
        assert_eq!(text_in(&GenerateContentResponse::default()), "");
    }
}
