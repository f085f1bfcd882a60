//! A single message and its reply, as in `genai chat MESSAGE`.

use std::time::Instant;

use clap::ValueEnum;
use generativeai::ChatSession;
use generativeai::protocol::content::Content;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::approval::{self, Approvals};
use crate::conversation::Conversation;
use crate::exit::Exit;
use crate::render::Printer;
use crate::reply::{
    self, Answer, CodeSink, End, JsonLinesSink, JsonSink, Outcome, Received, Sink, TextSink,
};
use crate::schema;
use crate::signals::Signals;
use crate::storage;
use crate::terminal;
use crate::usage::ReplyUsage;

/// Format of the answer on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// The text of the answer, as it arrives
    #[default]
    Text,
    /// One JSON object, when the answer is complete
    Json,
    /// One JSON object per line: pieces as they arrive, then the complete answer or the error
    Jsonl,
    /// The first code block of the answer, when it is complete
    #[value(skip)]
    Code,
}

/// Options for a single message.
#[derive(Clone, Debug)]
pub(crate) struct OneShot {
    /// Format of the answer on stdout.
    pub(crate) output: Output,
    /// The JSON Schema of the answer.
    pub(crate) schema: Option<Value>,
    /// Whether to print token counts and time.
    pub(crate) stats: bool,
    /// Approvals of tool calls. `None` without tools.
    pub(crate) approvals: Option<Approvals>,
}

impl OneShot {
    /// Sends a message, prints the answer, and saves both.
    pub(crate) fn run(
        self,
        runtime: &Runtime,
        signals: &Signals,
        mut conversation: Conversation,
        message: Content,
        printer: &mut Printer,
    ) -> anyhow::Result<Exit> {
        let chat = &mut conversation.chat;
        let mut exit = self.answer(runtime, signals, chat, message, printer);
        if matches!(exit, Ok(exit) if exit != Exit::Success) && !conversation.can_continue() {
            // The session gets the part that the user has seen, so that it can be continued. A reply with a token stays
            // unfinished, so that `/continue` can use the token.
            conversation.chat.keep_partial();
        }
        // The Ctrl-C that stopped the reply does not stop the saving.
        signals.clear();
        if !runtime.block_on(storage::close(conversation, signals, printer)) {
            exit = exit.map(|_| Exit::Interrupted);
        }
        exit
    }

    /// Reports the tools that were denied without a terminal to ask at. JSON output contains these decisions.
    fn report_denied(&self, printer: &mut Printer) {
        for name in self.approvals.iter().flat_map(Approvals::not_allowed) {
            printer.note(format_args!(
                "(the tool {name} was not run: allow it with --allow {name}, or all with --yes)"
            ));
        }
    }

    /// Sends a message and receives the reply.
    ///
    /// A turn that needs approval for calls ends and waits. Then the user is asked, and the turn continues with the
    /// decisions, until no call waits.
    fn receive(
        &self,
        runtime: &Runtime,
        signals: &Signals,
        chat: &mut ChatSession,
        message: Content,
        sink: &mut dyn Sink,
        printer: &mut Printer,
    ) -> anyhow::Result<Received> {
        let mut next = approval::send(chat, message);
        loop {
            let received = reply::receive(next, sink, signals.stop(), printer);
            let received = runtime.block_on(received)?;
            let calls = approval::waiting(chat);
            let waits = received.outcome != Outcome::Stopped && !calls.is_empty();
            let Some(approvals) = self.approvals.as_ref().filter(|_| waits) else {
                return Ok(received);
            };
            let mut read = |printer: &mut Printer| {
                printer.ask("> ");
                terminal::wait_for_line(|| signals.is_stopped());
                let line = terminal::read_line(|| signals.is_stopped());
                let line = line.ok().flatten().filter(|line| !line.is_empty());
                if line.is_none() {
                    // The cursor is behind the question, or behind `^C`.
                    printer.control("\n");
                }
                line
            };
            if received.outcome == Outcome::Refused {
                approvals.forget(&calls);
            }
            match approvals.ask(&calls, printer, &mut read) {
                Some(decisions) => next = chat.decide(decisions),
                None => {
                    sink.end(End::Stopped, printer)?;
                    return Ok(Received {
                        outcome: Outcome::Stopped,
                        ..received
                    });
                }
            }
        }
    }

    /// Sends a message, and prints the answer in the chosen format.
    fn answer(
        &self,
        runtime: &Runtime,
        signals: &Signals,
        chat: &mut ChatSession,
        message: Content,
        printer: &mut Printer,
    ) -> anyhow::Result<Exit> {
        let started = Instant::now();
        if let Some(approvals) = &self.approvals {
            chat.set_automatic_function_calling(approvals.function_calling());
        }
        approval::leave_waiting(chat, printer);
        let json = || Answer::new(self.schema.is_some(), self.approvals.clone());
        let mut sink: Box<dyn Sink> = match self.output {
            Output::Text => Box::new(TextSink::default()),
            Output::Code => Box::new(CodeSink::default()),
            Output::Json => Box::new(JsonSink(json())),
            Output::Jsonl => Box::new(JsonLinesSink(json())),
        };
        let received = self.receive(runtime, signals, chat, message, &mut *sink, printer)?;
        self.report_denied(printer);
        let took = started.elapsed();
        if received.outcome == Outcome::Stopped {
            return Ok(signals.exit_code());
        }
        if let Some(response) = chat.last() {
            if self.stats {
                let usage = ReplyUsage::new(response.usage_metadata.as_deref(), took);
                printer.note(usage.hops(received.hops));
            }
            if let Some(schema) = &self.schema {
                // Text is printed as it arrives, so it can be checked only at the end.
                schema::check_response(schema, response)?;
            }
        }
        Ok(Exit::Success)
    }
}
