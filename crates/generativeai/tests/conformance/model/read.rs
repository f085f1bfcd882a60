//! Reads a response chunk by chunk, and completes the turn at its end.

use serde_json::{Value, json};

use super::turn::{Next, Turn};
use super::{Model, text};
use crate::fault;
use crate::normal::canonical;
use crate::reader::{Move, Reader, read_value};
use crate::rows::Row;
use crate::scenario::Step;

impl Model<'_> {
    pub(super) fn read_again(&mut self, step: &Step) -> Result<Value, Value> {
        let at = self.answer_of(step)?;
        let name = step.text("reader").unwrap_or("main");
        let whole = self.answers[at].done();
        let readers = &mut self.answers[at].readers;
        if step.op == "iterate" || !readers.contains_key(name) {
            readers.insert(name.to_owned(), Reader::new(whole));
        }
        Ok(self.read(at, name, step.how_many("n")))
    }

    /// Reads up to `most` chunks with an iterator.
    pub(super) fn read(&mut self, at: usize, name: &str, most: Option<usize>) -> Value {
        let Some(mut reader) = self.answers[at].readers.remove(name) else {
            return Value::Null;
        };
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

    pub(super) fn resolve(&mut self, step: &Step) -> Result<Value, Value> {
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

    /// Receives one more chunk, or the end. Returns the error of a chunk that cannot be merged.
    pub(super) fn pull(&mut self, at: usize) -> Option<Value> {
        let mut turn = self.answers[at].turn.take()?;
        let next = turn.next(&mut self.world);
        let answer = &mut self.answers[at];
        answer.has_received = turn.received.is_some();
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
            chat.commit(&self.answers, self.world.rows);
        }
    }
}
