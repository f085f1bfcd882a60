//! Lists all subschemas of a schema.

use serde_json::Value;

/// Appends a schema and all schemas in it to `all`.
pub(super) fn collect<'a>(schema: &'a Value, all: &mut Vec<&'a Value>) {
    let Value::Object(members) = schema else {
        return;
    };
    all.push(schema);
    for (name, value) in members {
        match (name.as_str(), value) {
            (
                "properties" | "$defs" | "definitions" | "patternProperties",
                Value::Object(named),
            ) => {
                named.values().for_each(|schema| collect(schema, all));
            }
            ("prefixItems" | "items" | "allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas.iter().for_each(|schema| collect(schema, all));
            }
            ("items" | "additionalProperties" | "additionalItems", schema) => collect(schema, all),
            _ => {}
        }
    }
}
