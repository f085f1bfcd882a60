//! Keywords that contain other schemas.

use serde_json::{Map, Value};

/// Keywords whose value is a schema.
const ONE: [&str; 12] = [
    "items",
    "additionalItems",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
];
/// Keywords whose value is a list of schemas. `items` is a list before draft 2020-12.
const LIST: [&str; 5] = ["prefixItems", "items", "allOf", "anyOf", "oneOf"];
/// Keywords whose value is an object with a schema in each member.
const NAMED: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];

/// Returns a schema and all schemas in it, boolean schemas excluded.
///
/// Only values of keywords are schemas: a property may be named `items`, and an `enum` may contain an object.
pub(super) fn all(schema: &Value) -> Vec<&Value> {
    let mut all = Vec::new();
    collect(schema, &mut all);
    all
}

fn collect<'a>(schema: &'a Value, all: &mut Vec<&'a Value>) {
    if schema.is_object() {
        all.push(schema);
        for_each(schema, &mut |inner| collect(inner, all));
    }
}

/// Calls a function with every schema that is directly in the members of a schema.
pub(super) fn for_each<'a>(schema: &'a Value, visit: &mut dyn FnMut(&'a Value)) {
    for (name, value) in schema.as_object().into_iter().flatten() {
        match value {
            Value::Object(named) if NAMED.contains(&name.as_str()) => {
                named.values().for_each(&mut *visit);
            }
            Value::Array(list) if LIST.contains(&name.as_str()) => {
                list.iter().for_each(&mut *visit);
            }
            schema if ONE.contains(&name.as_str()) => visit(schema),
            _ => {}
        }
    }
}

/// Calls a function with every schema that is directly in these members. The function may change it.
pub(super) fn for_each_mut(members: &mut Map<String, Value>, visit: &mut dyn FnMut(&mut Value)) {
    for (name, value) in members.iter_mut() {
        match value {
            Value::Object(named) if NAMED.contains(&name.as_str()) => {
                named.values_mut().for_each(&mut *visit);
            }
            Value::Array(list) if LIST.contains(&name.as_str()) => {
                list.iter_mut().for_each(&mut *visit);
            }
            schema if ONE.contains(&name.as_str()) => visit(schema),
            _ => {}
        }
    }
}
