//! Rejects schemas that only an infinite value could match.

use std::collections::HashSet;

use serde_json::Value;

use super::problem::Problem;
use super::subschemas;

/// Rejects a schema that requires infinite nesting, such as an object with a required property of the same type. A
/// model could never finish such a value.
pub(super) fn check(schema: &Value) -> Result<(), Problem> {
    let parts = subschemas::all(schema);
    let mut finite = HashSet::new();
    // Iterates to a fixed point. The first round finds the schemas whose values need no other schema. Each further
    // round finds those that need only schemas that were found before. From the back, since a schema comes before the
    // schemas in it, and mostly before the definitions that it refers to: one round usually finds all of them.
    loop {
        let before = finite.len();
        for part in parts.iter().rev() {
            if !finite.contains(&std::ptr::from_ref(*part)) && is_finite(part, schema, &finite) {
                finite.insert(std::ptr::from_ref(*part));
            }
        }
        if finite.len() == parts.len() {
            return Ok(());
        }
        if finite.len() == before {
            return Err(Problem::new(
                "",
                "the schema requires infinite nesting: make the property that refers back optional",
            ));
        }
    }
}

/// Returns whether a schema has a finite value, if those in `finite` have one. Schemas are identified by their
/// addresses, as in the search for cycles.
fn is_finite(schema: &Value, root: &Value, finite: &HashSet<*const Value>) -> bool {
    // Boolean schemas are finite; anything else that is not an object is rejected elsewhere.
    let is_known =
        |schema: &Value| !schema.is_object() || finite.contains(&std::ptr::from_ref(schema));
    let several = |name| schema.get(name).and_then(Value::as_array);
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|name| name.strip_prefix('#'));
    let target = target.and_then(|at| root.pointer(at));
    target.is_none_or(is_known)
        && several("allOf").is_none_or(|all| all.iter().all(is_known))
        && several("anyOf").is_none_or(|any| any.is_empty() || any.iter().any(is_known))
        && several("oneOf").is_none_or(|one| one.is_empty() || one.iter().any(is_known))
        && (allows_scalar(schema)
            || (required_are_finite(schema, &is_known) && elements_are_finite(schema, &is_known)))
}

/// Returns whether the schema allows a value that is neither an object nor an array.
fn allows_scalar(schema: &Value) -> bool {
    let is_scalar = |kind: &Value| kind != "object" && kind != "array";
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is_scalar),
        Some(kind) => is_scalar(kind),
        None => true,
    }
}

/// Returns whether all required properties have finite values. Optional ones can be left out of a value.
fn required_are_finite(schema: &Value, is_known: &impl Fn(&Value) -> bool) -> bool {
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let property = |name: &Value| schema.get("properties")?.get(name.as_str()?);
    required.filter_map(property).all(is_known)
}

/// Returns whether the required elements have finite values. An array without a minimum length can be empty.
fn elements_are_finite(schema: &Value, is_known: &impl Fn(&Value) -> bool) -> bool {
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
    first.chain(rest).all(is_known)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn infinite_nesting_is_rejected() {
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
    fn finite_recursion_is_valid() {
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
