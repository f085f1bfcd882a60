//! One message, one answer.

use std::time::Instant;

use generativeai::ChatSession;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::output::{self, Output};
use super::reply::{self, Reply};
use super::spent::Cost;
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
    /// Asks once and shows the answer.
    pub(super) fn ask(
        self,
        runtime: &Runtime,
        chat: &mut ChatSession,
        message: &str,
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
