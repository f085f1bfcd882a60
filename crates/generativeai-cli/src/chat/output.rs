//! What programs read on stdout: one JSON object, or one a line. `docs/output.md` tells their shape.

use std::pin::pin;
use std::time::Instant;

use clap::ValueEnum;
use generativeai::protocol::content::FunctionCall;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Error, SendMessage};
use serde_json::{Map, Value, json};

use super::once::Once;
use super::reply::{Reply, ctrl_c, text_in};
use super::retries::Retries;
use super::spent::Cost;
use crate::printer::Printer;

/// In which form an answer goes to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// The answer alone, as it comes
    #[default]
    Text,
    /// One JSON object, once the answer is whole
    Json,
    /// A JSON object a line: what comes as it comes, and the whole answer or the error as the last
    Jsonl,
}

/// Sends a message and prints its reply for programs.
pub(super) async fn show(
    message: SendMessage<'_>,
    once: Once,
    printer: &mut Printer,
) -> anyhow::Result<Reply> {
    let began = Instant::now();
    let lines = once.output == Output::Jsonl;
    let retries = Retries::watch();
    let mut reply = message.stream();
    let mut calls = Vec::new();
    let mut stop = pin!(ctrl_c());
    let end = loop {
        let chunk = {
            // Not dropped before it is there: functions that the model called may be running in it.
            let mut next = pin!(reply.next());
            loop {
                tokio::select! {
                    biased;
                    () = &mut stop => break None,
                    chunk = &mut next => break Some(chunk),
                    told = retries.next() => printer.note(told),
                }
            }
        };
        let Some(chunk) = chunk else {
            break Ok(None);
        };
        match chunk {
            Some(Ok(chunk)) => {
                calls.extend(chunk.function_calls().map(call));
                if lines {
                    tell(&chunk, printer)?;
                }
            }
            Some(Err(error)) => break Err(error),
            None => break Ok(reply.response()),
        }
    };
    let answer = end.and_then(|response| {
        let whole = |response| answer(response, once.structured, calls, began);
        response.map(whole).transpose()
    });
    match answer {
        Ok(Some(answer)) if lines => print("answer", answer, printer)?,
        Ok(Some(answer)) => printer.answer(&format!("{}\n", Value::Object(answer)))?,
        Ok(None) => {
            if lines {
                let stopped =
                    members(json!({"kind": "interrupted", "message": "stopped by Ctrl-C"}));
                print("error", stopped, printer)?;
            }
            return Ok(Reply::Stopped);
        }
        Err(error) => {
            if lines {
                print("error", failure(&error), printer)?;
            }
            return Err(error.into());
        }
    }
    Ok(Reply::Whole)
}

/// Prints what a chunk brings.
fn tell(chunk: &GenerateContentResponse, printer: &mut Printer) -> anyhow::Result<()> {
    let said = [("thought", chunk.thoughts()), ("text", text_in(chunk))];
    for (kind, text) in said.into_iter().filter(|(_, text)| !text.is_empty()) {
        print(kind, members(json!({ "text": text })), printer)?;
    }
    for asked in chunk.function_calls() {
        print("call", members(call(asked)), printer)?;
    }
    Ok(())
}

/// The whole answer.
fn answer(
    response: &GenerateContentResponse,
    structured: bool,
    calls: Vec<Value>,
    began: Instant,
) -> Result<Map<String, Value>, Error> {
    let usage = Cost::new(response.usage_metadata.as_deref(), began.elapsed());
    let mut answer = members(json!({
        "text": text_in(response),
        "finish_reason": response.finish_reason(),
        "model": response.model_version,
        "usage": usage.to_json(),
    }));
    if structured {
        answer.insert("data".to_owned(), response.json()?);
    }
    let thoughts = response.thoughts();
    if !thoughts.is_empty() {
        answer.insert("thoughts".to_owned(), thoughts.into());
    }
    if !calls.is_empty() {
        answer.insert("calls".to_owned(), calls.into());
    }
    Ok(answer)
}

fn call(call: &FunctionCall) -> Value {
    json!({ "name": call.name, "args": call.args })
}

fn failure(error: &Error) -> Map<String, Value> {
    let mut kind = String::new();
    for char in format!("{:?}", error.kind()).chars() {
        if char.is_uppercase() && !kind.is_empty() {
            kind.push('_');
        }
        kind.extend(char.to_lowercase());
    }
    let mut failure = members(json!({ "kind": kind, "message": error.to_string() }));
    if let Some(wait) = error.retry_after() {
        failure.insert("retry_after_seconds".to_owned(), wait.as_secs_f64().into());
    }
    failure
}

/// Prints an object on a line, its type first.
fn print(kind: &str, members: Map<String, Value>, printer: &mut Printer) -> anyhow::Result<()> {
    let mut line = Map::new();
    line.insert("type".to_owned(), kind.into());
    line.extend(members);
    printer.answer(&format!("{}\n", Value::Object(line)))
}

/// The members of what is written as an object.
fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
