//! Narrows a schema so that a small model can finish a value: bounded numbers, closed objects.

use generativeai::Result;
use serde_json::{Map, Value, json};

use crate::error::invalid_argument;

use super::{cycles, references, satisfiable, size};

/// Absolute value up to which numbers may go, so that a model cannot write digits forever.
const BOUND: i64 = 1_000_000_000_000_000;
/// Name of a definition that matches any value with bounded numbers. It replaces `true` and `{}`.
const ANYTHING: &str = "x-anything";
const KINDS: [&str; 6] = ["object", "array", "string", "number", "boolean", "null"];

/// Checks a JSON Schema and narrows it.
///
/// Every value that matches the result also matches the original schema.
///
/// # Errors
///
/// 400 if the schema is not valid, or cannot be enforced.
pub(crate) fn prepare(schema: &Value) -> Result<Value> {
    size::check(schema)?;
    references::check(schema)?;
    cycles::check(schema)?;
    satisfiable::check(schema)?;
    let mut schema = match schema {
        Value::Bool(true) => json!({}),
        Value::Object(_) => schema.clone(),
        _ => return Err(invalid_argument("the schema is not an object")),
    };
    let close = !is_composed(&schema);
    narrow(&mut schema, close);
    let defs = &mut schema["$defs"];
    if !defs.is_object() {
        *defs = json!({});
    }
    defs[ANYTHING] = json!({
        "type": KINDS,
        "minimum": -BOUND,
        "maximum": BOUND,
        "items": anything(),
        "additionalProperties": anything(),
    });
    // No whitespace between members: a small model may repeat it until the reply is cut off.
    schema["x-guidance"] = json!({ "whitespace_flexible": false });
    Ok(schema)
}

/// Whether objects are composed of several schemas. Closing one of them would forbid the properties
/// of the others.
fn is_composed(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            let has = |name: &&str| members.contains_key(*name);
            let parts = ["anyOf", "oneOf", "$ref"].iter().any(has) && has(&"properties");
            has(&"allOf") || parts || members.values().any(is_composed)
        }
        Value::Array(elements) => elements.iter().any(is_composed),
        _ => false,
    }
}

fn anything() -> Value {
    json!({ "$ref": format!("#/$defs/{ANYTHING}") })
}

/// Bounds all numbers in a schema. With `close`, also forbids additional properties.
fn narrow(schema: &mut Value, close: bool) {
    if *schema == Value::Bool(true) {
        *schema = anything();
        return;
    }
    let Value::Object(members) = schema else {
        return;
    };
    members.remove("x-guidance");
    add_types(members);
    bound_numbers(members);
    if has_type(members, "object") || members.contains_key("properties") {
        let rest = if close && members.contains_key("properties") {
            false.into()
        } else {
            anything()
        };
        let open = !members.contains_key("unevaluatedProperties");
        let closed = close && members.contains_key("patternProperties");
        if open && !closed {
            members.entry("additionalProperties").or_insert(rest);
        }
    }
    if has_type(members, "array") && !members.contains_key("additionalItems") {
        members.entry("items").or_insert_with(anything);
    }
    for (name, value) in members.iter_mut() {
        match (name.as_str(), value) {
            (
                "properties" | "$defs" | "definitions" | "patternProperties",
                Value::Object(named),
            ) => {
                named.values_mut().for_each(|schema| narrow(schema, close));
            }
            ("prefixItems" | "items" | "allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| narrow(schema, close));
            }
            ("items" | "additionalProperties" | "additionalItems", schema) => narrow(schema, close),
            _ => {}
        }
    }
}

/// Lists all types in a schema that does not restrict them, so that its numbers can be bounded.
fn add_types(members: &mut Map<String, Value>) {
    let restricts = |name: &&str| match members.get(*name) {
        Some(Value::Array(schemas)) => !schemas.is_empty() || *name == "enum",
        other => other.is_some(),
    };
    let restricted = ["type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf"]
        .iter()
        .any(restricts);
    if !restricted {
        members.insert("type".to_owned(), json!(KINDS));
    }
}

fn has_type(members: &Map<String, Value>, kind: &str) -> bool {
    match members.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
        Some(one) => one == kind,
        None => false,
    }
}

/// Keeps numbers within [`BOUND`]. Bounds beyond it are clamped; a range that lies beyond it as a whole
/// becomes empty, which the compiler of grammars reports.
fn bound_numbers(members: &mut Map<String, Value>) {
    let far = BOUND as f64;
    for (name, nearest) in [
        ("minimum", -BOUND),
        ("exclusiveMinimum", -BOUND),
        ("maximum", BOUND),
        ("exclusiveMaximum", BOUND),
    ] {
        if let Some(bound) = members.get_mut(name)
            && let Some(value) = bound.as_f64()
            && value.abs() > far
        {
            // A lower bound above `BOUND` must stay above it, or the range would not be empty.
            let is_beyond = (value > 0.0) != (nearest > 0);
            *bound = (if is_beyond { -2 * nearest } else { nearest }).into();
        }
    }
    let numeric = has_type(members, "integer") || has_type(members, "number");
    if !numeric || members.contains_key("enum") || members.contains_key("const") {
        return;
    }
    let value = |members: &Map<String, Value>, name| members.get(name).and_then(Value::as_f64);
    let lower = value(members, "minimum").or_else(|| value(members, "exclusiveMinimum"));
    let upper = value(members, "maximum").or_else(|| value(members, "exclusiveMaximum"));
    if lower.is_none() && upper.is_none_or(|upper| upper > -far) {
        members.insert("minimum".to_owned(), (-BOUND).into());
    }
    if upper.is_none() && lower.is_none_or(|lower| lower < far) {
        members.insert("maximum".to_owned(), BOUND.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_closed_and_numbers_bounded() {
        let prepared = prepare(&json!({
            "x-guidance": { "lenient": true },
            "type": "object",
            "properties": { "n": { "type": "integer", "minimum": 3 }, "x": { "enum": [1] }, "y": {} },
        }));

        let prepared = prepared.unwrap();
        assert_eq!(prepared["additionalProperties"], json!(false));
        let properties = &prepared["properties"];
        assert_eq!(
            properties["n"],
            json!({ "type": "integer", "minimum": 3, "maximum": BOUND })
        );
        assert_eq!(properties["x"], json!({ "enum": [1] }));
        assert_eq!(properties["y"]["maximum"], json!(BOUND));
        assert_eq!(properties["y"]["items"], anything());
        assert_eq!(
            prepared["x-guidance"],
            json!({ "whitespace_flexible": false })
        );
    }

    #[test]
    fn bounds_beyond_the_limit_are_clamped() {
        let bounded = |schema: Value| prepare(&schema).map(|schema| schema["minimum"].clone());
        let far =
            |least: i64, most: i64| json!({ "type": "integer", "minimum": least, "maximum": most });

        assert_eq!(bounded(far(i64::MIN, i64::MAX)).unwrap(), json!(-BOUND));
        assert_eq!(bounded(far(i64::MAX, i64::MAX)).unwrap(), json!(2 * BOUND));
        assert_eq!(bounded(far(i64::MIN, i64::MIN)).unwrap(), json!(-BOUND));
        assert_eq!(bounded(far(-3, 5)).unwrap(), json!(-3));
    }

    #[test]
    fn composed_objects_are_not_closed() {
        let part = |name: &str| json!({ "type": "object", "properties": { name: { "const": 1 } } });
        let schema = json!({ "allOf": [part("a"), part("b")] });

        let prepared = prepare(&schema).unwrap();

        assert_eq!(prepared["allOf"][0]["additionalProperties"], anything());
    }

    #[test]
    fn schemas_that_are_too_deep_or_too_large_are_rejected() {
        let mut deep = json!({ "type": "string" });
        for _ in 0..size::MAX_DEPTH {
            deep = json!({ "items": deep });
        }
        let large = json!({ "enum": vec![0; size::MAX_SIZE] });

        assert!(prepare(&deep).unwrap_err().to_string().contains("deeper"));
        assert!(prepare(&large).unwrap_err().to_string().contains("members"));
        assert!(prepare(&json!(false)).is_err());
    }
}
