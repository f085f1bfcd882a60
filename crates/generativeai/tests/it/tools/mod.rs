//! Tools: how functions are created, declared and called.

use std::sync::{Arc, Mutex};

use generativeai::protocol::content::{Content, Data};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::testing::Scripted;
use generativeai::{AutomaticFunctionCalling, ChatSession, Function, GenerativeModel, Toolbox};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::mode::{MODES, Mode};

mod approval;
mod caller;
mod dropping;
mod failing;
mod functions;
mod kills;
mod limit;
mod mistakes;
mod partial;
mod rounds;
mod toolbox;
mod waiting;

fn chat(script: &Scripted, tools: impl Into<Toolbox>) -> ChatSession {
    automatic(script, tools, AutomaticFunctionCalling::default())
}

fn automatic(
    script: &Scripted,
    tools: impl Into<Toolbox>,
    automatic: AutomaticFunctionCalling,
) -> ChatSession {
    let model = GenerativeModel::new("m")
        .tools(tools)
        .backend(script.clone());
    model.start_chat().automatic_function_calling(automatic)
}

/// Arguments of a function with an integer as its only argument.
#[derive(Deserialize, JsonSchema)]
struct Number {
    value: i64,
}

/// Returns a function that stores its arguments and returns the number of the call.
fn counting(name: &str) -> (Function, Arc<Mutex<Vec<Value>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&calls);
    let function = Function::new(name, "Counts.", move |arguments: Value| {
        let mut calls = kept.lock().expect("no holder panics");
        calls.push(arguments);
        calls.len()
    });
    (function, calls)
}

fn response(json: Value) -> GenerateContentResponse {
    serde_json::from_value(json).expect("a response")
}

/// Returns a chunk with these parts, and a finish reason unless it is empty.
fn chunk(parts: Value, finish_reason: &str) -> GenerateContentResponse {
    let content = json!({"role": "model", "parts": parts});
    let mut candidate = json!({"content": content});
    if !finish_reason.is_empty() {
        candidate["finishReason"] = finish_reason.into();
    }
    response(json!({"candidates": [candidate]}))
}

fn reply(parts: Value) -> GenerateContentResponse {
    chunk(parts, "STOP")
}

fn contents_of(request: &GenerateContentRequest) -> Vec<Content> {
    request.contents.iter().cloned().collect()
}

/// Returns the answers in a content: the result of each function.
fn answers(content: &Content) -> Vec<Value> {
    let parts = content.parts.iter();
    let answers = parts.filter_map(|part| match &part.data {
        Some(Data::FunctionResponse(answer)) => Some(json!(answer)["response"].clone()),
        _ => None,
    });
    answers.collect()
}

/// Checks that contents could be sent: nothing is empty, and each call has its answer, once and next.
fn assert_sendable(contents: &[Content]) {
    let mut pending: Vec<(Value, Value)> = Vec::new();
    for content in contents {
        assert!(
            !content.parts.is_empty(),
            "a content without parts in {contents:#?}"
        );
        let mut answered = Vec::new();
        let mut called = Vec::new();
        for part in &content.parts {
            match &part.data {
                Some(Data::FunctionCall(call)) => {
                    called.push((json!(call.id), json!(call.name)));
                }
                Some(Data::FunctionResponse(answer)) => {
                    answered.push((json!(answer.id), json!(answer.name)));
                }
                _ => {}
            }
        }
        assert_eq!(
            pending, answered,
            "calls and answers differ in {contents:#?}"
        );
        pending = called;
    }
    assert!(
        pending.is_empty(),
        "calls without an answer at the end of {contents:#?}"
    );
}
