//! Recognizes alternatives that exclude each other.

use serde_json::Value;

use super::references::{References, Target};

/// Maximum number of references that are followed from one schema. References may form a cycle, which is rejected
/// later.
const MAX_STEPS: usize = 8;

/// Returns whether no value matches two of these schemas, so that `oneOf` and `anyOf` match equal values.
///
/// Two cases are recognized. The schemas have different types; or they are the variants of a union with a
/// discriminator: all of them require one property, and no two of them allow the same value for it.
pub(super) fn are_exclusive(schemas: &[Value], references: &References<'_>) -> bool {
    let resolved: Option<Vec<&Value>> = schemas
        .iter()
        .map(|schema| resolve(schema, references))
        .collect();
    let Some(resolved) = resolved else {
        return false;
    };
    let types: Option<Vec<Vec<Value>>> = resolved.iter().map(|it| type_of(it)).collect();
    if types.is_some_and(|types| are_disjoint(&types)) {
        return true;
    }
    let Some(first) = resolved.first().and_then(|it| it["required"].as_array()) else {
        return false;
    };
    first.iter().filter_map(Value::as_str).any(|name| {
        let values: Option<Vec<_>> = resolved
            .iter()
            .map(|schema| required_values(schema, name))
            .collect();
        values.is_some_and(|values| are_disjoint(&values))
    })
}

/// Follows the references of a schema to one that has none.
fn resolve<'a>(mut schema: &'a Value, references: &References<'a>) -> Option<&'a Value> {
    for _ in 0..MAX_STEPS {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else {
            return schema.is_object().then_some(schema);
        };
        let Target::Local(target) = references.resolve(reference) else {
            return None;
        };
        schema = target;
    }
    None
}

/// Returns the type of a schema; `None` if it has several or none.
fn type_of(schema: &Value) -> Option<Vec<Value>> {
    let name = schema.get("type")?.as_str()?;
    // Every integer is a number, so these two types overlap.
    let name = if name == "integer" { "number" } else { name };
    Some(vec![name.into()])
}

/// Returns the values that a required property may have; `None` if it is not required or not restricted.
fn required_values(schema: &Value, name: &str) -> Option<Vec<Value>> {
    let required = schema.get("required")?.as_array()?;
    let property = schema.get("properties")?.get(name)?;
    if !required.iter().any(|it| it == name) {
        return None;
    }
    match property.get("const") {
        Some(value) => Some(vec![value.clone()]),
        None => property.get("enum")?.as_array().cloned(),
    }
}

/// Returns whether no value occurs twice, in one set or in several.
fn are_disjoint(sets: &[Vec<Value>]) -> bool {
    let all: Vec<&Value> = sets.iter().flatten().collect();
    let is_repeated = |(index, value): (usize, &&Value)| all[..index].contains(value);
    !all.iter().enumerate().any(is_repeated)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: &Value) -> bool {
        let list = schema["oneOf"].as_array().unwrap();
        are_exclusive(list, &References::new(schema))
    }

    #[test]
    fn unions_with_a_discriminator_are_exclusive() {
        let variant = |kind: &str| json!({ "type": "object", "properties": { "kind": { "const": kind } }, "required": ["kind"] });

        assert!(check(&json!({ "oneOf": [variant("a"), variant("b")] })));
        assert!(check(&json!({
            "oneOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/b" }],
            "$defs": { "a": variant("a"), "b": variant("b") },
        })));
        assert!(check(
            &json!({ "oneOf": [{ "type": "string" }, { "type": "null" }] })
        ));
    }

    #[test]
    fn overlapping_alternatives_are_not_exclusive() {
        let optional = json!({ "type": "object", "properties": { "kind": { "const": "a" } } });
        for list in [
            json!([{ "type": "integer" }, { "type": "number" }]),
            json!([optional, { "type": "object" }]),
            json!([{ "minimum": 1 }, { "maximum": 3 }]),
            json!([{ "$ref": "#/oneOf/0" }, { "type": "null" }]),
        ] {
            assert!(!check(&json!({ "oneOf": list })), "{list}");
        }
    }
}
