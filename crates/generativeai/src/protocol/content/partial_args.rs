//! Merging the pieces of a streamed function call.

use serde_json::{Map, Number, Value};

use super::json_path;
use crate::protocol::content::{FunctionCall, PartialArg};

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
        if let Some(args) = &next.args {
            let known = self.args.get_or_insert_default();
            known.extend(args.clone());
        }
        self.partial_args.extend_from_slice(&next.partial_args);
        self.will_continue = next.will_continue.filter(|&more| more);
        for (name, value) in next.unknown.iter() {
            self.unknown.insert(name.clone(), value.clone());
        }
        self.merge_partial_args();
    }

    /// Moves the pieces in `partial_args` into `args`.
    ///
    /// A piece that does not fit yet waits for others, such as the earlier items of an array. A call with a piece that
    /// never fits stays incomplete, so that it does not run with wrong arguments.
    pub(in crate::protocol) fn merge_partial_args(&mut self) {
        while !self.partial_args.is_empty() {
            // Repeated, since a piece that fits may create the array that an earlier piece waits for.
            let args = self.args.get_or_insert_default();
            let waiting = self.partial_args.len();
            self.partial_args.retain(|arg| !arg.merge_into(args));
            if self.partial_args.len() == waiting {
                return;
            }
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

/// Converts a number to JSON, and a whole number to an integer: serde refuses `2.0` for an integer parameter.
fn number(number: f64) -> Value {
    /// Up to this number, 2 to the power of 53, every integer has its own `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        Value::from(number as i64)
    } else {
        Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
    }
}
