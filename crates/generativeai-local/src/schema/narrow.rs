//! Narrows a schema so that a small model can finish a value: bounded numbers, closed objects.

use serde_json::{Map, Value, json};

/// Maximum absolute value of numbers, so that a model cannot write digits forever. An `f64` represents it exactly.
const BOUND: i64 = 1_000_000_000_000_000;
/// Depth to which numbers of any value are bounded in a composed schema.
const BOUNDED_DEPTH: usize = 3;
/// Name of a definition that matches any value with bounded numbers. It replaces `true` and `{}`.
pub(super) const ANYTHING: &str = "anything";
/// All types. `integer` is left out, because every integer is a `number`.
const TYPES: [&str; 6] = ["object", "array", "string", "number", "boolean", "null"];

/// Treatment of properties that an object does not list, if the schema has no `additionalProperties`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Objects {
    /// They are forbidden, although JSON Schema allows them: small models generate properties without end.
    Closed,
    /// They are allowed. Objects that are composed of several schemas must stay open, or one schema would forbid the
    /// properties of the others.
    Open,
}

impl Objects {
    /// Returns whether the objects of a schema can be closed.
    pub(super) fn of(schema: &Value) -> Self {
        if is_composed(schema) {
            Self::Open
        } else {
            Self::Closed
        }
    }
}

/// Returns whether several schemas with properties apply to one object, anywhere in the schema.
fn is_composed(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            let has = |name: &&str| members.contains_key(*name);
            let has_alternatives = ["anyOf", "oneOf", "$ref"].iter().any(has);
            has(&"allOf")
                || (has_alternatives && has(&"properties"))
                || members.values().any(is_composed)
        }
        Value::Array(elements) => elements.iter().any(is_composed),
        _ => false,
    }
}

/// Returns a reference to the definition that matches any value.
pub(super) fn anything() -> Value {
    json!({ "$ref": format!("#/$defs/{ANYTHING}") })
}

/// Returns the definition that matches any value.
///
/// The grammar engine intersects the schemas of `allOf`, and follows the references of both without end if they are
/// recursive. So the definition is recursive only in a schema without `allOf`. In others, it bounds numbers down to
/// [`BOUNDED_DEPTH`].
pub(super) fn anything_definition(objects: Objects) -> Value {
    let definition = |inner: Value| {
        json!({
            "type": TYPES,
            "minimum": -BOUND,
            "maximum": BOUND,
            "items": inner,
            "additionalProperties": inner,
        })
    };
    match objects {
        Objects::Closed => definition(anything()),
        Objects::Open => (0..BOUNDED_DEPTH).fold(true.into(), |inner, _| definition(inner)),
    }
}

/// Narrows one schema, so that a small model can finish its values. The schemas in it are not changed. `inherited` is
/// the type of the schema that combines it with others.
pub(super) fn narrow(
    members: &mut Map<String, Value>,
    objects: Objects,
    inherited: Option<&Value>,
) {
    add_types(members, inherited);
    bound_numbers(members);
    let lists_properties = members.contains_key("properties");
    if has_type(members, "object") || lists_properties {
        declare_required(members);
        let is_closed = objects == Objects::Closed && lists_properties;
        // With patterns, a closed object would forbid what the patterns allow.
        let has_patterns = objects == Objects::Closed && members.contains_key("patternProperties");
        if !has_patterns {
            let rest = if is_closed { false.into() } else { anything() };
            members.entry("additionalProperties").or_insert(rest);
        }
    }
    if has_type(members, "array") {
        members.entry("items").or_insert_with(anything);
    }
}

/// Adds a property for every required name that is not declared. Otherwise a closed object would forbid what it
/// requires.
fn declare_required(members: &mut Map<String, Value>) {
    let Some(Value::Array(required)) = members.get("required").cloned() else {
        return;
    };
    let Some(Value::Object(properties)) = members.get_mut("properties") else {
        return;
    };
    for name in required.iter().filter_map(Value::as_str) {
        properties.entry(name).or_insert_with(anything);
    }
}

/// Lists the possible types in a schema that does not restrict them, so that its numbers can be bounded.
fn add_types(members: &mut Map<String, Value>, inherited: Option<&Value>) {
    let restricts = |name: &&str| match members.get(*name) {
        Some(Value::Array(schemas)) => !schemas.is_empty() || *name == "enum",
        other => other.is_some(),
    };
    let restricted = ["type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf"]
        .iter()
        .any(restricts);
    if !restricted {
        let types = inherited.cloned().unwrap_or(json!(TYPES));
        members.insert("type".to_owned(), types);
    }
}

fn has_type(members: &Map<String, Value>, name: &str) -> bool {
    match members.get("type") {
        Some(Value::Array(types)) => types.iter().any(|one| one == name),
        Some(one) => one == name,
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
    let is_numeric = has_type(members, "integer") || has_type(members, "number");
    // Listed values are finite already, and may lie beyond the bound.
    if !is_numeric || members.contains_key("enum") || members.contains_key("const") {
        return;
    }
    for (inclusive, exclusive, nearest) in [
        ("minimum", "exclusiveMinimum", -BOUND),
        ("maximum", "exclusiveMaximum", BOUND),
    ] {
        if !members.contains_key(exclusive) {
            members.entry(inclusive).or_insert(nearest.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(schema: Value, objects: Objects) -> Value {
        let mut members = schema.as_object().cloned().unwrap();
        narrow(&mut members, objects, None);
        members.into()
    }

    #[test]
    fn objects_are_closed_and_numbers_bounded() {
        let object =
            json!({ "type": "object", "properties": { "a": true }, "required": ["a", "b"] });

        assert_eq!(
            narrowed(object, Objects::Closed),
            json!({
                "type": "object",
                "properties": { "a": true, "b": anything() },
                "required": ["a", "b"],
                "additionalProperties": false,
            })
        );
        assert_eq!(
            narrowed(json!({ "type": "integer", "minimum": 3 }), Objects::Closed),
            json!({ "type": "integer", "minimum": 3, "maximum": BOUND })
        );
        assert_eq!(
            narrowed(json!({ "enum": [1] }), Objects::Closed),
            json!({ "enum": [1] })
        );
        assert_eq!(
            narrowed(json!({}), Objects::Closed)["maximum"],
            json!(BOUND)
        );
    }

    #[test]
    fn composed_objects_stay_open() {
        let part = |name: &str| json!({ "type": "object", "properties": { name: { "const": 1 } } });

        assert_eq!(
            Objects::of(&json!({ "allOf": [part("a"), part("b")] })),
            Objects::Open
        );
        assert_eq!(
            Objects::of(&json!({ "anyOf": [part("a"), part("b")] })),
            Objects::Closed
        );
        assert_eq!(
            narrowed(part("a"), Objects::Open)["additionalProperties"],
            anything()
        );
    }

    #[test]
    fn bounds_beyond_the_limit_are_clamped() {
        let minimum = |least: i64, most: i64| {
            let schema = json!({ "type": "integer", "minimum": least, "maximum": most });
            narrowed(schema, Objects::Closed)["minimum"].clone()
        };

        assert_eq!(minimum(i64::MIN, i64::MAX), json!(-BOUND));
        assert_eq!(minimum(i64::MAX, i64::MAX), json!(2 * BOUND));
        assert_eq!(minimum(i64::MIN, i64::MIN), json!(-BOUND));
        assert_eq!(minimum(-3, 5), json!(-3));
    }
}
