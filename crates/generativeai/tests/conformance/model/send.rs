//! Sends messages and requests, and counts tokens.

use serde_json::{Value, json};

use super::answer::Answer;
use super::chat::{Open, fill_role, has_parts, remove_empty_parts};
use super::turn::Turn;
use super::wire::Question;
use super::{Model, input, judge, settings};
use crate::fault;
use crate::normal::canonical;
use crate::reader::Reader;
use crate::rows::{Row, Rows};
use crate::scenario::Step;

impl Model<'_> {
    pub(super) fn send(&mut self, step: &Step) -> Result<Value, Value> {
        let rows = self.world.rows;
        let (on, streamed) = (step.on(), step.flag("stream"));
        self.interrupt(on);
        let automatic = self.chat(on)?.automatic;
        if automatic && streamed && !rows.here(Row::D6) {
            return Err(fault::kind("Unsupported"));
        }
        let tools = self.settings.tools_of(step, &self.world)?;
        let mut message = input::content(step.get("content").unwrap_or(&Value::Null), rows)?;
        if rows.here(Row::D15) {
            remove_empty_parts(&mut message);
        }
        if !has_parts(&message) && rows.here(Row::D17) {
            return Err(fault::request());
        }
        fill_role(&mut message, "user");
        let mut contents = self.history(on)?;
        contents.push(message.clone());
        let config = self.settings.config_of(step, rows)?;
        // The Python SDK looks at the model only when it starts the chat.
        let checked = if rows.here(Row::D17) {
            config.clone()
        } else {
            settings::generation(step.get("generation_config").unwrap_or(&Value::Null), rows)?
        };
        settings::one_candidate(&checked)?;
        let prepared = self.settings.prepare(step, config, tools, &self.world)?;
        let turn = Turn::new(prepared, contents, streamed).of_chat(on, automatic);
        self.answers.push(Answer::new(turn));
        let at = self.answers.len() - 1;
        let chat = self.chat(on)?;
        chat.last = None;
        chat.open = Some(Open {
            sent: message,
            exchanged: Vec::new(),
            answer: Some(at),
        });
        self.begin(at, Some(on))?;
        self.returned(at, step);
        self.chat(on)?.last = Some(at);
        self.value_of_send(at, step)
    }

    /// Receives a complete response, or the first chunk of a stream.
    fn begin(&mut self, at: usize, on: Option<&str>) -> Result<(), Value> {
        self.pull(at);
        let answer = &self.answers[at];
        // A blocked prompt is a response of the model, but an error of a chat.
        let blocked = on.is_none() && judge::block(&answer.joined).is_some();
        match &answer.failed {
            Some(fault) if answer.chunks.is_empty() && !blocked => {
                let fault = fault.clone();
                on.into_iter().for_each(|on| self.failed_send(on));
                Err(fault)
            }
            _ => Ok(()),
        }
    }

    /// Handles a failed send: the Python SDK forgets it, here its turn is unfinished (D1).
    fn failed_send(&mut self, on: &str) {
        let here = self.world.rows.here(Row::D1);
        if let Some(chat) = self.chats.get_mut(on)
            && !here
        {
            chat.open = None;
            chat.last = None;
        }
    }

    pub(super) fn generate(&mut self, step: &Step) -> Result<Value, Value> {
        let rows = self.world.rows;
        let given = step.get("contents").unwrap_or(&Value::Null);
        if input::is_empty(given) {
            return Err(fault::request());
        }
        let mut contents = input::contents(given, rows)?;
        remove_empty(&mut contents, rows);
        if !contents.iter().any(has_parts) && rows.here(Row::D17) {
            return Err(fault::request());
        }
        if let Some(last) = contents.last_mut() {
            fill_role(last, "user");
        }
        let tools = self.settings.tools_of(step, &self.world)?;
        let config = self.settings.config_of(step, rows)?;
        let prepared = self.settings.prepare(step, config, tools, &self.world)?;
        let streamed = step.flag("stream");
        self.answers
            .push(Answer::new(Turn::new(prepared, contents, streamed)));
        let at = self.answers.len() - 1;
        self.begin(at, None)?;
        self.returned(at, step);
        self.value_of_send(at, step)
    }

    pub(super) fn count(&mut self, step: &Step) -> Result<Value, Value> {
        let rows = self.world.rows;
        let mut contents = if step.flag("contents_from_history") {
            self.history(step.on())?
        } else {
            let given = step.get("contents").unwrap_or(&Value::Null);
            if given.as_str() == Some("") {
                return Err(fault::request());
            }
            input::contents(given, rows)?
        };
        remove_empty(&mut contents, rows);
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
        counted
            .unwrap_or_else(|| Ok(json!({})))
            .map(|counted| canonical(&counted))
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
        self.answers[at]
            .readers
            .insert("main".into(), Reader::new(whole));
        Ok(self.read(at, "main", step.how_many("consume")))
    }
}

/// Removes empty parts and contents (D15).
fn remove_empty(contents: &mut Vec<Value>, rows: &Rows) {
    if rows.here(Row::D15) {
        contents.iter_mut().for_each(remove_empty_parts);
        contents.retain(has_parts);
    }
}
