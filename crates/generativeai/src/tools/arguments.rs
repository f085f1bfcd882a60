//! Deserializes the arguments of a call into the parameter type of a function.
//!
//! Models make small mistakes: they write `5.0` for an integer, and forget or misspell a parameter. A float for an
//! integer is accepted. For the other mistakes the model gets an error that names the parameter, and usually corrects
//! its call.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::BoxError;
use crate::protocol::make_whole;

/// Deserializes arguments.
///
/// An integer may be written with a fraction of zero: models write `5.0` where the schema has `integer`. The arguments
/// are rewritten only if the original ones do not fit, so that a parameter of type `f64` or `Value` gets the value that
/// the model wrote.
///
/// # Errors
/// The message names the argument that does not fit and why, so that the model can correct the call.
pub(crate) fn read<A: DeserializeOwned>(arguments: Map<String, Value>) -> Result<A, BoxError> {
    let mut arguments = Value::Object(arguments);
    let mut read = serde_path_to_error::deserialize(&arguments);
    if read.is_err() && make_whole(&mut arguments) {
        // The first error may be about an integer with a fraction of zero, which is not wrong.
        read = serde_path_to_error::deserialize(&arguments);
    }
    read.map_err(|error| {
        let path = error.path().to_string();
        let problem = error.inner();
        match path.as_str() {
            "." => format!("invalid arguments: {problem}").into(),
            path => format!("invalid argument `{path}`: {problem}").into(),
        }
    })
}

/// Checks arguments against a JSON Schema: types, required and allowed members, and enums.
///
/// Other keywords, such as `$ref` and `anyOf`, are not checked. The function itself has to refuse such arguments.
///
/// # Errors
/// The message names the argument that does not fit and why.
pub(crate) fn check(arguments: &Map<String, Value>, schema: &Value) -> Result<(), String> {
    check_members(arguments, schema, "")
}

fn check_members(members: &Map<String, Value>, schema: &Value, path: &str) -> Result<(), String> {
    let path_of = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    let required = schema["required"].as_array().into_iter().flatten();
    let mut required = required.filter_map(Value::as_str);
    if let Some(missing) = required.find(|name| !members.contains_key(*name)) {
        return Err(format!("missing argument `{}`", path_of(missing)));
    }
    for (name, value) in members {
        // Indexing a `Value` returns `Null` for a missing member, so an undeclared property has no schema to fit.
        match &schema["properties"][name] {
            // Patterns are not checked, so an undeclared member may match one.
            Value::Null
                if schema["additionalProperties"] == false
                    && schema["patternProperties"].is_null() =>
            {
                return Err(format!("unknown argument `{}`", path_of(name)));
            }
            property => check_value(value, property, &path_of(name))?,
        }
    }
    Ok(())
}

fn check_value(value: &Value, schema: &Value, path: &str) -> Result<(), String> {
    let is_one_of = |allowed: &Value, fits: &dyn Fn(&Value) -> bool| match allowed {
        Value::Null => true,
        Value::Array(allowed) => allowed.iter().any(fits),
        one => fits(one),
    };
    if !is_one_of(&schema["type"], &|name| has_type(value, name)) {
        let expected = &schema["type"];
        return Err(format!(
            "invalid argument `{path}`: expected the type {expected}"
        ));
    }
    if !is_one_of(&schema["enum"], &|allowed| value == allowed) {
        let expected = &schema["enum"];
        return Err(format!(
            "invalid argument `{path}`: expected one of {expected}"
        ));
    }
    match value {
        Value::Object(members) => check_members(members, schema, path),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(at, item)| {
            check_value(item, &schema["items"], &format!("{path}[{at}]"))
        }),
        _ => Ok(()),
    }
}

/// Returns whether a value has the type of a JSON Schema.
fn has_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap_or_default() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
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

    #[test]
    fn an_error_is_about_the_argument_that_is_wrong_and_not_about_a_fraction_of_zero() {
        let arguments = json!({"days": 2.0, "mountain": {"metres": "high"}});
        let error = reading(arguments).expect_err("no metres");
        assert!(
            error.starts_with("invalid argument `mountain.metres`"),
            "{error}"
        );
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
    fn a_large_integer_beside_a_float_is_not_rounded() {
        #[derive(Deserialize)]
        struct Page {
            id: u64,
            number: u8,
        }
        let arguments = json!({"id": 9_007_199_254_740_993_u64, "number": 2.0});
        let arguments = arguments.as_object().cloned().unwrap_or_default();

        let page: Page = read(arguments).expect("arguments that fit");

        assert_eq!((page.id, page.number), (9_007_199_254_740_993, 2));
    }

    #[test]
    fn arguments_are_compared_with_a_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "lines": {"type": "array", "items": {"type": ["integer", "null"]}},
                "mode": {"enum": ["read", "write"]},
                "owner": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
                "any": {"anyOf": [{"type": "string"}]},
                "labels": {"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": false},
            },
            "required": ["path"],
            "additionalProperties": false,
        });
        for (arguments, message) in [
            (
                json!({"path": "a", "lines": [1, 2.0, null], "mode": "read", "owner": {"id": 1}}),
                None,
            ),
            (json!({"path": "a", "any": 5}), None),
            (json!({"path": "a", "labels": {"x-mine": "b"}}), None),
            (json!({}), Some("missing argument `path`")),
            (
                json!({"path": 1}),
                Some("invalid argument `path`: expected the type \"string\""),
            ),
            (
                json!({"path": "a", "lines": [1, "2"]}),
                Some("invalid argument `lines[1]`: expected the type [\"integer\",\"null\"]"),
            ),
            (
                json!({"path": "a", "mode": "erase"}),
                Some("invalid argument `mode`: expected one of [\"read\",\"write\"]"),
            ),
            (
                json!({"path": "a", "owner": {}}),
                Some("missing argument `owner.id`"),
            ),
            (
                json!({"path": "a", "other": 1}),
                Some("unknown argument `other`"),
            ),
        ] {
            let arguments = arguments.as_object().cloned().unwrap_or_default();
            let checked = check(&arguments, &schema);
            assert_eq!(checked.err().as_deref(), message);
        }
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
