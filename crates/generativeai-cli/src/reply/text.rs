//! Replies for people: text as it arrives, and notes about function calls.

use generativeai::protocol::content::FunctionCall;
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use serde_json::Value;

use super::receive::{End, Sink};
use crate::render::{Printer, visible};

/// Maximum length of displayed function arguments, in characters.
const MAX_ARGUMENTS: usize = 200;

/// Sink that prints the text of a reply as it arrives.
#[derive(Debug, Default)]
pub(crate) struct TextSink {
    /// Whether any text arrived.
    has_text: bool,
    /// Whether the caller reports a truncated reply.
    is_in_session: bool,
}

impl TextSink {
    /// Creates the sink of a reply in a session at the terminal, which reports a truncated reply itself.
    pub(crate) fn in_session() -> Self {
        Self {
            is_in_session: true,
            ..Self::default()
        }
    }
}

impl Sink for TextSink {
    fn chunk(
        &mut self,
        chunk: &GenerateContentResponse,
        printer: &mut Printer,
    ) -> anyhow::Result<()> {
        let text = chunk.text_lossy();
        self.has_text |= !text.is_empty();
        printer.reply(&text)?;
        for call in chunk.function_calls() {
            printer.note_inline(format_args!("({})", describe(call)))?;
        }
        Ok(())
    }

    fn end(&mut self, end: End<'_>, printer: &mut Printer) -> anyhow::Result<()> {
        printer.end_answer()?;
        if let End::Complete(response) = end {
            if !self.has_text {
                let kinds = kinds(response);
                printer.note(format_args!("(no text in the reply: {kinds})"));
            }
            if !self.is_in_session {
                report_cut(response, printer);
            }
        }
        Ok(())
    }
}

/// Returns whether a reply ended at the token limit.
pub(crate) fn is_cut(response: &GenerateContentResponse) -> bool {
    response.finish_reason() == Some(&FinishReason::MaxTokens)
}

/// Reports that the reply to a single message ended at the token limit.
pub(super) fn report_cut(response: &GenerateContentResponse, printer: &mut Printer) {
    if is_cut(response) {
        printer.note(
            "(reply cut off: token limit reached; --max-output-tokens sets the limit, and \
             --context that of an embedded model)",
        );
    }
}

/// Describes a function call with the beginning of its arguments.
fn describe(call: &FunctionCall) -> String {
    let name = call.name();
    match &call.args {
        Some(args) if !args.is_empty() => {
            let args = visible(&Value::Object(args.clone()).to_string());
            match args.char_indices().nth(MAX_ARGUMENTS) {
                Some((end, _)) => format!("calls {name} with {}…", &args[..end]),
                None => format!("calls {name} with {args}"),
            }
        }
        _ => format!("calls {name}"),
    }
}

/// Returns the kinds of the parts of a response without text, such as an image, a function call or thoughts.
fn kinds(response: &GenerateContentResponse) -> String {
    let parts = response.parts().unwrap_or_default().iter();
    let kinds: Vec<_> = parts
        .filter_map(|part| match part.is_thought() {
            true => Some("thoughts"),
            false => part.kind(),
        })
        .collect();
    kinds.join(", ")
}
