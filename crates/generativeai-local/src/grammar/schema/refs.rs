//! References of a schema: to parts of it that are looked at, and to nothing else.

use std::collections::HashSet;

use generativeai::Result;
use serde_json::Value;

use crate::refusal::invalid;

use super::finite::gather;

/// Refuses a schema that refers to what is not looked at here: another document, a place where
/// schemas do not stand, a part that has an address of its own.
pub(super) fn check(schema: &Value) -> Result<()> {
    let mut parts = Vec::new();
    gather(schema, &mut parts);
    let known: HashSet<*const Value> = parts.iter().map(|&part| std::ptr::from_ref(part)).collect();
    for part in parts {
        let names = ["$id", "id"].iter().filter_map(|name| part.get(name));
        if !std::ptr::eq(part, schema) && names.clone().any(Value::is_string) {
            return Err(invalid(
                "a part of the schema has an id of its own: give it a name under `$defs` instead",
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
            return Err(invalid(format!(
                "the schema refers to {reference}, which is no part of it"
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
    fn what_refers_elsewhere_is_refused() {
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
    fn what_refers_to_its_parts_is_taken() {
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
