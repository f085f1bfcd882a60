//! Deserializes the arguments of a call into the parameter type of a function.

use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::response::BoxError;

/// Largest magnitude up to which `f64` represents every integer (2⁵³).
const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Deserializes arguments.
///
/// An integer may be written with a fraction of zero: models write `5.0` where the schema has `integer`. The rewritten
/// arguments are only a second attempt, so that a parameter of type `f64` or `Value` gets what the model wrote.
///
/// # Errors
/// The message names the argument that does not fit and why, so that the model can correct the call.
pub(crate) fn read<A: DeserializeOwned>(arguments: Map<String, Value>) -> Result<A, BoxError> {
    let mut arguments = Value::Object(arguments);
    let error = match serde_path_to_error::deserialize(&arguments) {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    drop_zero_fractions(&mut arguments);
    serde_path_to_error::deserialize(&arguments).map_err(|_| {
        let path = error.path().to_string();
        let problem = error.inner();
        match path.as_str() {
            "." => format!("invalid arguments: {problem}").into(),
            path => format!("invalid argument `{path}`: {problem}").into(),
        }
    })
}

/// Replaces each float without a fractional part by the integer of the same value.
fn drop_zero_fractions(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|float| float.fract() == 0.0)
                && whole.abs() <= MAX_EXACT_INTEGER
            {
                #[expect(clippy::cast_possible_truncation, reason = "an integer within ±2⁵³")]
                let whole = whole as i64;
                *number = Number::from(whole);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(drop_zero_fractions),
        Value::Object(members) => members.values_mut().for_each(drop_zero_fractions),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Ascent {
        mountain: Mountain,
        days: Option<u8>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Mountain {
        metres: u32,
    }

    fn reading(arguments: Value) -> Result<Ascent, String> {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        read(arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn an_integer_may_be_written_as_a_float() {
        let ascent = reading(json!({"mountain": {"metres": 1345.0}, "days": 2}));

        let mountain = Mountain { metres: 1345 };
        assert_eq!(
            ascent,
            Ok(Ascent {
                mountain,
                days: Some(2)
            })
        );
    }

    #[test]
    fn the_error_names_the_argument_that_does_not_fit() {
        for (arguments, message) in [
            (json!({}), "invalid arguments: missing field `mountain`"),
            (
                json!({"mountain": {"metres": "high"}}),
                "invalid argument `mountain.metres`: \
                 invalid type: string \"high\", expected u32",
            ),
            (
                json!({"mountain": {"metres": 1.5}}),
                "invalid argument `mountain.metres`: \
                 invalid type: floating point `1.5`, expected u32",
            ),
            (
                json!({"mountain": {"metres": 1}, "days": 1000}),
                "invalid argument `days`: \
                 invalid value: integer `1000`, expected u8",
            ),
        ] {
            assert_eq!(reading(arguments), Err(message.to_owned()));
        }
    }
}
