//! Tool calls of one reply. Joins their pieces, and returns the calls when the reply ends.
//!
//! A stream contains the arguments of a call as pieces of JSON text, and pieces of parallel calls may alternate. Only
//! the end of the reply shows whether a call is complete, so none is returned before it: a call with cut arguments must
//! never run.

use generativeai::protocol::content::{FunctionCall, Part};
use generativeai::protocol::read_json;
use generativeai::protocol::response::FinishReason;
use serde_json::{Map, Value, json};

use super::wire::{Arguments, ToolCall};
use crate::opaque;

/// Calls that have been received so far, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Vec<Call>);

/// A call, joined from the pieces received so far.
#[derive(Clone, Debug, Default)]
struct Call {
    index: Option<i64>,
    id: String,
    name: String,
    /// Type of the called tool, if it is not a function.
    foreign: Option<String>,
    /// Arguments as JSON, or the input of a custom tool.
    arguments: String,
    /// Signature of a thought, from Google's OpenAI layer.
    extra_content: Option<Value>,
}

/// End of a reply, which decides whether its calls are complete.
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

/// Reason why a call cannot run: a finish reason, and an explanation.
pub(super) type Mistake = (FinishReason, String);

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a piece of a streamed call. The piece belongs to the call with its index. Without an index it belongs to
    /// the call with its identifier, or to the last one.
    ///
    /// Some servers number all calls 0 or -1, so an index alone does not identify a call: see [`Call::is_other`].
    pub(super) fn push(&mut self, piece: ToolCall) {
        let id = piece.id.as_deref().unwrap_or_default();
        let begins = !name_of(&piece).is_empty();
        let last = || self.0.len().checked_sub(1);
        // The last call with the index or identifier: several calls have the same index if all are numbered 0.
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

    /// Takes all calls, ordered by their index. If some cannot run, also returns the mistake of the first of them.
    pub(super) fn take(&mut self, end: End) -> (Vec<Part>, Option<Mistake>) {
        let mut mistake = None;
        // The sort is stable: calls without an index, or with the same one, stay in the order of arrival.
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
    let mut names = function.into_iter().chain(custom);
    names.find(|name| !name.is_empty()).unwrap_or_default()
}

/// Reads arguments. `None` unless they are a complete JSON object.
fn read(arguments: &str) -> Option<Map<String, Value>> {
    match read_json(arguments.as_bytes()) {
        Ok(Value::Object(arguments)) => Some(arguments),
        _ => None,
    }
}

impl Call {
    /// Returns whether a piece that has a name begins another call, although its index is that of this call or absent.
    ///
    /// Neither the index nor the name nor the identifier is reliable: some servers number all calls 0, some repeat the
    /// name in each piece, and some send a new identifier with each piece. So complete arguments are the last resort:
    /// more text after them would not be JSON, hence it belongs to another call.
    fn is_other(&self, piece: &ToolCall) -> bool {
        let id = piece.id.as_deref().unwrap_or_default();
        let has_ids = !id.is_empty() && !self.id.is_empty();
        // Equal identifiers prove the same call. Different ones prove another call only without an index, as servers
        // that send a new identifier with each piece do send the index.
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
            // Two calls of one function without arguments. With an index, the piece repeats the name of its call.
            return piece.index.is_none() && self.arguments.is_empty();
        }
        // Checked first, since reading all arguments with each of their pieces would take quadratic time.
        let may_begin = more.is_empty() || more.starts_with('{') || more == "null";
        may_begin && self.arguments.trim_end().ends_with('}') && read(&self.arguments).is_some()
    }

    fn add(&mut self, piece: ToolCall) {
        // The first identifier and name stay: later pieces may repeat the name, and have other identifiers.
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
        if let Some(custom) = piece.custom.filter(|custom| !custom.is_empty()) {
            self.foreign = Some(kind.unwrap_or_else(|| "custom".to_owned()));
            self.arguments.push_str(&custom.input.unwrap_or_default());
        } else if self.name.is_empty() && kind.as_deref() != Some("function") {
            self.foreign = kind.or(self.foreign.take());
        }
    }

    /// Converts the call, and returns the mistake that prevents it from running.
    ///
    /// An incomplete call gets `willContinue`, and functions do not run for such a call. The text of its arguments is
    /// kept as the unknown member `arguments`.
    fn finish(self, end: End) -> (Part, Option<Mistake>) {
        let mistake = self.mistake();
        let arguments = self.arguments.trim();
        let args = match arguments {
            _ if end == End::Broken || self.name.is_empty() => None,
            // The input of a custom tool is plain text, which does not show whether it was cut.
            _ if self.foreign.is_some() => {
                let input = json!({"input": self.arguments}).as_object().cloned();
                input.filter(|_| end == End::Finished)
            }
            // A call of a function without parameters. After a cut the arguments may be missing instead.
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

    /// Returns the reason why the call cannot run, even if its arguments are complete.
    fn mistake(&self) -> Option<Mistake> {
        let name = &self.name;
        match &self.foreign {
            Some(kind) => {
                let tool = match name.as_str() {
                    "" => "a tool".to_owned(),
                    name => format!("`{name}` as a tool"),
                };
                let why = format!(
                    "the model called {tool} of the type `{kind}`, which the request does not declare"
                );
                Some((FinishReason::UnexpectedToolCall, why))
            }
            None if name.is_empty() => Some((
                FinishReason::MalformedFunctionCall,
                "the model called a function without a name".to_owned(),
            )),
            None => None,
        }
    }
}
