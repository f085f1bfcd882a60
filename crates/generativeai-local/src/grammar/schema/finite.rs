//! Schemas that only a value without an end could meet.

use std::collections::HashSet;

use generativeai::Result;
use serde_json::Value;

use crate::refusal::invalid;

/// Refuses a schema in which a part, once begun, can never be ended: an object that must have an
/// object that must have an object.
pub(super) fn check(schema: &Value) -> Result<()> {
    let mut parts = Vec::new();
    gather(schema, &mut parts);
    let mut ends = HashSet::new();
    // What ends without the help of others, then what ends with the help of those, and so on.
    loop {
        let before = ends.len();
        for part in &parts {
            if !ends.contains(&std::ptr::from_ref(*part)) && can_end(part, schema, &ends) {
                ends.insert(std::ptr::from_ref(*part));
            }
        }
        if ends.len() == parts.len() {
            return Ok(());
        }
        if ends.len() == before {
            return Err(invalid(
                "the schema has a part that no value with an end can meet",
            ));
        }
    }
}

/// All schemas in a schema.
pub(super) fn gather<'a>(schema: &'a Value, parts: &mut Vec<&'a Value>) {
    let Value::Object(members) = schema else {
        return;
    };
    parts.push(schema);
    for (name, below) in members {
        match (name.as_str(), below) {
            (
                "properties" | "$defs" | "definitions" | "patternProperties",
                Value::Object(named),
            ) => {
                named.values().for_each(|schema| gather(schema, parts));
            }
            ("prefixItems" | "items" | "allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas.iter().for_each(|schema| gather(schema, parts));
            }
            ("items" | "additionalProperties" | "additionalItems", schema) => gather(schema, parts),
            _ => {}
        }
    }
}

fn can_end(schema: &Value, root: &Value, ends: &HashSet<*const Value>) -> bool {
    // What is no object is true or false, or wrong in itself, which others tell.
    let ends_below =
        |schema: &Value| !schema.is_object() || ends.contains(&std::ptr::from_ref(schema));
    let several = |name| schema.get(name).and_then(Value::as_array);
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|name| name.strip_prefix('#'));
    let target = target.and_then(|at| root.pointer(at));
    target.is_none_or(ends_below)
        && several("allOf").is_none_or(|all| all.iter().all(ends_below))
        && several("anyOf").is_none_or(|any| any.is_empty() || any.iter().any(ends_below))
        && several("oneOf").is_none_or(|one| one.is_empty() || one.iter().any(ends_below))
        && (other_kinds(schema)
            || (required_end(schema, &ends_below) && elements_end(schema, &ends_below)))
}

/// Whether a value that is neither object nor array will do.
fn other_kinds(schema: &Value) -> bool {
    let plain = |kind: &Value| kind != "object" && kind != "array";
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(plain),
        Some(kind) => plain(kind),
        None => true,
    }
}

fn required_end(schema: &Value, ends_below: &impl Fn(&Value) -> bool) -> bool {
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let property = |name: &Value| schema.get("properties")?.get(name.as_str()?);
    required.filter_map(property).all(ends_below)
}

fn elements_end(schema: &Value, ends_below: &impl Fn(&Value) -> bool) -> bool {
    if schema
        .get("minItems")
        .and_then(Value::as_i64)
        .unwrap_or_default()
        <= 0
    {
        return true;
    }
    let first = schema
        .get("prefixItems")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let rest = schema.get("items").filter(|items| items.is_object());
    first.chain(rest).all(ends_below)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_can_never_be_ended_is_refused() {
        let doll = json!({
            "type": "object",
            "properties": { "doll": { "$ref": "#/$defs/doll" } },
            "required": ["doll"],
        });
        for schema in [
            json!({ "$defs": { "doll": doll }, "$ref": "#/$defs/doll" }),
            json!({ "$defs": { "doll": doll }, "type": "string" }),
            json!({ "type": "array", "items": { "$ref": "#" }, "minItems": 1 }),
        ] {
            assert!(check(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn what_may_end_is_taken() {
        let list = json!({
            "type": "object",
            "properties": { "next": { "anyOf": [{ "$ref": "#" }, { "type": "null" }] } },
            "required": ["next"],
        });
        let optional = json!({ "type": "object", "properties": { "next": { "$ref": "#" } } });
        let tree = json!({ "type": "array", "items": { "$ref": "#" } });

        for schema in [list, optional, tree, json!({})] {
            check(&schema).unwrap();
        }
    }
}
