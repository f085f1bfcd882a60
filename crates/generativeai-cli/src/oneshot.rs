//! One message and its reply, without a prompt.

use std::time::Instant;

use clap::ValueEnum;
use generativeai::ChatSession;
use generativeai::protocol::content::Content;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::conversation::Conversation;
use crate::exit::Exit;
use crate::render::Printer;
use crate::reply::{self, CodeSink, JsonLinesSink, JsonSink, Outcome, TextSink, ctrl_c};
use crate::storage;
use crate::usage::ReplyUsage;

/// Format of the answer on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// The text of the answer, as it arrives
    #[default]
    Text,
    /// One JSON object, when the answer is complete
    Json,
    /// A JSON object a line: pieces as they arrive, and the complete answer or the error as the last
    Jsonl,
    /// The first code block of the answer, when it is complete
    #[value(skip)]
    Code,
}

/// Settings of a single message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneShot {
    /// Format of the answer on stdout.
    pub(crate) output: Output,
    /// Whether the answer must be JSON.
    pub(crate) structured: bool,
    /// Whether to print token counts and time.
    pub(crate) stats: bool,
}

impl OneShot {
    /// Sends a message, prints the answer, and saves both.
    pub(crate) fn run(
        self,
        runtime: &Runtime,
        mut conversation: Conversation,
        message: Content,
        printer: &mut Printer,
    ) -> anyhow::Result<Exit> {
        let mut exit = self.answer(runtime, &mut conversation.chat, message, printer);
        if matches!(exit, Ok(Exit::Interrupted)) {
            conversation.chat.keep_partial();
        }
        let closed = runtime.block_on(async {
            let closing = storage::close(conversation);
            storage::unless_stopped(ctrl_c(), closing, printer).await
        });
        match closed {
            Some(Ok(())) => {}
            Some(Err(error)) => storage::report_unsaved(&error, printer),
            None => {
                printer.note("(the last messages are not saved)");
                exit = exit.map(|_| Exit::Interrupted);
            }
        }
        exit
    }

    fn answer(
        self,
        runtime: &Runtime,
        chat: &mut ChatSession,
        message: Content,
        printer: &mut Printer,
    ) -> anyhow::Result<Exit> {
        let started = Instant::now();
        let message = chat.send_message(message);
        let outcome = runtime.block_on(async {
            let stop = ctrl_c();
            match self.output {
                Output::Text => {
                    reply::receive(message, &mut TextSink::default(), stop, printer).await
                }
                Output::Code => {
                    reply::receive(message, &mut CodeSink::default(), stop, printer).await
                }
                Output::Json => {
                    let mut sink = JsonSink::new(self.structured);
                    reply::receive(message, &mut sink, stop, printer).await
                }
                Output::Jsonl => {
                    let mut sink = JsonLinesSink::new(self.structured);
                    reply::receive(message, &mut sink, stop, printer).await
                }
            }
        })?;
        let took = started.elapsed();
        if outcome == Outcome::Stopped {
            return Ok(Exit::Interrupted);
        }
        if let Some(response) = chat.last() {
            if self.stats {
                printer.note(ReplyUsage::new(response.usage_metadata.as_deref(), took));
            }
            if self.structured {
                // With `Output::Text` the JSON was printed as it arrived, and is checked only here.
                response.json::<Value>()?;
            }
        }
        Ok(Exit::Success)
    }
}
