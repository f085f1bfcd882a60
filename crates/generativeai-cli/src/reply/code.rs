//! Output of the code block of a reply alone, for scripts (`-x`).

use generativeai::protocol::response::GenerateContentResponse;

use super::receive::{End, Sink, text_of};
use super::text::report_cut;
use crate::code_block;
use crate::render::Printer;

/// Sink that prints the first code block at the end of a reply. A reply without one is printed whole, with a note.
#[derive(Debug, Default)]
pub(crate) struct CodeSink {
    text: String,
}

impl Sink for CodeSink {
    fn waiting(&mut self, printer: &mut Printer) {
        printer.show_waiting();
    }

    fn chunk(&mut self, chunk: &GenerateContentResponse, _: &mut Printer) -> anyhow::Result<()> {
        self.text.push_str(&text_of(chunk));
        Ok(())
    }

    fn end(&mut self, end: End<'_>, printer: &mut Printer) -> anyhow::Result<()> {
        if matches!(end, End::Waits) {
            return Ok(());
        }
        match code_block::all(&self.text).into_iter().next() {
            Some(code) => printer.answer(&code)?,
            None => {
                printer.answer(&self.text)?;
                printer.note("(no code block in the answer)");
            }
        }
        printer.end_answer()?;
        if let End::Complete(response) = end {
            report_cut(response, printer);
        }
        Ok(())
    }
}
