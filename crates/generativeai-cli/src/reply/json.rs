//! Replies for programs: one JSON object, or one object per line. `docs/output.md` specifies them.

use std::time::Instant;

use generativeai::Error;
use generativeai::protocol::content::FunctionCall;
use generativeai::protocol::response::GenerateContentResponse;
use serde_json::{Map, Value, json};

use super::receive::{End, Sink};
use crate::approval::Approvals;
use crate::render::Printer;
use crate::usage::ReplyUsage;

/// Sink that prints the whole answer as one JSON object (`--output json`). If the reply fails, it prints nothing.
#[derive(Debug)]
pub(crate) struct JsonSink(pub(crate) Answer);

/// Sink that prints one JSON object per line while the reply arrives (`--output jsonl`).
#[derive(Debug)]
pub(crate) struct JsonLinesSink(pub(crate) Answer);

/// Parts of the answer that are not in the last response: a turn with function calls consists of several responses.
#[derive(Debug)]
pub(crate) struct Answer {
    started: Instant,
    /// Whether the reply must be JSON, which is added as `data`.
    structured: bool,
    /// Function calls of all responses.
    calls: Vec<Value>,
    /// Approvals of tools, if there are any.
    approvals: Option<Approvals>,
    /// Decisions on the calls.
    decisions: Vec<Value>,
}

impl Sink for JsonSink {
    fn chunk(&mut self, chunk: &GenerateContentResponse, _: &mut Printer) -> anyhow::Result<()> {
        self.0.calls.extend(chunk.function_calls().map(call));
        Ok(())
    }

    fn end(&mut self, end: End<'_>, printer: &mut Printer) -> anyhow::Result<()> {
        if let End::Complete(response) = end {
            let answer = self.0.complete(response)?;
            printer.answer(&format!("{answer}\n"))?;
        }
        Ok(())
    }
}

impl JsonLinesSink {
    /// Prints a line for each decision since the last one.
    fn print_decisions(&mut self, printer: &mut Printer) -> anyhow::Result<()> {
        for decision in self.0.take_decisions() {
            print_line("decision", decision, printer)?;
        }
        Ok(())
    }
}

impl Sink for JsonLinesSink {
    fn chunk(
        &mut self,
        chunk: &GenerateContentResponse,
        printer: &mut Printer,
    ) -> anyhow::Result<()> {
        // Decisions are made between two responses, so they come before the next chunk.
        self.print_decisions(printer)?;
        let texts = [("thought", chunk.thoughts()), ("text", chunk.text_lossy())];
        for (kind, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            print_line(kind, json!({ "text": text }), printer)?;
        }
        for function_call in chunk.function_calls() {
            let call = call(function_call);
            print_line("call", call.clone(), printer)?;
            self.0.calls.push(call);
        }
        Ok(())
    }

    fn end(&mut self, end: End<'_>, printer: &mut Printer) -> anyhow::Result<()> {
        self.print_decisions(printer)?;
        match end {
            End::Waits => Ok(()),
            End::Complete(response) => match self.0.complete(response) {
                Ok(answer) => print_line("answer", answer, printer),
                Err(error) => {
                    print_line("error", failure(&error), printer)?;
                    Err(error.into())
                }
            },
            End::Stopped => {
                let stopped = json!({ "kind": "interrupted", "message": "stopped by Ctrl-C" });
                print_line("error", stopped, printer)
            }
            End::Failed(error) => print_line("error", failure(error), printer),
        }
    }
}

impl Answer {
    /// Creates the answer of one reply; `structured` adds its JSON value as `data`.
    pub(crate) fn new(structured: bool, approvals: Option<Approvals>) -> Self {
        Self {
            started: Instant::now(),
            structured,
            calls: Vec::new(),
            approvals,
            decisions: Vec::new(),
        }
    }

    /// Returns the decisions since the last call, and adds them to those of the whole answer.
    fn take_decisions(&mut self) -> Vec<Value> {
        let approvals = self.approvals.as_ref();
        let decisions = approvals.map_or_else(Vec::new, Approvals::take_decisions);
        self.decisions.extend(decisions.iter().cloned());
        decisions
    }

    /// Returns the whole answer as JSON.
    fn complete(&mut self, response: &GenerateContentResponse) -> Result<Value, Error> {
        let usage = ReplyUsage::new(response.usage_metadata.as_deref(), self.started.elapsed());
        let mut answer = json!({
            "text": response.text_lossy(),
            "finish_reason": response.finish_reason(),
            "model": response.model_version,
            "usage": usage.to_json(),
        });
        if self.structured {
            answer["data"] = response.json()?;
        }
        let thoughts = response.thoughts();
        if !thoughts.is_empty() {
            answer["thoughts"] = thoughts.into();
        }
        let calls = std::mem::take(&mut self.calls);
        if !calls.is_empty() {
            answer["calls"] = calls.into();
        }
        self.take_decisions();
        let decisions = std::mem::take(&mut self.decisions);
        if !decisions.is_empty() {
            answer["decisions"] = decisions.into();
        }
        Ok(answer)
    }
}

/// Describes a function call.
fn call(call: &FunctionCall) -> Value {
    json!({ "name": call.name, "args": call.args })
}

/// Describes an error, with the wait that the service requires if there is one.
fn failure(error: &Error) -> Value {
    let (kind, message) = (error.kind().to_string(), error.to_string());
    let mut failure = json!({ "kind": kind, "message": message });
    if let Some(wait) = error.retry_after() {
        failure["retry_after_seconds"] = wait.as_secs_f64().into();
    }
    failure
}

/// Prints an object on a line, with its type as the first member.
fn print_line(kind: &str, object: Value, printer: &mut Printer) -> anyhow::Result<()> {
    let mut line = Map::from_iter([("type".to_owned(), kind.into())]);
    if let Value::Object(members) = object {
        line.extend(members);
    }
    printer.answer(&format!("{}\n", Value::Object(line)))
}
