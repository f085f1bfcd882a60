//! Reading the arguments of a call into the type a function takes.

use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::answer::Failure;

/// Numbers up to here are whole in `f64` and `i64` alike.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// Reads arguments; the error names the one that is wrong, for the model to mend.
///
/// A whole number is read as such even if the model wrote `5.0`.
pub(crate) fn read<A: DeserializeOwned>(arguments: Map<String, Value>) -> Result<A, Failure> {
    let mut arguments = Value::Object(arguments);
    let error = match serde_path_to_error::deserialize(&arguments) {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    write_whole(&mut arguments);
    serde_path_to_error::deserialize(&arguments).map_err(|_| {
        let path = error.path().to_string();
        let problem = error.inner();
        match path.as_str() {
            "." => format!("the arguments cannot be read: {problem}").into(),
            path => format!("the argument `{path}` cannot be read: {problem}").into(),
        }
    })
}

/// Writes every whole number without a fraction.
fn write_whole(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|float| float.fract() == 0.0)
                && whole.abs() <= WHOLE
            {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
                let whole = whole as i64;
                *number = Number::from(whole);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(write_whole),
        Value::Object(members) => members.values_mut().for_each(write_whole),
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
    fn whole_numbers_are_read_however_they_are_written() {
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
    fn the_error_names_the_argument_that_is_wrong() {
        for (arguments, message) in [
            (
                json!({}),
                "the arguments cannot be read: missing field `mountain`",
            ),
            (
                json!({"mountain": {"metres": "high"}}),
                "the argument `mountain.metres` cannot be read: \
                 invalid type: string \"high\", expected u32",
            ),
            (
                json!({"mountain": {"metres": 1.5}}),
                "the argument `mountain.metres` cannot be read: \
                 invalid type: floating point `1.5`, expected u32",
            ),
            (
                json!({"mountain": {"metres": 1}, "days": 1000}),
                "the argument `days` cannot be read: \
                 invalid value: integer `1000`, expected u8",
            ),
        ] {
            assert_eq!(reading(arguments), Err(message.to_owned()));
        }
    }
}
