//! A chat: its history, its last response, and the turn that is not in the history.

use serde_json::{Value, json};

use super::answer::Answer;
use super::judge;
use crate::fault;
use crate::rows::{Row, Rows};

/// A chat. In the recordings a complete turn stays open until the history is read (D1).
#[derive(Clone, Default)]
pub(super) struct Chat {
    pub(super) history: Vec<Value>,
    pub(super) automatic: bool,
    pub(super) last: Option<usize>,
    pub(super) open: Option<Open>,
    /// Index of the last returned response.
    pub(super) returned: Option<usize>,
}

/// A turn that is not in the history.
#[derive(Clone)]
pub(super) struct Open {
    pub(super) sent: Value,
    pub(super) exchanged: Vec<Value>,
    pub(super) answer: Option<usize>,
}

impl Chat {
    /// Replaces the history.
    pub(super) fn restart(&mut self, history: Vec<Value>) {
        self.history = history;
        self.last = None;
        self.open = None;
    }

    /// Returns the history.
    ///
    /// # Errors
    /// It cannot be read (D2).
    pub(super) fn read_history(
        &mut self,
        answers: &mut [Answer],
        rows: &Rows,
    ) -> Result<Vec<Value>, Value> {
        let Some(open) = &self.open else {
            return Ok(self.history.clone());
        };
        if !rows.here(Row::D2)
            && let Some(trouble) = trouble(open, answers)
        {
            return Err(trouble);
        }
        if !rows.here(Row::D1) {
            self.close(answers);
        }
        Ok(self.history.clone())
    }

    /// Adds the open turn to the history, and forgets the last response.
    fn close(&mut self, answers: &mut [Answer]) {
        self.last = None;
        let Some(open) = self.open.take() else { return };
        let Some(answer) = open.answer.map(|at| &mut answers[at]) else {
            return;
        };
        if !answer.over || answer.failed.is_some() {
            return;
        }
        answer.fill_role();
        let reply = answer.reply();
        self.history.push(open.sent);
        self.history.extend(open.exchanged);
        self.history.extend(reply);
    }

    /// Adds a complete turn to the history at once.
    pub(super) fn commit(&mut self, answers: &[Answer], rows: &Rows) {
        let Some(open) = self.open.take() else { return };
        let mut reply = open.answer.and_then(|at| answers[at].reply());
        if let Some(reply) = &mut reply {
            fill_role(reply, "model");
            if rows.here(Row::D15) {
                remove_empty_parts(reply);
            }
        }
        self.history.push(open.sent);
        self.history.extend(open.exchanged);
        self.history.extend(reply);
    }

    /// Undoes a turn. Returns the sent and the received content, or `None` without a turn (D4).
    pub(super) fn rewind(
        &mut self,
        answers: &[Answer],
        rows: &Rows,
    ) -> Result<Option<(Value, Value)>, Value> {
        match self.open.take() {
            Some(open) => self.rewind_open(open, answers, rows).map(Some),
            None => self.rewind_history(rows),
        }
    }

    fn rewind_open(
        &mut self,
        open: Open,
        answers: &[Answer],
        rows: &Rows,
    ) -> Result<(Value, Value), Value> {
        let answer = open.answer.map(|at| &answers[at]);
        let unread = answer.is_some_and(|answer| !answer.over && answer.turn.is_some());
        let nothing = answer.is_some_and(|answer| answer.joined["candidates"][0].is_null());
        if unread && !rows.here(Row::D2) {
            self.open = Some(open);
            return Err(fault::incomplete());
        }
        if nothing && !rows.here(Row::D8) {
            self.open = Some(open);
            return Err(fault::accident());
        }
        self.last = None;
        let mut received = answer.and_then(Answer::reply).unwrap_or_else(|| json!({}));
        if rows.here(Row::D15) {
            if !has_content(&received) {
                received = json!({});
            }
            fill_role(&mut received, "model");
            remove_empty_parts(&mut received);
        }
        let mut said = vec![open.sent];
        said.extend(open.exchanged);
        if rows.here(Row::D4) {
            return Ok((said.swap_remove(0), received));
        }
        let sent = said.pop().unwrap_or_default();
        self.history.extend(said);
        Ok((sent, received))
    }

    fn rewind_history(&mut self, rows: &Rows) -> Result<Option<(Value, Value)>, Value> {
        let here = rows.here(Row::D4);
        let Some(pair) = self.history.len().checked_sub(2) else {
            return if here {
                Ok(None)
            } else {
                Err(fault::accident())
            };
        };
        let mut start = pair;
        if here {
            // A turn kept without its reply ends with the answers of a round.
            if answers_functions(&self.history[pair + 1]) {
                start += 1;
            }
            while start >= 2 && answers_functions(&self.history[start]) {
                start -= 2;
            }
            start = start.min(pair);
        }
        self.last = None;
        let mut turn = self.history.split_off(start);
        let received = turn.pop().unwrap_or_default();
        Ok(Some((turn.swap_remove(0), received)))
    }
}

/// Returns why an open turn makes the history unreadable in the recordings.
fn trouble(open: &Open, answers: &mut [Answer]) -> Option<Value> {
    let answer = &mut answers[open.answer?];
    if !answer.over {
        return Some(fault::incomplete());
    }
    let candidate = answer.joined["candidates"][0].clone();
    if candidate.is_null() {
        return Some(fault::accident());
    }
    if judge::stops(&candidate["finishReason"]) {
        answer.failed = Some(fault::stopped(&candidate));
    }
    let cause = answer.failed.as_ref()?;
    Some(json!({"kind": "Broken", "cause": cause["kind"]}))
}

/// Returns the role of a content, if it has one.
pub(super) fn role_of(content: &Value) -> Option<&str> {
    content["role"].as_str().filter(|role| !role.is_empty())
}

/// Removes the parts of a content that have no data, and empty text of the model next to other parts (D15).
pub(super) fn remove_empty_parts(content: &mut Value) {
    let stays = match role_of(content) {
        Some("model") if has_content(content) => part_has_content,
        _ => has_data,
    };
    if let Some(parts) = content["parts"].as_array_mut() {
        parts.retain(stays);
    }
}

/// Returns whether any part of a content is not empty (D15).
pub(super) fn has_content(content: &Value) -> bool {
    let mut parts = content["parts"].as_array().into_iter().flatten();
    parts.any(part_has_content)
}

/// Returns whether a part has data. Empty text is data.
pub(super) fn has_data(part: &Value) -> bool {
    let mut members = part.as_object().into_iter().flatten();
    members.any(|(name, value)| is_data(name, value))
}

/// Returns whether a part has data other than empty text and media without bytes.
fn part_has_content(part: &Value) -> bool {
    let mut members = part.as_object().into_iter().flatten();
    members.any(|(name, value)| {
        let is_hollow = match name.as_str() {
            "text" => value == "",
            "inlineData" => lacks(value, "data"),
            _ => false,
        };
        !is_hollow && is_data(name, value)
    })
}

/// Returns whether a member of a part is data.
fn is_data(name: &str, value: &Value) -> bool {
    match name {
        "thought" => false,
        "thoughtSignature" => value != "",
        "functionCall" => !lacks(value, "name") || value["willContinue"] == true,
        "inlineData" | "fileData" | "functionResponse" => {
            let members = value.as_object().into_iter().flatten();
            !members.map(|(_, value)| value).all(Value::is_null)
        }
        _ => !value.is_null(),
    }
}

fn lacks(value: &Value, name: &str) -> bool {
    value[name].as_str().is_none_or(str::is_empty)
}

/// Returns whether a content has parts.
pub(super) fn has_parts(content: &Value) -> bool {
    let parts = content["parts"].as_array();
    parts.is_some_and(|parts| !parts.is_empty())
}

/// Sets the role of a content that has none.
pub(super) fn fill_role(content: &mut Value, role: &str) {
    if role_of(content).is_none() {
        content["role"] = role.into();
    }
}

/// Sets the missing roles of a given history: user and model alternate from the first known role, and the
/// response of a function is the user's. Removes empty parts and contents (D15).
pub(super) fn repair(history: &mut Vec<Value>) {
    let known = |content: &Value| match role_of(content) {
        Some(role) => Some(role.to_owned()),
        None => answers_functions(content).then(|| "user".to_owned()),
    };
    let first = history
        .iter()
        .enumerate()
        .find_map(|(at, one)| Some((at, known(one)?)));
    let mut model_next = first.is_some_and(|(at, role)| (role == "model") == (at % 2 == 0));
    for content in &mut *history {
        let role =
            known(content).unwrap_or_else(|| if model_next { "model" } else { "user" }.into());
        model_next = role != "model";
        content["role"] = role.into();
    }
    history.iter_mut().for_each(remove_empty_parts);
    history.retain(has_parts);
}

fn answers_functions(content: &Value) -> bool {
    let mut parts = content["parts"].as_array().into_iter().flatten();
    content["role"] != "model" && parts.any(|part| part.get("functionResponse").is_some())
}
