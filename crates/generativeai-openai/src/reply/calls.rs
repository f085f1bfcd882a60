//! Tool calls of one reply: their pieces are joined, and returned when the reply ends.

use generativeai::protocol::content::{FunctionCall, Part};
use generativeai::protocol::read_json;
use generativeai::protocol::response::FinishReason;
use serde_json::{Map, Value, json};

use super::wire::{Arguments, ToolCall};
use crate::opaque;

/// Calls that have been received so far, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Vec<Call>);

#[derive(Clone, Debug, Default)]
struct Call {
    index: Option<i64>,
    id: String,
    name: String,
    /// Type of a call that is not one of a function.
    foreign: Option<String>,
    /// Arguments, or the text of a custom tool.
    arguments: String,
    extra_content: Option<Value>,
}

/// End of a reply, as far as it matters for its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The model finished.
    Finished,
    /// The reply reached its maximum length, or ended without a finish reason: a call is complete if its arguments
    /// are.
    CutOff,
    /// The connection ended before the reply: no call is complete.
    Broken,
}

/// Why a call cannot run: the finish reason, and an explanation.
pub(super) type Mistake = (FinishReason, String);

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a piece of a streamed call. It belongs to the call with its index; without an index to the one with
    /// its identifier, or to the last one.
    ///
    /// Some servers number all calls 0 or -1: see [`Call::is_other`].
    pub(super) fn push(&mut self, piece: ToolCall) {
        let id = piece.id.as_deref().unwrap_or_default();
        let begins = !name_of(&piece).is_empty();
        let last = || self.0.len().checked_sub(1);
        let found = match piece.index {
            Some(index) => self.0.iter().rposition(|call| call.index == Some(index)),
            None if !id.is_empty() => {
                let same = self.0.iter().rposition(|call| call.id == id);
                same.or_else(|| last().filter(|_| !begins))
            }
            None => last(),
        };
        let found = found.filter(|at| !(begins && self.0[*at].is_other(&piece)));
        let at = found.unwrap_or_else(|| {
            self.0.push(Call {
                index: piece.index,
                ..Call::default()
            });
            self.0.len() - 1
        });
        self.0[at].add(piece);
    }

    /// Adds a whole call.
    pub(super) fn push_whole(&mut self, call: ToolCall) {
        let mut whole = Call::default();
        whole.add(call);
        self.0.push(whole);
    }

    /// Takes all calls, ordered by their index. Also returns why the first one that cannot run does not.
    pub(super) fn take(&mut self, end: End) -> (Vec<Part>, Option<Mistake>) {
        let mut mistake = None;
        self.0.sort_by_key(|call| call.index);
        let calls = std::mem::take(&mut self.0).into_iter().map(|call| {
            let (call, why) = call.finish(end);
            mistake = mistake.take().or(why);
            call
        });
        let calls = calls.collect();
        (calls, mistake)
    }
}

fn name_of(piece: &ToolCall) -> &str {
    let function = piece.function.as_ref().and_then(|it| it.name.as_deref());
    let custom = piece.custom.as_ref().and_then(|it| it.name.as_deref());
    function.or(custom).unwrap_or_default()
}

/// Reads arguments that are a whole JSON object.
fn read(arguments: &str) -> Option<Map<String, Value>> {
    read_json(arguments.as_bytes()).ok()
}

impl Call {
    /// Returns whether a piece that has a name begins another call, although its index is that of this call or absent.
    ///
    /// Servers differ: some number all calls 0, some repeat the name in each piece, and some give each piece an
    /// identifier of its own. Complete arguments show that a call is over.
    fn is_other(&self, piece: &ToolCall) -> bool {
        let id = piece.id.as_deref().unwrap_or_default();
        let has_ids = !id.is_empty() && !self.id.is_empty();
        if has_ids && (self.id == id || piece.index.is_none()) {
            return self.id != id;
        }
        if !self.name.is_empty() && self.name != name_of(piece) {
            return true;
        }
        let function = piece.function.as_ref();
        let more = match function.and_then(|function| function.arguments.as_ref()) {
            None => "",
            Some(Arguments::Text(more)) => more.trim_start(),
            Some(Arguments::Json(_)) => "{",
        };
        if more.is_empty() && !has_ids {
            // Two calls without arguments.
            return piece.index.is_none() && self.arguments.is_empty();
        }
        // Checked first, since reading all arguments with each of their pieces would take quadratic time.
        let may_begin = more.is_empty() || more.starts_with('{') || more == "null";
        may_begin && self.arguments.trim_end().ends_with('}') && read(&self.arguments).is_some()
    }

    fn add(&mut self, piece: ToolCall) {
        if self.id.is_empty() {
            self.id = piece.id.clone().unwrap_or_default();
        }
        if self.name.is_empty() {
            name_of(&piece).clone_into(&mut self.name);
        }
        self.extra_content = piece.extra_content.or(self.extra_content.take());
        match piece.function.and_then(|function| function.arguments) {
            None => {}
            Some(Arguments::Text(more)) => self.arguments.push_str(&more),
            Some(Arguments::Json(whole)) => self.arguments = whole.to_string(),
        }
        let kind = piece.kind.filter(|kind| !kind.is_empty());
        if let Some(custom) = piece.custom {
            self.foreign = Some(kind.unwrap_or_else(|| "custom".to_owned()));
            self.arguments.push_str(&custom.input.unwrap_or_default());
        } else if self.name.is_empty() && kind.as_deref() != Some("function") {
            self.foreign = kind.or(self.foreign.take());
        }
    }

    /// Converts the call, and returns why it cannot run. A call that is not complete is marked so that it never runs, and
    /// the text of its arguments is kept as an unknown member.
    fn finish(self, end: End) -> (Part, Option<Mistake>) {
        let mistake = self.mistake();
        let arguments = self.arguments.trim();
        let args = match arguments {
            _ if end == End::Broken || self.name.is_empty() => None,
            // The text of a custom tool shows no end.
            _ if self.foreign.is_some() => {
                let input = json!({"input": self.arguments}).as_object().cloned();
                input.filter(|_| end == End::Finished)
            }
            "" | "null" if end == End::Finished => Some(Map::new()),
            arguments => read(arguments),
        };
        let is_complete = args.is_some();
        let mut call = FunctionCall::default();
        call.id = Some(self.id).filter(|id| !id.is_empty());
        call.args = args;
        let malformed = || {
            let why = format!(
                "the arguments of the call of `{}` are not valid JSON",
                self.name
            );
            (FinishReason::MalformedFunctionCall, why)
        };
        let mistake = mistake.or_else(|| (!is_complete).then(malformed));
        call.name = Some(self.name);
        if !is_complete {
            call.will_continue = Some(true);
            call.unknown.insert("arguments", self.arguments);
        }
        let mut part = Part::from(call);
        let extra = self.extra_content.filter(|extra| extra.is_object());
        part.thought_signature = extra.map(|extra| opaque::pack(&json!({"extra_content": extra})));
        (part, mistake)
    }

    /// Returns why the call cannot run even if it is complete.
    fn mistake(&self) -> Option<Mistake> {
        let name = &self.name;
        match &self.foreign {
            Some(kind) if name.is_empty() => Some((
                FinishReason::UnexpectedToolCall,
                format!(
                    "the model called a tool of the type `{kind}`, which the request does not declare"
                ),
            )),
            Some(kind) => Some((
                FinishReason::UnexpectedToolCall,
                format!(
                    "the model called `{name}` as a tool of the type `{kind}`, which the request does not declare"
                ),
            )),
            None if name.is_empty() => Some((
                FinishReason::MalformedFunctionCall,
                "the model called a function without a name".to_owned(),
            )),
            None => None,
        }
    }
}
