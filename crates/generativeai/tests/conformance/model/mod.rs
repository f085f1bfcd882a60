//! A small model of a chat, on plain JSON: with no row of the table in force it does what was
//! recorded, with all of them what the design says.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::fault;
use crate::normal::canonical;
use crate::outcome::Outcome;
use crate::reader::{Move, Reader, read_value};
use crate::rows::{Row, Rows};
use crate::scenario::{Scenario, Step};

mod answer;
mod chat;
mod input;
mod join;
mod judge;
mod known;
mod settings;
mod setup;
mod text;
mod tools;
mod turn;
mod wire;

pub(crate) use tools::python_function;

use answer::Answer;
use chat::{Chat, Open};
use setup::Settings;
use turn::{Next, Turn};
use wire::{Question, World};

/// What a step says that finds no answer, and one that finds no chat: walks hold such steps.
const NO_ANSWER: &str = "no response yet";
const NO_CHAT: &str = "no such chat";

/// What comes of a scenario with these rows in force.
pub(crate) fn play(scenario: &Scenario, rows: &Rows) -> Outcome {
    let mut world = World::new(scenario, rows);
    let begun = Settings::of_model(&mut world)
        .map_err(|fault| (fault, "model"))
        .and_then(|settings| Ok((settings.start_chat(&world).map_err(|f| (f, "chat"))?, settings)));
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
    let steps = scenario.steps.iter().map(|step| model.step_and_probe(step)).collect();
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
    /// The answer that was returned last.
    latest: Option<usize>,
    named: HashMap<String, usize>,
}

impl Model<'_> {
    fn step_and_probe(&mut self, step: &Step) -> Value {
        let outcome = self.step(step);
        let copied = step.op == "copy" && outcome.is_ok();
        let on = if copied { step.text("as").unwrap_or_default() } else { step.on() };
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
            "set_history" => {
                self.set_history(step.on(), step.get("history").unwrap_or(&null)).map(|()| null)
            }
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

    /// The answer that a step is about.
    fn answer_of(&self, step: &Step) -> Result<usize, Value> {
        let answer = match step.text("response") {
            Some(name) => self.named.get(name).copied(),
            None => self.latest,
        };
        answer.ok_or_else(|| NO_ANSWER.into())
    }

    /// Using a chat ends the stream that is open on it, since the stream borrows the chat (D2).
    fn interrupt(&mut self, on: &str) {
        if !self.world.rows.here(Row::D2) {
            return;
        }
        for answer in &mut self.answers {
            if answer.turn.as_ref().is_some_and(|turn| turn.chat.as_deref() == Some(on)) {
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

    fn send(&mut self, step: &Step) -> Result<Value, Value> {
        let rows = self.world.rows;
        let (on, streamed) = (step.on(), step.flag("stream"));
        self.interrupt(on);
        let automatic = self.chat(on)?.automatic;
        if automatic && streamed && !rows.here(Row::D6) {
            return Err(fault::kind("Unsupported"));
        }
        let tools = self.settings.tools_of(step, &self.world)?;
        let mut message = input::content(step.get("content").unwrap_or(&Value::Null), rows)?;
        let no_parts = message["parts"].as_array().is_none_or(Vec::is_empty);
        if no_parts && rows.here(Row::D17) {
            return Err(fault::request());
        }
        if message["role"].as_str().is_none_or(str::is_empty) {
            message["role"] = "user".into();
        }
        let mut contents = self.history(on)?;
        contents.push(message.clone());
        let config = self.settings.config_of(step, rows)?;
        settings::one_candidate(&config)?;
        let prepared = self.settings.prepare(step, config, tools, &self.world)?;
        let turn = Turn::new(prepared, contents, streamed).of_chat(on, automatic);
        self.answers.push(Answer::new(turn));
        let at = self.answers.len() - 1;
        let chat = self.chat(on)?;
        chat.last = None;
        chat.open = Some(Open { sent: message, exchanged: Vec::new(), answer: Some(at) });
        self.begin(at, streamed, Some(on))?;
        self.returned(at, step);
        if rows.here(Row::D1) || streamed {
            self.chat(on)?.last = Some(at);
        } else {
            self.keep_pending(on, at)?;
        }
        self.value_of_send(at, step)
    }

    /// As recorded, a complete turn waits to be folded into the history.
    fn keep_pending(&mut self, on: &str, at: usize) -> Result<(), Value> {
        let chat = self.chat(on)?;
        chat.last = Some(at);
        Ok(())
    }

    /// Brings a whole answer, or the first chunk of a stream.
    fn begin(&mut self, at: usize, streamed: bool, on: Option<&str>) -> Result<(), Value> {
        loop {
            let before = self.answers[at].chunks.len();
            let stumbled = self.pull(at);
            let answer = &self.answers[at];
            let blocked_generate = on.is_none() && !answer.done();
            if let Some(fault) = answer.failed.clone().filter(|_| {
                answer.chunks.is_empty() && !(streamed && blocked_generate && answer.over && is_blocked(answer))
            }) {
                if let Some(on) = on {
                    self.failed_send(on);
                }
                return Err(fault);
            }
            let answer = &self.answers[at];
            if answer.over || stumbled.is_some() || (streamed && answer.chunks.len() > before) {
                return Ok(());
            }
        }
    }

    /// A send that failed leaves nothing behind, as recorded; here its turn is unfinished (D1).
    fn failed_send(&mut self, on: &str) {
        let here = self.world.rows.here(Row::D1);
        if let Some(chat) = self.chats.get_mut(on)
            && !here
        {
            chat.open = None;
            chat.last = None;
        }
    }

    fn generate(&mut self, step: &Step) -> Result<Value, Value> {
        let rows = self.world.rows;
        let given = step.get("contents").unwrap_or(&Value::Null);
        if input::is_empty(given) {
            return Err(fault::request());
        }
        let mut contents = input::contents(given, rows)?;
        if let Some(last) = contents.last_mut()
            && last["role"].as_str().is_none_or(str::is_empty)
        {
            last["role"] = "user".into();
        }
        let tools = self.settings.tools_of(step, &self.world)?;
        let config = self.settings.config_of(step, rows)?;
        let prepared = self.settings.prepare(step, config, tools, &self.world)?;
        let streamed = step.flag("stream");
        self.answers.push(Answer::new(Turn::new(prepared, contents, streamed)));
        let at = self.answers.len() - 1;
        self.begin(at, streamed, None)?;
        self.returned(at, step);
        self.value_of_send(at, step)
    }

    fn count(&mut self, step: &Step) -> Result<Value, Value> {
        let rows = self.world.rows;
        let contents = if step.flag("contents_from_history") {
            self.history(step.on())?
        } else {
            let given = step.get("contents").unwrap_or(&Value::Null);
            if given.as_str() == Some("") {
                return Err(fault::request());
            }
            input::contents(given, rows)?
        };
        let tools = self.settings.tools_of(step, &self.world)?;
        let config = self.settings.config_of(step, rows)?;
        let prepared = self.settings.prepare(step, config, tools, &self.world)?;
        if !prepared.model.starts_with("models/") && !rows.here(Row::D17) {
            return Err(fault::accident());
        }
        let mut body = prepared.body.clone();
        body.insert("model".into(), prepared.model.clone().into());
        body.insert("contents".into(), contents.into());
        let question = Question {
            method: "POST",
            path: &format!("/v1beta/{}:countTokens", prepared.model),
            reply: "CountTokensResponse",
            body: json!({ "generateContentRequest": body }),
            options: &prepared.options,
        };
        let counted = self.world.ask(&question)?.pop_front();
        counted.unwrap_or_else(|| Ok(json!({}))).map(|counted| canonical(&counted))
    }

    fn returned(&mut self, at: usize, step: &Step) {
        self.latest = Some(at);
        if step.op == "send_message"
            && let Some(chat) = self.chats.get_mut(step.on())
        {
            chat.returned = Some(at);
        }
        if let Some(name) = step.text("save_as") {
            self.named.insert(name.to_owned(), at);
        }
    }

    fn value_of_send(&mut self, at: usize, step: &Step) -> Result<Value, Value> {
        if !step.flag("stream") {
            return Ok(self.answers[at].value(self.world.rows));
        }
        let whole = self.answers[at].done();
        self.answers[at].readers.insert("main".into(), Reader::new(whole));
        Ok(self.read(at, "main", step.how_many("consume")))
    }

    fn read_again(&mut self, step: &Step) -> Result<Value, Value> {
        let at = self.answer_of(step)?;
        let name = step.text("reader").unwrap_or("main");
        let whole = self.answers[at].done();
        let readers = &mut self.answers[at].readers;
        if step.op == "iterate" || !readers.contains_key(name) {
            readers.insert(name.to_owned(), Reader::new(whole));
        }
        Ok(self.read(at, name, step.how_many("n")))
    }

    /// Reads up to `most` chunks.
    fn read(&mut self, at: usize, name: &str, most: Option<usize>) -> Value {
        let Some(mut reader) = self.answers[at].readers.remove(name) else { return Value::Null };
        let (mut chunks, mut error) = (Vec::new(), None);
        while most.is_none_or(|most| chunks.len() < most) {
            let mut next = reader.next(self.answers[at].known());
            if next == Move::Look {
                if self.answers[at].turn.is_none() {
                    break;
                }
                error = self.pull(at);
                if error.is_some() {
                    break;
                }
                next = reader.looked(self.answers[at].known());
                if next == Move::End && self.answers[at].failed.is_some() {
                    next = Move::Raise;
                }
            }
            match next {
                Move::Give(number) => {
                    let chunk = &self.answers[at].chunks[number];
                    let text = text::text(chunk, self.world.rows);
                    chunks.push(json!({"response": canonical(chunk), "text": text}));
                }
                Move::Raise => {
                    error = self.answers[at].failed.clone();
                    break;
                }
                Move::End | Move::Look => break,
            }
        }
        self.answers[at].readers.insert(name.to_owned(), reader);
        read_value(chunks, error, self.answers[at].value(self.world.rows))
    }

    fn resolve(&mut self, step: &Step) -> Result<Value, Value> {
        let at = self.answer_of(step)?;
        let was_over = self.answers[at].over;
        while !self.answers[at].over && self.answers[at].turn.is_some() {
            if let Some(stumbled) = self.pull(at) {
                return Err(stumbled);
            }
        }
        let answer = &self.answers[at];
        match &answer.failed {
            Some(fault) if !was_over || !answer.done() => Err(fault.clone()),
            _ if answer.over => Ok(answer.value(self.world.rows)),
            _ => Err(fault::incomplete()),
        }
    }

    /// Brings one more chunk, or the end; gives the error of a chunk that cannot be joined.
    fn pull(&mut self, at: usize) -> Option<Value> {
        let mut turn = self.answers[at].turn.take()?;
        let next = turn.next(&mut self.world);
        let answer = &mut self.answers[at];
        if let Some(received) = &turn.received {
            answer.joined = received.clone();
        }
        let complete = matches!(next, Next::Complete);
        match next {
            Next::Chunk(chunk) => {
                answer.chunks.push(chunk);
                answer.turn = Some(turn);
                return None;
            }
            Next::Stumbled(chunk) => {
                answer.chunks.push(chunk);
                answer.turn = Some(turn);
                return Some(fault::accident());
            }
            Next::Failed(fault) => answer.failed = Some(fault),
            Next::Complete | Next::CallsReturned => {}
        }
        answer.over = true;
        if answer.chunks.is_empty() && answer.failed.is_none() {
            answer.chunks.push(answer.joined.clone());
        }
        if turn.received.is_none() {
            answer.joined = json!({});
        }
        self.end_of_turn(turn, complete);
        None
    }

    fn end_of_turn(&mut self, turn: Turn, complete: bool) {
        let here = self.world.rows.here(Row::D1);
        let chat = turn.chat.and_then(|name| self.chats.get_mut(&name));
        let Some(chat) = chat else { return };
        if let Some(open) = &mut chat.open {
            open.exchanged = turn.exchanged;
        }
        if complete && here {
            chat.commit(&self.answers);
        }
    }

    fn last(&mut self, on: &str) -> Result<Value, Value> {
        self.interrupt(on);
        let chat = self.chat(on)?;
        let at = match &chat.open {
            Some(open) => open.answer.filter(|_| chat.last.is_some() || open.answer.is_some()),
            None => chat.last,
        };
        let returned = chat.returned;
        let Some(at) = at else { return Ok(Value::Null) };
        let answer = &self.answers[at];
        if answer.joined == json!({}) && answer.failed.is_some() {
            return Ok(Value::Null);
        }
        let mut value = answer.value(self.world.rows);
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
            Chat { history, ..Chat::default() }
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
            chat::fill_roles(&mut history);
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
        let place = at.and_then(|at| history.get_mut(at)).ok_or_else(fault::accident)?;
        *place = content;
        if rows.here(Row::D15) {
            chat::fill_roles(&mut history);
        }
        let chat = self.chat(step.on())?;
        chat.restart(history);
        Ok(())
    }
}

fn is_blocked(answer: &Answer) -> bool {
    judge::is_block(&answer.joined["promptFeedback"])
}

/// The members of an object, none for null.
fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
