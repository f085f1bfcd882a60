//! A model of a chat on plain JSON: with all rows off it behaves like the Python SDK, with all rows on like the
//! design. The front page of the runner explains why it exists.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::fault;
use crate::normal::canonical;
use crate::outcome::Outcome;
use crate::rows::{Row, Rows};
use crate::scenario::{Scenario, Step};

mod answer;
mod attempts;
mod chat;
mod input;
mod join;
mod judge;
mod known;
mod read;
mod send;
mod settings;
mod setup;
mod status;
mod text;
mod tools;
mod turn;
mod wire;

pub(crate) use tools::python_function;

use answer::Answer;
use chat::Chat;
use setup::Settings;
use wire::World;

/// Values of steps without a response or without a chat. Random walks contain such steps.
const NO_ANSWER: &str = "no response yet";
const NO_CHAT: &str = "no such chat";

/// Returns the outcome of a scenario with these rows on.
pub(crate) fn play(scenario: &Scenario, rows: &Rows) -> Outcome {
    let mut world = World::new(scenario, rows);
    let begun = Settings::of_model(&mut world)
        .map_err(|fault| (fault, "model"))
        .and_then(|settings| {
            Ok((
                settings.start_chat(&world).map_err(|f| (f, "chat"))?,
                settings,
            ))
        });
    let (chat, settings) = match begun {
        Ok(begun) => begun,
        Err((fault, at)) => {
            return Outcome {
                setup: json!({"error": fault, "at": at}),
                steps: Vec::new(),
                requests: world.requests,
                function_calls: world.function_calls,
            };
        }
    };
    let mut model = Model {
        world,
        settings,
        chats: BTreeMap::from([("main".to_owned(), chat)]),
        answers: Vec::new(),
        latest: None,
        named: HashMap::new(),
    };
    let steps = scenario
        .steps
        .iter()
        .map(|step| model.step_and_probe(step))
        .collect();
    Outcome {
        setup: json!({"ok": true}),
        steps,
        requests: model.world.requests,
        function_calls: model.world.function_calls,
    }
}

#[derive(Clone)]
struct Model<'s> {
    world: World<'s>,
    settings: Settings,
    chats: BTreeMap<String, Chat>,
    answers: Vec<Answer>,
    /// Index of the last returned response.
    latest: Option<usize>,
    named: HashMap<String, usize>,
}

impl Model<'_> {
    fn step_and_probe(&mut self, step: &Step) -> Value {
        let outcome = self.step(step);
        let copied = step.op == "copy" && outcome.is_ok();
        let on = if copied {
            step.text("as").unwrap_or_default()
        } else {
            step.on()
        };
        let mut result = match outcome {
            Ok(value) => json!({ "ok": value }),
            Err(nothing) if nothing == NO_CHAT || nothing == NO_ANSWER => json!({ "ok": nothing }),
            Err(fault) => json!({ "error": fault }),
        };
        let mut probe = self.clone();
        result["history_after"] = match probe.history(on) {
            Ok(history) => canonical(&json!(history)),
            Err(nothing) if nothing == NO_CHAT => nothing,
            Err(fault) => json!({ "error": fault }),
        };
        result
    }

    fn step(&mut self, step: &Step) -> Result<Value, Value> {
        let null = Value::Null;
        match step.op.as_str() {
            "send_message" => self.send(step),
            "generate_content" => self.generate(step),
            "count_tokens" => self.count(step),
            "history" => Ok(canonical(&json!(self.history(step.on())?))),
            "last" => self.last(step.on()),
            "rewind" => self.rewind(step.on()),
            "copy" => self.copy(step.on(), step.text("as").unwrap_or_default()),
            "set_history" => self
                .set_history(step.on(), step.get("history").unwrap_or(&null))
                .map(|()| null),
            "edit_history" => self.edit(step).map(|()| null),
            "iterate" | "continue" => self.read_again(step),
            "resolve" => self.resolve(step),
            accessor => {
                let at = self.answer_of(step)?;
                self.answers[at].look(accessor, self.world.rows)
            }
        }
    }

    fn chat(&mut self, on: &str) -> Result<&mut Chat, Value> {
        self.chats.get_mut(on).ok_or_else(|| NO_CHAT.into())
    }

    /// Returns the index of the response that a step uses.
    fn answer_of(&self, step: &Step) -> Result<usize, Value> {
        let answer = match step.text("response") {
            Some(name) => self.named.get(name).copied(),
            None => self.latest,
        };
        answer.ok_or_else(|| NO_ANSWER.into())
    }

    /// Drops the open stream of a chat: it borrows the chat, which is used now (D2).
    fn interrupt(&mut self, on: &str) {
        if !self.world.rows.here(Row::D2) {
            return;
        }
        for answer in &mut self.answers {
            if answer
                .turn
                .as_ref()
                .is_some_and(|turn| turn.chat.as_deref() == Some(on))
            {
                answer.turn = None;
            }
        }
    }

    fn history(&mut self, on: &str) -> Result<Vec<Value>, Value> {
        self.interrupt(on);
        let rows = self.world.rows;
        self.chat(on)?;
        let chat = self.chats.get_mut(on).ok_or_else(fault::request)?;
        chat.read_history(&mut self.answers, rows)
    }

    fn last(&mut self, on: &str) -> Result<Value, Value> {
        self.interrupt(on);
        let chat = self.chat(on)?;
        let at = match &chat.open {
            Some(open) => open.answer,
            None => chat.last,
        };
        let returned = chat.returned;
        let Some(at) = at else { return Ok(Value::Null) };
        let answer = &self.answers[at];
        if !answer.has_received {
            return Ok(Value::Null);
        }
        let mut value = if answer.is_blocked() {
            json!({"done": false, "text": {"error": fault::incomplete()}})
        } else {
            answer.value(self.world.rows)
        };
        let same = returned.is_some_and(|returned| {
            canonical(&self.answers[returned].joined) == canonical(&answer.joined)
        });
        value["has_error"] = answer.failed.is_some().into();
        value["same_as_returned"] = same.into();
        Ok(value)
    }

    fn rewind(&mut self, on: &str) -> Result<Value, Value> {
        self.interrupt(on);
        let rows = self.world.rows;
        self.chat(on)?;
        let chat = self.chats.get_mut(on).ok_or_else(fault::request)?;
        Ok(match chat.rewind(&self.answers, rows)? {
            None => Value::Null,
            Some((sent, received)) => {
                json!({"sent": canonical(&sent), "received": canonical(&received)})
            }
        })
    }

    fn copy(&mut self, on: &str, name: &str) -> Result<Value, Value> {
        let history = self.history(on)?;
        let chat = self.chat(on)?.clone();
        let copy = if self.world.rows.here(Row::D14) {
            chat
        } else {
            Chat {
                history,
                ..Chat::default()
            }
        };
        let automatic = copy.automatic;
        self.chats.insert(name.to_owned(), copy);
        Ok(json!({ "enable_automatic_function_calling": automatic }))
    }

    fn set_history(&mut self, on: &str, history: &Value) -> Result<(), Value> {
        self.interrupt(on);
        let rows = self.world.rows;
        let mut history = input::contents(history, rows)?;
        if rows.here(Row::D15) {
            chat::repair(&mut history);
        }
        let chat = self.chat(on)?;
        chat.restart(history);
        Ok(())
    }

    fn edit(&mut self, step: &Step) -> Result<(), Value> {
        let rows = self.world.rows;
        let mut history = self.history(step.on())?;
        let index = step.get("index").and_then(Value::as_i64).unwrap_or(0);
        let length = history.len() as i64;
        let at = usize::try_from(if index < 0 { length + index } else { index }).ok();
        let content = input::content(step.get("content").unwrap_or(&Value::Null), rows)?;
        let place = at
            .and_then(|at| history.get_mut(at))
            .ok_or_else(fault::accident)?;
        *place = content;
        if rows.here(Row::D15) {
            chat::repair(&mut history);
        }
        let chat = self.chat(step.on())?;
        chat.restart(history);
        Ok(())
    }
}

/// Returns the members of an object, or none for null.
fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
