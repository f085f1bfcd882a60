//! A request or a turn as it goes on: chunk by chunk, round of calls by round of calls.

use serde_json::{Map, Value, json};

use super::join::join;
use super::judge;
use super::tools::Tools;
use super::wire::{Chunks, Question, World};
use crate::fault;
use crate::rows::Row;

/// How many rounds of calls a turn has at most (D7).
const MOST_ROUNDS: u32 = 10;

/// Everything of a request but its contents.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) model: String,
    pub(super) body: Map<String, Value>,
    pub(super) tools: Option<Tools>,
    /// What the model says on tools, whatever the message says.
    pub(super) model_tool_config: Option<Value>,
    pub(super) options: Value,
}

/// A turn, or a request without a chat.
#[derive(Clone)]
pub(super) struct Turn {
    pub(super) chat: Option<String>,
    pub(super) exchanged: Vec<Value>,
    pub(super) received: Option<Value>,
    prepared: Prepared,
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
    Hear(Chunks),
}

/// What a turn does next.
pub(super) enum Next {
    Chunk(Value),
    /// A chunk that cannot be joined; reading can go on.
    Stumbled(Value),
    Failed(Value),
    Complete,
    /// The limit of rounds is reached: the calls go to the caller, the turn is not complete.
    CallsReturned,
}

impl Turn {
    pub(super) fn new(prepared: Prepared, contents: Vec<Value>, streamed: bool) -> Self {
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

    /// Goes on to the next chunk, or to the end.
    pub(super) fn next(&mut self, world: &mut World<'_>) -> Next {
        loop {
            let chunks = match &mut self.state {
                State::Hear(chunks) => chunks,
                State::Ask => match self.ask(world) {
                    Ok(chunks) => {
                        self.state = State::Hear(chunks);
                        continue;
                    }
                    Err(fault) => return Next::Failed(fault),
                },
            };
            match chunks.pop_front() {
                Some(Ok(chunk)) => {
                    if let Some(next) = self.hear(chunk, world) {
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

    /// Calls are forced in the first round alone; as recorded, the message's config is forgotten.
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

    fn hear(&mut self, chunk: Value, world: &World<'_>) -> Option<Next> {
        if !self.streamed {
            self.received = Some(chunk.clone());
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
            // A chat reads on to the end.
            (Some(_), Some(_)) => None,
        }
    }

    /// What comes after a reply; `None` for another request.
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
        let goes_on = match self.prepared.tools.clone() {
            Some(tools) if self.automatic => self.answer_calls(&tools, world),
            _ => Ok(false),
        };
        match goes_on {
            Ok(true) => None,
            Ok(false) => {
                self.sum_usage(world);
                Some(Next::Complete)
            }
            Err(next) => Some(next),
        }
    }

    /// Runs the functions that the reply calls, if they are answered here.
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
        let calls: Vec<Value> = parts
            .filter_map(|part| part.get("functionCall"))
            .cloned()
            .collect();
        if calls.is_empty() || !answered_here(&calls, tools, world).map_err(Next::Failed)? {
            return Ok(false);
        }
        if rows.here(Row::D7) && self.rounds >= MOST_ROUNDS {
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
            super::chat::fill_role(&mut content);
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
            let sum = used[name].as_i64().unwrap_or(0) + count.as_i64().unwrap_or(0);
            used[name] = sum.into();
        }
    }

    fn sum_usage(&mut self, world: &World<'_>) {
        self.add_usage(world);
        if let (Some(used), Some(response)) = (self.used.take(), &mut self.received) {
            response["usageMetadata"] = used;
        }
    }
}

/// Whether the calls of a reply are answered here, and not by the caller (D5).
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
    /// Runs a function and gives its answer (D5: whatever comes of it).
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
