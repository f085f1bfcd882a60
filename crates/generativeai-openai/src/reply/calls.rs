//! Tool calls of one reply: their pieces are joined, and returned when the reply ends.

use generativeai::protocol::content::{FunctionCall, Part};
use serde_json::{Map, Value};

use super::wire::{Arguments, Function, ToolCall};

/// Calls that have been received so far, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Vec<Call>);

#[derive(Clone, Debug, Default)]
struct Call {
    index: Option<i64>,
    id: String,
    name: String,
    arguments: String,
}

/// End of a reply, as far as it matters for its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The model finished.
    Finished,
    /// The reply reached its maximum length.
    CutOff,
}

impl Calls {
    /// Adds a piece of a streamed call. It belongs to the call with its index; without an index to the one with
    /// its identifier, or to the last one.
    ///
    /// Some servers number all calls 0 or -1: a piece with another identifier and a name begins a new call.
    pub(super) fn push(&mut self, piece: ToolCall) {
        let id = piece.id.unwrap_or_default();
        let function = piece.function.unwrap_or_default();
        let begins = function.name.as_ref().is_some_and(|name| !name.is_empty());
        let is_other =
            |call: &Call| begins && !id.is_empty() && !call.id.is_empty() && call.id != id;
        let found = match piece.index {
            Some(index) => self.0.iter().rposition(|call| call.index == Some(index)),
            None if !id.is_empty() => self
                .0
                .iter()
                .rposition(|call| call.id == id)
                .or_else(|| self.0.len().checked_sub(1).filter(|_| !begins)),
            None => self.0.len().checked_sub(1).filter(|_| !begins),
        };
        let found = found.filter(|at| !is_other(&self.0[*at]));
        let at = found.unwrap_or_else(|| {
            self.0.push(Call {
                index: piece.index,
                ..Call::default()
            });
            self.0.len() - 1
        });
        self.0[at].add(id, function);
    }

    /// Adds a whole call.
    pub(super) fn push_whole(&mut self, call: ToolCall) {
        let mut whole = Call::default();
        whole.add(
            call.id.unwrap_or_default(),
            call.function.unwrap_or_default(),
        );
        self.0.push(whole);
    }

    /// Takes all calls, ordered by their index. Also returns the name of the first one whose arguments are not
    /// complete.
    pub(super) fn take(&mut self, end: End) -> (Vec<Part>, Option<String>) {
        let mut incomplete = None;
        self.0.sort_by_key(|call| call.index);
        let calls = std::mem::take(&mut self.0).into_iter().map(|call| {
            let name = call.name.clone();
            let (call, is_complete) = call.finish(end);
            if !is_complete {
                incomplete.get_or_insert(name);
            }
            call.into()
        });
        let calls = calls.collect();
        (calls, incomplete)
    }
}

impl Call {
    fn add(&mut self, id: String, function: Function) {
        if self.id.is_empty() {
            self.id = id;
        }
        if self.name.is_empty() {
            self.name = function.name.unwrap_or_default();
        }
        match function.arguments {
            None => {}
            Some(Arguments::Text(more)) => self.arguments.push_str(&more),
            Some(Arguments::Object(whole)) => self.arguments = Value::Object(whole).to_string(),
        }
    }

    /// Converts the call, and returns whether its arguments are complete. Without, it is marked so that it never
    /// runs, and the text of its arguments is kept as an unknown member.
    fn finish(self, end: End) -> (FunctionCall, bool) {
        let arguments = self.arguments.trim();
        let args = match arguments {
            "" | "null" if end == End::Finished => Some(Map::new()),
            arguments => generativeai::protocol::read_json(arguments.as_bytes()).ok(),
        };
        let is_complete = args.is_some();
        let mut call = FunctionCall::default();
        call.id = Some(self.id).filter(|id| !id.is_empty());
        call.name = Some(self.name);
        call.args = args;
        if !is_complete {
            call.will_continue = Some(true);
            call.unknown.insert("arguments", self.arguments);
        }
        (call, is_complete)
    }
}
