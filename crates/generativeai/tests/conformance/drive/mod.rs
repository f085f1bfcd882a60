//! Plays a scenario with the public API of the library, against the scripted server.

use std::collections::HashMap;

use generativeai::protocol::content::Content;
use generativeai::{ChatSession, GenerativeModel, Reason, Toolbox};
use serde_json::{Value, json};

use crate::fault;
use crate::normal::canonical;
use crate::outcome::{self, Outcome};
use crate::scenario::{Scenario, Step};
use crate::server::Server;

mod answer;
mod chat;
mod errors;
mod input;
mod setup;
mod tools;

use answer::{Answer, Source, value_of};
use chat::{Chat, Message, Options, with_options};
use errors::neutral;
use input::{Unwritable, Written};
use tools::Calls;

/// Values of steps without a response or without a chat. Random walks contain such steps.
const NO_ANSWER: &str = "no response yet";
const NO_CHAT: &str = "no such chat";

impl From<Unwritable> for Value {
    fn from(_: Unwritable) -> Self {
        fault::request()
    }
}

/// Returns the outcome of a scenario.
pub(crate) async fn play(scenario: &Scenario) -> Outcome {
    let mut play = match Play::begin(scenario).await {
        Ok(play) => play,
        Err((setup, requests)) => {
            let (steps, function_calls) = (Vec::new(), Vec::new());
            return Outcome {
                setup,
                steps,
                requests,
                function_calls,
            };
        }
    };
    let mut steps = Vec::new();
    for (number, step) in scenario.steps.iter().enumerate() {
        let mut result = play.step(step).await;
        let copied = step.op == "copy" && result.get("error").is_none() && result["ok"] != NO_CHAT;
        let on = if copied {
            step.text("as").unwrap_or_default()
        } else {
            step.on()
        };
        // Reading the history drops an open stream, so a second run reads it.
        result["history_after"] = if play.is_streaming(on) {
            history_at(scenario, number, on).await
        } else {
            play.history(on).await
        };
        steps.push(result);
    }
    let mut requests: Vec<Value> = play
        .server
        .requests()
        .iter()
        .map(outcome::request)
        .collect();
    for value in steps.iter_mut().chain(&mut requests) {
        names_of_unknown_functions(value, scenario);
    }
    Outcome {
        setup: json!({"ok": true}),
        steps,
        requests,
        function_calls: play.calls.all(),
    }
}

/// Replaces the answer to a call of an unknown function, if it contains the name. Its wording is not compared.
fn names_of_unknown_functions(value: &mut Value, scenario: &Scenario) {
    match value {
        Value::Array(elements) => {
            elements
                .iter_mut()
                .for_each(|one| names_of_unknown_functions(one, scenario));
        }
        Value::Object(members) => {
            let name = members
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let unknown = !scenario.functions.contains_key(&name);
            if let Some(error) = members
                .get_mut("response")
                .and_then(|said| said.get_mut("error"))
                && unknown
                && error.as_str().is_some_and(|said| said.contains(&name))
            {
                *error = format!("(names {name})").into();
            }
            members
                .values_mut()
                .for_each(|one| names_of_unknown_functions(one, scenario));
        }
        _ => {}
    }
}

/// Returns the history after a step, from a run that ends there.
async fn history_at(scenario: &Scenario, number: usize, on: &str) -> Value {
    let Ok(mut play) = Play::begin(scenario).await else {
        return Value::Null;
    };
    for step in &scenario.steps[..=number] {
        play.step(step).await;
    }
    play.history(on).await
}

struct Play<'s> {
    scenario: &'s Scenario,
    server: Server,
    model: GenerativeModel,
    calls: Calls,
    chats: HashMap<String, Chat>,
    answers: Vec<Answer>,
    /// Index of the last response, of all chats and of each.
    latest: Option<usize>,
    returned: HashMap<String, usize>,
    named: HashMap<String, usize>,
}

impl<'s> Play<'s> {
    /// Makes the model and the chat.
    ///
    /// # Errors
    /// The error of the setup, and the requests until then.
    async fn begin(scenario: &'s Scenario) -> Result<Self, (Value, Vec<Value>)> {
        let server = Server::start(scenario)
            .await
            .expect("a port of loopback is free");
        let calls = Calls::default();
        let begun = async {
            let model = setup::model(scenario, &server, &calls)
                .await
                .map_err(|fault| (fault, "model"))?;
            let chat = setup::start(scenario, &model).map_err(|fault| (fault, "chat"))?;
            Ok((model, chat))
        };
        match begun.await {
            Ok((model, chat)) => Ok(Self {
                scenario,
                server,
                model,
                calls,
                chats: HashMap::from([("main".to_owned(), Chat::new(chat))]),
                answers: Vec::new(),
                latest: None,
                returned: HashMap::new(),
                named: HashMap::new(),
            }),
            Err((fault, at)) => {
                let requests = server.requests().iter().map(outcome::request).collect();
                Err((json!({"error": fault, "at": at}), requests))
            }
        }
    }

    async fn step(&mut self, step: &Step) -> Value {
        let at = self.answer_of(step);
        let result = match step.op.as_str() {
            "generate_content" => self.generate(step).await,
            "count_tokens" => self.count(step).await,
            "send_message" | "history" | "last" | "rewind" | "copy" | "set_history"
            | "edit_history" => match self.use_chat(step.on()) {
                Some(chat) => self.on_chat(chat, step).await,
                None => return json!({ "ok": NO_CHAT }),
            },
            _ => match at {
                Some(at) => self.on_answer(at, step).await,
                None => return json!({ "ok": NO_ANSWER }),
            },
        };
        match result {
            Ok(value) => json!({ "ok": value }),
            Err(fault) => json!({ "error": fault }),
        }
    }

    async fn on_chat(&mut self, chat: Chat, step: &Step) -> Result<Value, Value> {
        match step.op.as_str() {
            "send_message" => self.send(chat, step).await,
            "history" => Ok(self.history(step.on()).await),
            "last" => self.last(chat, step.on()).await,
            "rewind" => Ok(match chat.with(ChatSession::rewind).await {
                None => Value::Null,
                Some((sent, received)) => json!({
                    "sent": canonical(&json!(sent)), "received": canonical(&json!(received)),
                }),
            }),
            "copy" => {
                let copy = chat.with(|chat| chat.clone()).await;
                let automatic = copy.automatic_calls_enabled();
                let name = step.text("as").unwrap_or_default().to_owned();
                if let Some(&at) = self.returned.get(step.on()) {
                    self.returned.insert(name.clone(), at);
                }
                self.chats.insert(name, Chat::new(copy));
                Ok(json!({ "enable_automatic_function_calling": automatic }))
            }
            "set_history" => {
                let history = input::contents(step.get("history").unwrap_or(&Value::Null))?;
                chat.with(move |chat| chat.set_history(history)).await;
                Ok(Value::Null)
            }
            _ => {
                let content = input::entry(step.get("content").unwrap_or(&Value::Null))?;
                let index = step.get("index").and_then(Value::as_i64).unwrap_or(0);
                let edited = chat.with(move |chat| edit(chat, index, content)).await;
                edited.then_some(Value::Null).ok_or_else(fault::accident)
            }
        }
    }

    async fn on_answer(&mut self, at: usize, step: &Step) -> Result<Value, Value> {
        let answer = &mut self.answers[at];
        match step.op.as_str() {
            "iterate" | "continue" => {
                let reader = step.text("reader").unwrap_or("main");
                if step.op == "iterate" || !answer.has_reader(reader) {
                    answer.new_reader(reader);
                }
                Ok(answer.read(reader, step.how_many("n")).await)
            }
            "resolve" => answer.resolve().await,
            accessor => answer.look(accessor),
        }
    }

    fn answer_of(&self, step: &Step) -> Option<usize> {
        match step.text("response") {
            Some(name) => self.named.get(name).copied(),
            None => self.latest,
        }
    }

    /// Returns a chat, and forgets its open stream, which using the chat drops.
    fn use_chat(&mut self, on: &str) -> Option<Chat> {
        let streams = self
            .answers
            .iter_mut()
            .filter(|answer| answer.on.as_deref() == Some(on));
        streams.for_each(|answer| answer.source = Source::Nowhere);
        self.chats.get(on).cloned()
    }

    fn is_streaming(&self, on: &str) -> bool {
        self.answers
            .iter()
            .any(|answer| answer.on.as_deref() == Some(on) && answer.is_open())
    }

    async fn history(&mut self, on: &str) -> Value {
        match self.use_chat(on) {
            Some(chat) => canonical(&chat.with(|chat| json!(chat.history())).await),
            None => NO_CHAT.into(),
        }
    }

    async fn send(&mut self, chat: Chat, step: &Step) -> Result<Value, Value> {
        let content = input::content(step.get("content").unwrap_or(&Value::Null))?;
        let message = Message {
            content,
            options: self.options(step)?,
        };
        let answer = if step.flag("stream") {
            chat.stream(message);
            Answer::begin(Source::Chat(chat), Some(step.on()))
                .await
                .map_err(|e| neutral(&e))?
        } else {
            Answer::whole(chat.send(message).await.map_err(|error| neutral(&error))?)
        };
        Ok(self.returned(answer, step).await)
    }

    async fn generate(&mut self, step: &Step) -> Result<Value, Value> {
        let contents = input::contents(step.get("contents").unwrap_or(&Value::Null))?;
        let model = self.model.clone();
        let request = with_options!(
            model.generate_content(contents), self.options(step)?;
            generation_config, safety_settings, tools, tool_config, request_options
        );
        let answer = if step.flag("stream") {
            Answer::begin(Source::Model(request.stream()), None)
                .await
                .map_err(|e| neutral(&e))?
        } else {
            Answer::whole(request.await.map_err(|error| neutral(&error))?)
        };
        Ok(self.returned(answer, step).await)
    }

    async fn count(&mut self, step: &Step) -> Result<Value, Value> {
        let contents = if step.flag("contents_from_history") {
            match self.use_chat(step.on()) {
                Some(chat) => chat.with(|chat| chat.history().to_vec()).await,
                None => return Ok(NO_CHAT.into()),
            }
        } else {
            input::contents(step.get("contents").unwrap_or(&Value::Null))?
        };
        let model = self.model.clone();
        let request = with_options!(
            model.count_tokens(contents), self.options(step)?; generation_config, safety_settings, tools, tool_config, request_options
        );
        let counted = request.await.map_err(|error| neutral(&error))?;
        Ok(canonical(&json!(counted)))
    }

    async fn returned(&mut self, answer: Answer, step: &Step) -> Value {
        self.answers.push(answer);
        let at = self.answers.len() - 1;
        self.latest = Some(at);
        if step.op == "send_message" {
            self.returned.insert(step.on().to_owned(), at);
        }
        if let Some(name) = step.text("save_as") {
            self.named.insert(name.to_owned(), at);
        }
        let answer = &mut self.answers[at];
        if !step.flag("stream") {
            return answer.value();
        }
        answer.new_reader("main");
        answer.read("main", step.how_many("consume")).await
    }

    async fn last(&self, chat: Chat, on: &str) -> Result<Value, Value> {
        let seen = chat.with(|chat| (chat.last().cloned(), reason(chat))).await;
        let (Some(last), reason) = seen else {
            return Ok(Value::Null);
        };
        let hidden = matches!(reason, Some(Reason::Interrupted | Reason::Blocked));
        let mut value = if hidden {
            json!({"done": false, "text": {"error": fault::incomplete()}})
        } else {
            value_of(&last)
        };
        let failed = !matches!(
            reason,
            None | Some(Reason::Interrupted | Reason::CallsReturned)
        );
        value["has_error"] = failed.into();
        let returned = self
            .returned
            .get(on)
            .and_then(|&at| self.answers[at].response.as_ref());
        value["same_as_returned"] = returned.is_some_and(|one| *one == last).into();
        Ok(value)
    }

    fn options(&self, step: &Step) -> Written<Options> {
        let given = |name: &str| step.get(name).filter(|value| !value.is_null());
        Ok(Options {
            generation_config: given("generation_config")
                .map(input::generation_config)
                .transpose()?,
            safety_settings: given("safety_settings")
                .map(input::safety_settings)
                .transpose()?,
            tools: given("tools")
                .map(|tools| self.toolbox(tools))
                .transpose()?,
            tool_config: given("tool_config").map(input::tool_config).transpose()?,
            request_options: given("request_options").map(setup::request_options),
        })
    }

    fn toolbox(&self, tools: &Value) -> Written<Toolbox> {
        tools::toolbox(tools, self.scenario, &self.calls)
    }
}

/// Returns why the unfinished turn of a chat ended, if any.
fn reason(chat: &ChatSession) -> Option<Reason> {
    chat.unfinished()
        .map(|unfinished| unfinished.reason.clone())
}

/// Replaces a content of the history. Returns whether it exists.
fn edit(chat: &mut ChatSession, index: i64, content: Content) -> bool {
    let mut history = chat.history().to_vec();
    let length = history.len() as i64;
    let at = usize::try_from(if index < 0 { length + index } else { index }).ok();
    let Some(place) = at.and_then(|at| history.get_mut(at)) else {
        return false;
    };
    *place = content;
    chat.set_history(history);
    true
}
