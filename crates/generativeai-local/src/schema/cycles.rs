//! Rejects schemas that refer to themselves without constraining anything.

use std::collections::HashSet;

use serde_json::Value;

use super::problem::Problem;
use super::subschemas;

/// Rejects a schema that leads back to itself through references and alternatives only, not through
/// a property or an element. The compiler of grammars would not terminate on it.
///
/// A depth-first search in the graph of these links: a schema on the current path that is reached again is a cycle.
pub(super) fn check(schema: &Value) -> Result<(), Problem> {
    let mut walk = Walk {
        root: schema,
        open: HashSet::new(),
        checked: HashSet::new(),
    };
    // Not from every object: `const` and `enum` may contain one that looks like a schema.
    subschemas::all(schema)
        .into_iter()
        .try_for_each(|schema| walk.follow(schema))
}

/// State of the search.
///
/// A schema is identified by its address, since equal schemas in different places are different nodes of the graph. The
/// addresses stay valid while the root is borrowed.
struct Walk<'a> {
    root: &'a Value,
    /// Schemas on the current path.
    open: HashSet<*const Value>,
    /// Schemas that are known to be free of cycles. Without this set, a schema with many references to one definition
    /// would be searched once for each of them.
    checked: HashSet<*const Value>,
}

impl<'a> Walk<'a> {
    /// Follows the links of one schema.
    fn follow(&mut self, schema: &'a Value) -> Result<(), Problem> {
        let Value::Object(members) = schema else {
            return Ok(());
        };
        let this = std::ptr::from_ref(schema);
        if self.checked.contains(&this) {
            return Ok(());
        }
        if !self.open.insert(this) {
            return Err(Problem::new(
                "",
                "the schema contains a $ref that leads only to itself: remove it",
            ));
        }
        if let Some(target) = members.get("$ref").and_then(Value::as_str)
            && let Some(target) = target
                .strip_prefix('#')
                .and_then(|at| self.root.pointer(at))
        {
            self.follow(target)?;
        }
        for name in ["allOf", "anyOf", "oneOf"] {
            if let Some(Value::Array(schemas)) = members.get(name) {
                schemas.iter().try_for_each(|schema| self.follow(schema))?;
            }
        }
        self.open.remove(&this);
        self.checked.insert(this);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
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
}
