//! Receiving a reply: a loop that passes chunks to a sink until the reply ends or is stopped.

use std::pin::pin;
use std::time::Duration;

use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Attempt, Error, ErrorKind, RequestOptions, SendMessage};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::approval;
use crate::render::Printer;

/// Time without a chunk after which the terminal shows that the program waits.
const SHOW_WAITING_AFTER: Duration = Duration::from_millis(800);

/// Destination of a reply, which shows it in some format.
pub(crate) trait Sink {
    /// Shows the next chunk.
    fn chunk(
        &mut self,
        chunk: &GenerateContentResponse,
        printer: &mut Printer,
    ) -> anyhow::Result<()>;

    /// Shows the end of the reply. Called once after the last chunk, also if the reply waits for approval.
    fn end(&mut self, end: End<'_>, printer: &mut Printer) -> anyhow::Result<()>;
}

/// End of a reply, as a sink shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End<'a> {
    Complete(&'a GenerateContentResponse),
    /// Tool calls wait for approval. The reply continues after the decision.
    Waits,
    /// The user stopped the reply.
    Stopped,
    Failed(&'a Error),
}

/// A reply that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) outcome: Outcome,
    /// Number of requests that the reply took.
    pub(crate) hops: usize,
}

/// Outcome of a reply that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The reply ended, or waits for the approval of calls.
    Complete,
    /// The user stopped the reply.
    Stopped,
    /// The decisions on calls were refused, and the calls still wait.
    Refused,
}

/// Sends a message and passes the reply to a sink, until the reply ends or `stop` is ready.
///
/// Decisions on calls may be refused, for example because changed arguments do not fit the function. The error is then
/// printed, and the calls still wait.
///
/// # Errors
/// The reply failed, or the sink did.
pub(crate) async fn receive(
    message: SendMessage<'_>,
    sink: &mut dyn Sink,
    stop: impl Future<Output = ()>,
    printer: &mut Printer,
) -> anyhow::Result<Received> {
    // The callback runs within `next` below, while this function owns the printer. So retries go through a channel.
    let (sender, mut retries) = mpsc::unbounded_channel();
    let options = RequestOptions::default().on_retry(move |attempt| {
        let _ = sender.send(retry_note(attempt));
    });
    let mut reply = message.request_options(options).stream();
    let mut stop = pin!(stop);
    let mut late = pin!(sleep(SHOW_WAITING_AFTER));
    let outcome = loop {
        // `None` if the user stops the reply.
        let next = {
            // Pinned outside of the inner loop, so that the note about a retry does not drop it: it may be running
            // functions that the model called.
            let mut next = pin!(reply.next());
            loop {
                tokio::select! {
                    biased;
                    () = &mut stop => break None,
                    chunk = &mut next => break Some(chunk),
                    Some(retry) = retries.recv() => printer.note(retry),
                    () = &mut late, if !late.is_elapsed() => printer.show_waiting(),
                }
            }
        };
        // If a retry needs no wait, the chunk may be ready in the same poll as the note about the retry.
        while let Ok(retry) = retries.try_recv() {
            printer.note(retry);
        }
        match next {
            Some(Some(Ok(chunk))) => sink.chunk(&chunk, printer)?,
            Some(Some(Err(error))) => {
                let hops = reply.hops();
                let waits = !approval::waiting(reply.into_chat()).is_empty();
                if waits && error.kind() == ErrorKind::Request {
                    sink.end(End::Waits, printer)?;
                    printer.error(&error.into());
                    let outcome = Outcome::Refused;
                    return Ok(Received { outcome, hops });
                }
                sink.end(End::Failed(&error), printer)?;
                return Err(error.into());
            }
            Some(None) => break Outcome::Complete,
            None => break Outcome::Stopped,
        }
    };
    printer.clear_waiting();
    let (hops, response) = (reply.hops(), reply.response().cloned());
    let is_complete = outcome == Outcome::Complete;
    let end = match &response {
        _ if is_complete && !approval::waiting(reply.into_chat()).is_empty() => End::Waits,
        Some(response) if is_complete => End::Complete(response),
        _ => End::Stopped,
    };
    sink.end(end, printer)?;
    Ok(Received { outcome, hops })
}

/// Describes a failed attempt and the wait before the next.
fn retry_note(attempt: &Attempt) -> String {
    let (outcome, next) = (&attempt.outcome, attempt.number + 1);
    if attempt.waited.is_zero() {
        // Without a wait, the next attempt goes to another model.
        return format!("({outcome}; Ctrl-C stops)");
    }
    let wait = attempt.waited.as_secs_f64();
    format!("({outcome}: attempt {next} in {wait:.1} s; Ctrl-C stops)")
}
