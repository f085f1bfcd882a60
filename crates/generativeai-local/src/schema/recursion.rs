//! Rejects schemas whose recursion never ends.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ptr;

use serde_json::Value;

use super::problem::Problem;
use super::subschemas;

/// Rejects two kinds of schemas.
///
/// - A schema that leads back to itself through references and alternatives only, not through a property or an
///   element. The compiler of grammars would not terminate on it.
/// - A schema that requires infinite nesting, such as an object with a required property of the same type. A model
///   could never finish such a value.
pub(super) fn check(schema: &Value) -> Result<(), Problem> {
    // Not every object: `const` and `enum` may contain one that looks like a schema.
    let parts = subschemas::all(schema);
    let reason = if !holds_for_all(&parts, |part, holds| {
        target(part, schema).is_none_or(holds)
            && ["allOf", "anyOf", "oneOf"]
                .iter()
                .all(|name| list(part, name).iter().all(holds))
    }) {
        "the schema contains a $ref that leads only to itself: remove it"
    } else if !holds_for_all(&parts, |part, holds| is_finite(part, schema, holds)) {
        "the schema requires infinite nesting: make the property that refers back optional"
    } else {
        return Ok(());
    };
    Err(Problem::new("", reason))
}

/// Returns whether a property holds for all schemas. `follows` returns whether it holds for a schema, given a function
/// that returns whether it is known to hold for another one.
///
/// A schema for which it is not known to hold is decided again once it holds for one that `follows` asked for. From the
/// back, since a schema comes before the schemas in it, and mostly before the definitions that it refers to: most schemas
/// are decided once.
///
/// A schema is identified by its address, since equal schemas in different places are different. Boolean schemas depend
/// on nothing; anything else that is not an object is rejected elsewhere.
fn holds_for_all(
    parts: &[&Value],
    follows: impl Fn(&Value, &dyn Fn(&Value) -> bool) -> bool,
) -> bool {
    let mut known: HashSet<*const Value> = HashSet::new();
    let mut waiting: HashMap<*const Value, Vec<&Value>> = HashMap::new();
    let mut undecided: VecDeque<&Value> = parts.iter().rev().copied().collect();
    while let Some(part) = undecided.pop_front() {
        let asked = RefCell::new(Vec::new());
        let is_known = |schema: &Value| {
            let is_known = !schema.is_object() || known.contains(&ptr::from_ref(schema));
            if !is_known {
                asked.borrow_mut().push(ptr::from_ref(schema));
            }
            is_known
        };
        if follows(part, &is_known) {
            known.insert(ptr::from_ref(part));
            undecided.extend(waiting.remove(&ptr::from_ref(part)).unwrap_or_default());
        } else {
            for schema in asked.into_inner() {
                waiting.entry(schema).or_default().push(part);
            }
        }
    }
    known.len() == parts.len()
}

/// Returns the schema that a schema refers to.
fn target<'a>(schema: &Value, root: &'a Value) -> Option<&'a Value> {
    let reference = schema.get("$ref")?.as_str()?;
    root.pointer(reference.strip_prefix('#')?)
}

/// Returns the schemas in the list of a keyword; none if the keyword is absent.
fn list<'a>(schema: &'a Value, name: &str) -> &'a [Value] {
    let schemas = schema.get(name).and_then(Value::as_array);
    schemas.map(Vec::as_slice).unwrap_or_default()
}

/// Returns whether a schema has a finite value, if those for which `is_known` returns `true` have one.
fn is_finite(schema: &Value, root: &Value, is_known: &dyn Fn(&Value) -> bool) -> bool {
    let any = |alternatives: &[Value]| alternatives.is_empty() || alternatives.iter().any(is_known);
    target(schema, root).is_none_or(is_known)
        && list(schema, "allOf").iter().all(is_known)
        && any(list(schema, "anyOf"))
        && any(list(schema, "oneOf"))
        && (allows_scalar(schema)
            || (required_are_finite(schema, is_known) && elements_are_finite(schema, is_known)))
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
fn required_are_finite(schema: &Value, is_known: &dyn Fn(&Value) -> bool) -> bool {
    let property = |name: &Value| schema.get("properties")?.get(name.as_str()?);
    let mut required = list(schema, "required").iter().filter_map(property);
    required.all(is_known)
}

/// Returns whether the required elements have finite values. An array without a minimum length can be empty.
fn elements_are_finite(schema: &Value, is_known: &dyn Fn(&Value) -> bool) -> bool {
    let least = schema.get("minItems").and_then(Value::as_i64);
    let mut elements = list(schema, "prefixItems")
        .iter()
        .chain(schema.get("items"));
    least.unwrap_or_default() <= 0 || elements.all(is_known)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_that_is_only_a_reference_to_itself_is_rejected() {
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "$defs": { "a": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" }),
            json!({ "$defs": { "a": { "anyOf": [{ "$ref": "#/$defs/a" }, true] } } }),
            json!({ "items": { "allOf": [{ "$ref": "#/items" }] } }),
        ] {
            assert!(check(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn a_long_chain_of_references_is_decided_in_few_steps() {
        let reference = |number: usize| json!({ "$ref": format!("#/$defs/d{number:03}") });
        let mut definitions = serde_json::Map::new();
        definitions.insert("d000".to_owned(), json!({}));
        for number in 1..250 {
            definitions.insert(format!("d{number:03}"), reference(number - 1));
        }
        let schema = json!({ "$defs": definitions });
        let parts = subschemas::all(&schema);
        let steps = Cell::new(0);

        let holds = holds_for_all(&parts, |part, is_known| {
            steps.set(steps.get() + 1);
            target(part, &schema).is_none_or(is_known)
        });

        assert!(holds);
        assert!(steps.get() < 2 * parts.len(), "{steps:?}");
    }

    #[test]
    fn a_constant_is_not_a_schema() {
        check(&json!({ "const": { "$ref": "#/const" } })).unwrap();
        check(&json!({ "enum": [{ "$ref": "#/enum/0" }] })).unwrap();
    }

    #[test]
    fn a_tree_may_refer_to_itself() {
        let tree = json!({
            "$defs": { "tree": { "properties": { "left": { "anyOf": [{ "$ref": "#/$defs/tree" }] } } } },
            "anyOf": [{ "$ref": "#/$defs/tree" }, { "$ref": "#/$defs/tree" }],
        });

        check(&tree).unwrap();
    }

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
