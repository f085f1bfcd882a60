//! Merging the pieces of a streamed function call.

use serde_json::value::Serializer;
use serde_json::{Map, Value};

use super::json_path;
use crate::protocol::content::{FunctionCall, PartialArg};
use crate::protocol::whole_number;
use crate::protocol::wire::Wire;

/// Maximum number of pieces that wait for others. Each piece that fits tries them again, so that very many of them
/// would take quadratic time.
const MAX_WAITING: usize = 256;

impl FunctionCall {
    /// Returns whether `next` is the next piece of this call.
    ///
    /// Arguments without a function name continue the call even if its last piece did not announce another one: they
    /// cannot be a separate call.
    pub(in crate::protocol) fn is_continued_by(&self, next: &Self) -> bool {
        let same_name = next.name().is_empty() || next.name() == self.name();
        let same_id = next.id.is_none() || next.id == self.id;
        let is_rest = next.name().is_empty() && !next.partial_args.is_empty();
        (self.will_continue == Some(true) || is_rest) && same_name && same_id
    }

    /// Merges the next piece of this call. A piece without `will_continue` is the last one.
    pub(in crate::protocol) fn merge_piece(&mut self, next: &Self) {
        // A piece of this call has its id and its name, or none.
        let Self {
            id: _,
            name: _,
            args,
            partial_args,
            will_continue,
            unknown,
        } = next;
        if let Some(args) = args {
            let known = self.args.get_or_insert_default();
            known.extend(args.clone());
            self.merge_waiting();
        }
        for arg in partial_args {
            self.merge_arg(arg.clone());
        }
        self.will_continue = will_continue.filter(|&more| more);
        self.unknown.extend(unknown);
    }

    /// Moves the pieces in `partial_args` into `args`.
    ///
    /// A piece that does not fit yet waits for others, such as the earlier items of an array. A call with a piece that
    /// never fits stays incomplete, so that it does not run with wrong arguments. So does a call with more than
    /// `MAX_WAITING` waiting pieces.
    pub(in crate::protocol) fn merge_partial_args(&mut self) {
        for arg in std::mem::take(&mut self.partial_args) {
            self.merge_arg(arg);
        }
    }

    fn merge_arg(&mut self, arg: PartialArg) {
        self.partial_args.push(arg);
        self.merge_waiting();
    }

    /// Moves the waiting pieces that fit into `args`. Those of a call without a name wait for its beginning, which an
    /// earlier chunk may contain: they may continue its strings.
    ///
    /// The search starts again at the first piece after each that fits, since that one may have created the array that
    /// an earlier piece waits for. So the pieces of a string are joined in their order.
    fn merge_waiting(&mut self) {
        if self.name().is_empty() {
            return;
        }
        let args = self.args.get_or_insert_default();
        while self.partial_args.len() <= MAX_WAITING
            && let Some(at) = self
                .partial_args
                .iter()
                .position(|arg| arg.merge_into(args))
        {
            self.partial_args.remove(at);
        }
    }
}

impl PartialArg {
    /// Sets the value in the arguments, or appends it to a string. Returns whether the value fits: one of an unknown
    /// kind never does.
    fn merge_into(&self, args: &mut Map<String, Value>) -> bool {
        let value = self.value();
        if self.string_value.is_none() && value.is_none() && !self.unknown.is_empty() {
            return false;
        }
        let path = self.json_path.as_deref().unwrap_or_default();
        let Some(place) = json_path::at(args, path) else {
            return false;
        };
        match (place, &self.string_value, value) {
            (Value::String(text), Some(more), _) => text.push_str(more),
            (place, Some(text), _) => *place = text.as_str().into(),
            (place, None, Some(value)) => *place = value,
            (_, None, None) => {}
        }
        true
    }

    fn value(&self) -> Option<Value> {
        let number = self.number_value.map(number);
        let bool = self.bool_value.map(Value::Bool);
        number
            .or(bool)
            .or_else(|| self.null_value.as_ref().map(|_| Value::Null))
    }
}

/// Converts a number to JSON, and a whole number to an integer: serde refuses `2.0` for an integer parameter. A number
/// that is not finite becomes a string such as `Infinity`, which is how proto JSON writes it.
fn number(number: f64) -> Value {
    whole_number(number).map_or_else(
        || {
            let written = number.write(Serializer);
            written.expect("an `f64` is written as a number or a string")
        },
        Value::from,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns a call with these pieces of strings in one chunk.
    fn call(pieces: impl IntoIterator<Item = (String, &'static str)>) -> FunctionCall {
        let piece = |(path, text): (String, &str)| json!({"jsonPath": path, "stringValue": text});
        let pieces: Vec<Value> = pieces.into_iter().map(piece).collect();
        let call = json!({"name": "f", "partialArgs": pieces});
        let mut call: FunctionCall = serde_json::from_value(call).expect("a call");
        call.merge_partial_args();
        call
    }

    #[test]
    fn a_piece_never_overtakes_an_earlier_one_of_its_string() {
        let pieces = [("$.a[1]", "x"), ("$.a[0]", "b"), ("$['a'][1]", "y")];

        let call = call(pieces.map(|(path, text)| (path.to_owned(), text)));

        assert!(call.is_complete());
        assert_eq!(json!(call.args), json!({"a": ["b", "xy"]}));
    }

    #[test]
    fn a_number_that_is_not_finite_is_written_as_proto_json_writes_it() {
        for text in ["NaN", "Infinity", "-Infinity"] {
            let arg = json!({"jsonPath": "$.a", "numberValue": text});
            let call = json!({"name": "f", "partialArgs": [arg]});
            let mut call: FunctionCall = serde_json::from_value(call).expect("a call");
            call.merge_partial_args();
            assert_eq!(call.arg("a"), Some(&json!(text)));
        }
    }

    #[test]
    fn a_call_with_too_many_waiting_pieces_is_never_complete() {
        let reversed = |count: usize| call((0..count).rev().map(|at| (format!("$.a[{at}]"), "x")));

        assert!(reversed(MAX_WAITING).is_complete());
        assert!(!reversed(MAX_WAITING + 1).is_complete());
        let mut long = reversed(100_000);
        assert!(!long.is_complete());
        long.merge_piece(&call([("$.a[0]".to_owned(), "x")]));
        assert!(!long.is_complete());
    }
}
