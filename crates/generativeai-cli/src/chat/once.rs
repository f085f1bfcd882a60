//! One message, one answer.

use std::time::Instant;

use generativeai::ChatSession;
use generativeai::protocol::content::Content;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::conversation::Conversation;
use super::output::{self, Output};
use super::reply::{self, Reply, ctrl_c};
use super::spent::Cost;
use super::{kept, saving};
use crate::exit::Exit;
use crate::printer::Printer;

/// How one message is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Once {
    /// In which form the answer goes to stdout.
    pub(super) output: Output,
    /// Whether the answer must be JSON.
    pub(super) structured: bool,
    /// Whether to tell what it cost.
    pub(super) stats: bool,
}

impl Once {
    /// Asks once, shows the answer, and keeps what was said.
    pub(super) fn ask(
        self,
        runtime: &Runtime,
        mut conversation: Conversation,
        message: Content,
        printer: &mut Printer,
    ) -> anyhow::Result<Exit> {
        let mut ended = self.answer(runtime, &mut conversation.chat, message, printer);
        if matches!(ended, Ok(Exit::Interrupted)) {
            conversation.keep_what_came();
        }
        let closed = runtime.block_on(async {
            let closing = kept::close(conversation);
            saving::until(ctrl_c(), closing, printer).await
        });
        match closed {
            Some(Ok(())) => {}
            Some(Err(error)) => kept::missing(&error, printer),
            None => {
                printer.note("(what was said last is not kept)");
                ended = ended.map(|_| Exit::Interrupted);
            }
        }
        ended
    }

    fn answer(
        self,
        runtime: &Runtime,
        chat: &mut ChatSession,
        message: Content,
        printer: &mut Printer,
    ) -> anyhow::Result<Exit> {
        let began = Instant::now();
        let message = chat.send_message(message);
        let reply = runtime.block_on(async {
            match self.output {
                Output::Text => reply::show(message, printer).await,
                Output::Json | Output::Jsonl => output::show(message, self, printer).await,
            }
        })?;
        let took = began.elapsed();
        if reply == Reply::Stopped {
            return Ok(Exit::Interrupted);
        }
        if let Some(response) = chat.last() {
            if self.stats {
                printer.note(Cost::new(response.usage_metadata.as_deref(), took));
            }
            if self.structured {
                response.json::<Value>()?;
            }
        }
        Ok(Exit::Done)
    }
}
