//! Schemas made ready for constraining: bounded in size and in their numbers, and closed.

use generativeai::Result;
use serde_json::{Map, Value, json};

use crate::refusal::invalid;

use super::{DEEPEST, finite, loops, refs, too_deep};

/// A schema may not have more members and elements than this.
const LARGEST: usize = 20_000;
/// Numbers without a bound of their own stay below this, so that their digits end.
const BOUND: i64 = 1_000_000_000_000_000;
/// Where a schema takes anything, it takes what is under this name, whose numbers are bounded.
const ANYTHING: &str = "x-anything";
const KINDS: [&str; 6] = ["object", "array", "string", "number", "boolean", "null"];

/// Makes a JSON Schema ready.
///
/// What is said after it is valid after the schema as given; it is only less than all that would be.
pub(crate) fn prepare(schema: &Value) -> Result<Value> {
    let mut left = LARGEST;
    measure(schema, DEEPEST, &mut left)?;
    refs::check(schema)?;
    loops::check(schema)?;
    finite::check(schema)?;
    let mut schema = match schema {
        Value::Bool(true) => json!({}),
        Value::Object(_) => schema.clone(),
        _ => return Err(invalid("the schema must be an object")),
    };
    let closing = !composes(&schema);
    narrow(&mut schema, closing);
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
    // No white space between members: a small model would never end it.
    schema["x-guidance"] = json!({ "whitespace_flexible": false });
    Ok(schema)
}

fn measure(value: &Value, depth: usize, left: &mut usize) -> Result<()> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(too_deep());
    };
    let Some(rest) = left.checked_sub(1) else {
        return Err(invalid(format!(
            "the schema has more than {LARGEST} members"
        )));
    };
    *left = rest;
    match value {
        Value::Array(elements) => elements
            .iter()
            .try_for_each(|value| measure(value, depth, left)),
        Value::Object(members) => members
            .values()
            .try_for_each(|value| measure(value, depth, left)),
        _ => Ok(()),
    }
}

/// Whether objects are put together from parts, which must then stay open to each other.
fn composes(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            let has = |name: &&str| members.contains_key(*name);
            let parts = ["anyOf", "oneOf", "$ref"].iter().any(has) && has(&"properties");
            has(&"allOf") || parts || members.values().any(composes)
        }
        Value::Array(elements) => elements.iter().any(composes),
        _ => false,
    }
}

fn anything() -> Value {
    json!({ "$ref": format!("#/$defs/{ANYTHING}") })
}

/// Bounds numbers, here and below, and closes objects that name their properties.
fn narrow(schema: &mut Value, closing: bool) {
    if *schema == Value::Bool(true) {
        *schema = anything();
        return;
    }
    let Value::Object(members) = schema else {
        return;
    };
    members.remove("x-guidance");
    name_kind(members);
    bound_numbers(members);
    if is_of_kind(members, "object") || members.contains_key("properties") {
        let rest = if closing && members.contains_key("properties") {
            false.into()
        } else {
            anything()
        };
        let open = !members.contains_key("unevaluatedProperties");
        let closed = closing && members.contains_key("patternProperties");
        if open && !closed {
            members.entry("additionalProperties").or_insert(rest);
        }
    }
    if is_of_kind(members, "array") && !members.contains_key("additionalItems") {
        members.entry("items").or_insert_with(anything);
    }
    for (name, below) in members.iter_mut() {
        match (name.as_str(), below) {
            (
                "properties" | "$defs" | "definitions" | "patternProperties",
                Value::Object(named),
            ) => {
                named
                    .values_mut()
                    .for_each(|schema| narrow(schema, closing));
            }
            ("prefixItems" | "items" | "allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas
                    .iter_mut()
                    .for_each(|schema| narrow(schema, closing));
            }
            ("items" | "additionalProperties" | "additionalItems", schema) => {
                narrow(schema, closing)
            }
            _ => {}
        }
    }
}

/// Where all kinds of values will do, they are named.
fn name_kind(members: &mut Map<String, Value>) {
    let says = |name: &&str| match members.get(*name) {
        Some(Value::Array(schemas)) => !schemas.is_empty() || *name == "enum",
        other => other.is_some(),
    };
    let said = ["type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf"]
        .iter()
        .any(says);
    if !said {
        members.insert("type".to_owned(), json!(KINDS));
    }
}

fn is_of_kind(members: &Map<String, Value>, kind: &str) -> bool {
    match members.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
        Some(one) => one == kind,
        None => false,
    }
}

/// Keeps numbers within what is counted exactly. A bound beyond that is brought back: what was
/// outside is given up, and a range that lies outside is one that nothing meets.
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
            // The far end of the other side stays beyond the nearest bound of that side.
            let outside = (value > 0.0) != (nearest > 0);
            *bound = (if outside { -2 * nearest } else { nearest }).into();
        }
    }
    let numeric = is_of_kind(members, "integer") || is_of_kind(members, "number");
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
    fn a_prepared_schema_is_closed_and_bounded() {
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
    fn bounds_that_cannot_be_counted_are_brought_back() {
        let bounded = |schema: Value| prepare(&schema).map(|schema| schema["minimum"].clone());
        let far =
            |least: i64, most: i64| json!({ "type": "integer", "minimum": least, "maximum": most });

        assert_eq!(bounded(far(i64::MIN, i64::MAX)).unwrap(), json!(-BOUND));
        assert_eq!(bounded(far(i64::MAX, i64::MAX)).unwrap(), json!(2 * BOUND));
        assert_eq!(bounded(far(i64::MIN, i64::MIN)).unwrap(), json!(-BOUND));
        assert_eq!(bounded(far(-3, 5)).unwrap(), json!(-3));
    }

    #[test]
    fn parts_of_an_object_stay_open_to_each_other() {
        let part = |name: &str| json!({ "type": "object", "properties": { name: { "const": 1 } } });
        let schema = json!({ "allOf": [part("a"), part("b")] });

        let prepared = prepare(&schema).unwrap();

        assert_eq!(prepared["allOf"][0]["additionalProperties"], anything());
    }

    #[test]
    fn a_schema_too_deep_or_too_large_is_refused() {
        let mut deep = json!({ "type": "string" });
        for _ in 0..DEEPEST {
            deep = json!({ "items": deep });
        }
        let large = json!({ "enum": vec![0; LARGEST] });

        assert!(prepare(&deep).unwrap_err().to_string().contains("deeper"));
        assert!(prepare(&large).unwrap_err().to_string().contains("members"));
        assert!(prepare(&json!(false)).is_err());
    }
}
