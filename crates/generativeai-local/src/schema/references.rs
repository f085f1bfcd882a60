//! Rejects references to anything but a subschema of the same document.

use std::collections::HashSet;

use generativeai::Result;
use serde_json::Value;

use crate::error::invalid_argument;

use super::subschemas;

/// Rejects references to another document, to a place that is not a schema, and to a subschema with
/// its own `$id`.
pub(super) fn check(schema: &Value) -> Result<()> {
    let mut all = Vec::new();
    subschemas::collect(schema, &mut all);
    let known: HashSet<*const Value> = all.iter().map(|&part| std::ptr::from_ref(part)).collect();
    for part in all {
        let names = ["$id", "id"].iter().filter_map(|name| part.get(name));
        if !std::ptr::eq(part, schema) && names.clone().any(Value::is_string) {
            return Err(invalid_argument(
                "a subschema has its own $id: refer to it by its name in $defs instead",
            ));
        }
        let Some(reference) = part.get("$ref") else {
            continue;
        };
        let at = reference.as_str().and_then(|name| name.strip_prefix('#'));
        let target = at.and_then(|at| schema.pointer(at));
        let is_known =
            |target: &Value| target.is_boolean() || known.contains(&std::ptr::from_ref(target));
        if !target.is_some_and(is_known) {
            return Err(invalid_argument(format!(
                "the schema contains $ref {reference}, which does not lead to a subschema of it"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_to_other_places_are_rejected() {
        let text = json!({ "type": "string" });
        for schema in [
            json!({ "$ref": "https://example.com/schema" }),
            json!({ "$ref": "#/$defs/missing" }),
            json!({ "$ref": "#/%24defs/a", "$defs": { "a": text } }),
            json!({ "$ref": "#/x-parts/a", "x-parts": { "a": text } }),
            json!({ "$ref": "#a", "$defs": { "a": { "$anchor": "a", "type": "string" } } }),
            json!({ "$defs": { "a": { "$id": "https://example.com/a", "type": "string" } } }),
        ] {
            assert!(check(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn references_to_subschemas_are_valid() {
        let schema = json!({
            "$id": "https://example.com/list",
            "type": "object",
            "properties": {
                "id": { "$ref": "#/$defs/a~1b" },
                "next": { "anyOf": [{ "$ref": "#" }, { "$ref": "#/properties/id" }] },
            },
            "$defs": { "a/b": { "type": "string" } },
        });

        check(&schema).unwrap();
    }
}
