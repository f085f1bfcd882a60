//! A request or a turn in progress: chunk by chunk, round by round.

use serde_json::{Map, Value, json};

use super::join::join;
use super::judge;
use super::tools::Tools;
use super::wire::{Chunks, Question, World};
use crate::fault;
use crate::rows::Row;

/// Maximum number of rounds in a turn (D7).
const MAX_ROUNDS: u32 = 10;

/// A request without contents.
#[derive(Clone)]
pub(super) struct RequestTemplate {
    pub(super) model: String,
    pub(super) body: Map<String, Value>,
    pub(super) tools: Option<Tools>,
    /// Tool config of the model, whatever the message sets.
    pub(super) model_tool_config: Option<Value>,
    pub(super) options: Value,
}

/// A turn, or a request without a chat.
#[derive(Clone)]
pub(super) struct Turn {
    pub(super) chat: Option<String>,
    pub(super) exchanged: Vec<Value>,
    pub(super) received: Option<Value>,
    prepared: RequestTemplate,
    contents: Vec<Value>,
    pub(super) streamed: bool,
    automatic: bool,
    state: State,
    rounds: u32,
    used: Option<Value>,
}

#[derive(Clone)]
enum State {
    Ask,
    Receive(Chunks),
}

/// Next event of a turn.
pub(super) enum Next {
    Chunk(Value),
    /// A chunk that cannot be merged. Reading can continue.
    Stumbled(Value),
    Failed(Value),
    Complete,
    /// The limit of rounds is reached: the calls are returned to the caller, and the turn is incomplete.
    CallsReturned,
}

impl Turn {
    pub(super) fn new(prepared: RequestTemplate, contents: Vec<Value>, streamed: bool) -> Self {
        Self {
            chat: None,
            exchanged: Vec::new(),
            received: None,
            prepared,
            contents,
            streamed,
            automatic: false,
            state: State::Ask,
            rounds: 0,
            used: None,
        }
    }

    pub(super) fn of_chat(mut self, chat: &str, automatic: bool) -> Self {
        self.chat = Some(chat.to_owned());
        self.automatic = automatic;
        self
    }

    /// Returns the next chunk, or the end.
    pub(super) fn next(&mut self, world: &mut World<'_>) -> Next {
        loop {
            let chunks = match &mut self.state {
                State::Receive(chunks) => chunks,
                State::Ask => match self.ask(world) {
                    Ok(chunks) => {
                        self.state = State::Receive(chunks);
                        continue;
                    }
                    Err(fault) => return Next::Failed(fault),
                },
            };
            match chunks.pop_front() {
                Some(Ok(chunk)) => {
                    if let Some(next) = self.on_chunk(chunk, world) {
                        return next;
                    }
                }
                Some(Err(fault)) => return Next::Failed(fault),
                None => match self.end_of_reply(world) {
                    Some(next) => return next,
                    None => self.state = State::Ask,
                },
            }
        }
    }

    fn ask(&mut self, world: &mut World<'_>) -> Result<Chunks, Value> {
        let mut body = self.prepared.body.clone();
        let contents: Vec<&Value> = self.contents.iter().chain(&self.exchanged).collect();
        body.insert("contents".into(), json!(contents));
        if self.rounds > 0 {
            self.set_mode(&mut body, world);
        }
        let method = if self.streamed {
            "streamGenerateContent"
        } else {
            "generateContent"
        };
        world.ask(&Question {
            method: "POST",
            path: &format!("/v1beta/{}:{method}", self.prepared.model),
            reply: "GenerateContentResponse",
            body: Value::Object(body),
            options: &self.prepared.options,
        })
    }

    /// Allows text after the first round. The Python SDK drops the tool config of the message instead.
    fn set_mode(&self, body: &mut Map<String, Value>, world: &World<'_>) {
        if !world.rows.here(Row::D7) {
            body.insert("toolConfig".into(), json!(self.prepared.model_tool_config));
            return;
        }
        let calling = body
            .get_mut("toolConfig")
            .and_then(|one| one.get_mut("functionCallingConfig"));
        if let Some(Value::Object(calling)) = calling
            && calling.get("mode").is_some_and(|mode| mode == "ANY")
        {
            calling.insert("mode".into(), "AUTO".into());
            calling.remove("allowedFunctionNames");
        }
    }

    fn on_chunk(&mut self, chunk: Value, world: &World<'_>) -> Option<Next> {
        if !self.streamed {
            let mut reply = chunk;
            if let Some(candidates) = reply["candidates"].as_array_mut()
                && world.rows.here(Row::D22)
            {
                candidates.sort_by_key(|one| one["index"].as_i64().unwrap_or(0));
            }
            self.received = Some(reply);
            return None;
        }
        match join(self.received.as_ref(), &chunk, world.rows) {
            Ok(joined) => self.received = Some(joined),
            Err(_) => return Some(Next::Stumbled(chunk)),
        }
        let blocked = self.received.as_ref().and_then(judge::block);
        match (blocked, &self.chat) {
            (None, _) => Some(Next::Chunk(chunk)),
            (Some(blocked), None) => Some(Next::Failed(blocked)),
            // A chat reads the whole stream.
            (Some(_), Some(_)) => None,
        }
    }

    /// Returns the event after a reply, or `None` for another request.
    fn end_of_reply(&mut self, world: &mut World<'_>) -> Option<Next> {
        let nothing = json!({});
        let response = self.received.as_ref().unwrap_or(&nothing);
        let fault = match (&self.chat, self.streamed) {
            (Some(_), streamed) => judge::verdict(response, streamed, world.rows),
            (None, true) => judge::whole_stream(response, world.rows),
            (None, false) => None,
        };
        if let Some(fault) = fault {
            return Some(Next::Failed(fault));
        }
        let continues = match self.prepared.tools.clone() {
            Some(tools) if self.automatic => self.answer_calls(&tools, world),
            _ => Ok(false),
        };
        match continues {
            Ok(true) => None,
            Ok(false) => {
                self.sum_usage(world);
                Some(Next::Complete)
            }
            Err(next) => Some(next),
        }
    }

    /// Runs the functions that the reply calls, unless the caller answers them.
    fn answer_calls(&mut self, tools: &Tools, world: &mut World<'_>) -> Result<bool, Next> {
        let rows = world.rows;
        let response = self.received.clone().unwrap_or_default();
        let several = response["candidates"]
            .as_array()
            .is_none_or(|all| all.len() != 1);
        if several && !rows.here(Row::D22) {
            return Err(Next::Failed(fault::request()));
        }
        let content = response["candidates"][0]["content"].clone();
        let parts = content["parts"].as_array().into_iter().flatten();
        // An empty call is false in Python.
        let calls: Vec<Value> = parts
            .filter_map(|part| part.get("functionCall"))
            .filter(|call| super::input::is_true(call))
            .cloned()
            .collect();
        if calls.is_empty() || !answered_here(&calls, tools, world).map_err(Next::Failed)? {
            return Ok(false);
        }
        if rows.here(Row::D7) && self.rounds >= MAX_ROUNDS {
            self.sum_usage(world);
            return Err(Next::CallsReturned);
        }
        let mut answers = Vec::new();
        for call in &calls {
            let answer = world.answer(call, tools).map_err(Next::Failed)?;
            answers.push(json!({ "functionResponse": answer }));
        }
        self.rounds += 1;
        self.add_usage(world);
        self.received = None;
        let mut content = content;
        if rows.here(Row::D15) {
            super::chat::fill_role(&mut content, "model");
            super::chat::remove_empty_parts(&mut content);
        }
        self.exchanged.push(content);
        self.exchanged
            .push(json!({"role": "user", "parts": answers}));
        Ok(true)
    }

    fn add_usage(&mut self, world: &World<'_>) {
        let usage = self
            .received
            .as_ref()
            .and_then(|response| response.get("usageMetadata"));
        let Some(Value::Object(usage)) = usage.filter(|_| world.rows.here(Row::D7)) else {
            return;
        };
        let used = self.used.get_or_insert_with(|| json!({}));
        for (name, count) in usage {
            used[name] = sum(&used[name], count);
        }
    }

    fn sum_usage(&mut self, world: &World<'_>) {
        self.add_usage(world);
        if let (Some(used), Some(response)) = (self.used.take(), &mut self.received) {
            response["usageMetadata"] = used;
        }
    }
}

/// Adds up two counts, or two lists of counts by modality.
fn sum(first: &Value, second: &Value) -> Value {
    let Value::Array(counts) = second else {
        return (first.as_i64().unwrap_or(0) + second.as_i64().unwrap_or(0)).into();
    };
    let mut sums = first.as_array().cloned().unwrap_or_default();
    for count in counts {
        match sums
            .iter_mut()
            .find(|known| known["modality"] == count["modality"])
        {
            Some(known) => known["tokenCount"] = sum(&known["tokenCount"], &count["tokenCount"]),
            None => sums.push(count.clone()),
        }
    }
    sums.into()
}

/// Returns whether the calls of a reply run here and are not returned to the caller (D5).
fn answered_here(calls: &[Value], tools: &Tools, world: &World<'_>) -> Result<bool, Value> {
    let names = calls
        .iter()
        .map(|call| call["name"].as_str().unwrap_or_default());
    if world.rows.here(Row::D5) {
        return Ok(
            tools.has_functions() && !names.into_iter().any(|name| tools.only_declares(name))
        );
    }
    for name in names {
        if tools.only_declares(name) {
            return Ok(false);
        }
        if !tools.calls(name) {
            return Err(fault::accident());
        }
    }
    Ok(true)
}

impl World<'_> {
    /// Runs a function and returns its answer, or its error as one (D5).
    fn answer(&mut self, call: &Value, tools: &Tools) -> Result<Value, Value> {
        let name = call["name"].as_str().unwrap_or_default();
        let here = self.rows.here(Row::D5);
        if call.get("args").is_none() && !here {
            return Err(fault::accident());
        }
        let response = if tools.calls(name) {
            let args = call.get("args").cloned().unwrap_or_else(|| json!({}));
            self.function_calls.push(crate::normal::canonical(
                &json!({"name": name, "args": args}),
            ));
            match self.run(name) {
                Ok(object @ Value::Object(_)) => object,
                Ok(result) => json!({ "result": result }),
                Err(message) if here => json!({ "error": message }),
                Err(_) => return Err(fault::kind("Function")),
            }
        } else {
            json!({"error": format!("(names {name})")})
        };
        let mut answer = json!({"name": name, "response": response});
        if let Some(id) = call.get("id").filter(|_| self.rows.here(Row::D7)) {
            answer["id"] = id.clone();
        }
        Ok(answer)
    }

    fn run(&mut self, name: &str) -> Result<Value, String> {
        let called = self.called.entry(name.to_owned()).or_default();
        let outcome = crate::functions::outcome(&self.scenario.functions[name], *called);
        *called += 1;
        outcome
    }
}
