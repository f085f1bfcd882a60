//! Output of the code block of a reply alone, for scripts (`-x`).

use anyhow::bail;
use generativeai::protocol::response::GenerateContentResponse;

use super::receive::{End, Sink};
use super::text::report_cut;
use crate::code_block;
use crate::render::Printer;

/// Sink that prints the first code block of a complete reply. A reply without one is an error, and goes to stderr.
#[derive(Debug, Default)]
pub(crate) struct CodeSink {
    text: String,
}

impl Sink for CodeSink {
    fn chunk(&mut self, chunk: &GenerateContentResponse, _: &mut Printer) -> anyhow::Result<()> {
        self.text.push_str(&chunk.text_lossy());
        Ok(())
    }

    fn end(&mut self, end: End<'_>, printer: &mut Printer) -> anyhow::Result<()> {
        let response = match end {
            End::Complete(response) => response,
            End::Waits => return Ok(()),
            // A shell may run the output, and a part of a script may do harm.
            End::Stopped | End::Failed(_) => {
                if !self.text.is_empty() {
                    printer.note("(the reply is incomplete: its code is not printed)");
                }
                return Ok(());
            }
        };
        let Some(code) = code_block::all(&self.text).into_iter().next() else {
            // A shell may run the output, so it must not contain prose.
            printer.note(&self.text);
            report_cut(response, printer);
            bail!("the answer has no code block");
        };
        printer.answer(&code)?;
        printer.end_answer()?;
        report_cut(response, printer);
        Ok(())
    }
}
