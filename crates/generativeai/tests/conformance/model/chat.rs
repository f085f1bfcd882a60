//! A chat: its history, its last answer, and the turn that is not in the history.

use serde_json::{Value, json};

use super::answer::Answer;
use super::judge;
use crate::fault;
use crate::rows::{Row, Rows};

/// A chat. As recorded, a complete turn stays open until the history is read (D1).
#[derive(Clone, Default)]
pub(super) struct Chat {
    pub(super) history: Vec<Value>,
    pub(super) automatic: bool,
    pub(super) last: Option<usize>,
    pub(super) open: Option<Open>,
    /// The answer that was returned last.
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
    /// Goes on from another history.
    pub(super) fn restart(&mut self, history: Vec<Value>) {
        self.history = history;
        self.last = None;
        self.open = None;
    }

    /// The history, or why it cannot be read (D2).
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
            self.fold(answers);
        }
        Ok(self.history.clone())
    }

    /// Puts the open turn into the history, and forgets the last answer.
    fn fold(&mut self, answers: &mut [Answer]) {
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

    /// Puts a turn that is complete into the history at once.
    pub(super) fn commit(&mut self, answers: &[Answer]) {
        let Some(open) = self.open.take() else { return };
        let mut reply = open.answer.and_then(|at| answers[at].reply());
        if let Some(reply) = &mut reply {
            fill_role(reply);
        }
        self.history.push(open.sent);
        self.history.extend(open.exchanged);
        self.history.extend(reply);
    }

    /// Takes back a turn: what was sent and what was received, `None` if there is none (D4).
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
            if received["parts"].as_array().is_none_or(Vec::is_empty) {
                received = json!({});
            }
            fill_role(&mut received);
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
            // A turn that was kept before its reply came ends with the answers of a round.
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

/// Why an open turn keeps the history from being read, as recorded.
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

/// A reply without a role is the model's.
pub(super) fn fill_role(content: &mut Value) {
    if content["role"].as_str().is_none_or(str::is_empty) {
        content["role"] = "model".into();
    }
}

/// Fills the missing roles of a given history: user and model in turn from the first that is known,
/// an answer of a function is the user's (D15).
pub(super) fn fill_roles(history: &mut [Value]) {
    let known = |content: &Value| match content["role"].as_str().filter(|role| !role.is_empty()) {
        Some(role) => Some(role.to_owned()),
        None => answers_functions(content).then(|| "user".to_owned()),
    };
    let first = history
        .iter()
        .enumerate()
        .find_map(|(at, one)| Some((at, known(one)?)));
    let mut model_next = first.is_some_and(|(at, role)| (role == "model") == (at % 2 == 0));
    for content in history {
        let role =
            known(content).unwrap_or_else(|| if model_next { "model" } else { "user" }.into());
        model_next = role != "model";
        content["role"] = role.into();
    }
}

fn answers_functions(content: &Value) -> bool {
    let mut parts = content["parts"].as_array().into_iter().flatten();
    content["role"] != "model" && parts.any(|part| part.get("functionResponse").is_some())
}
