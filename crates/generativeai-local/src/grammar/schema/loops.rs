//! Schemas that are nothing but themselves.

use std::collections::HashSet;

use generativeai::Result;
use serde_json::Value;

use crate::refusal::invalid;

/// Refuses a schema that comes back to itself before it has said anything: through references and
/// alternatives alone, and not through a property or an element.
pub(super) fn check(schema: &Value) -> Result<()> {
    let mut walk = Walk {
        root: schema,
        open: HashSet::new(),
        sound: HashSet::new(),
    };
    walk.all(schema)
}

struct Walk<'a> {
    root: &'a Value,
    /// The schemas that are being followed.
    open: HashSet<*const Value>,
    /// Those that were followed to their end.
    sound: HashSet<*const Value>,
}

impl<'a> Walk<'a> {
    fn all(&mut self, value: &'a Value) -> Result<()> {
        self.follow(value)?;
        match value {
            Value::Object(members) => members.values().try_for_each(|value| self.all(value)),
            Value::Array(elements) => elements.iter().try_for_each(|value| self.all(value)),
            _ => Ok(()),
        }
    }

    fn follow(&mut self, schema: &'a Value) -> Result<()> {
        let Value::Object(members) = schema else {
            return Ok(());
        };
        let this = std::ptr::from_ref(schema);
        if self.sound.contains(&this) {
            return Ok(());
        }
        if !self.open.insert(this) {
            return Err(invalid(
                "the schema refers to itself without saying anything",
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
        self.sound.insert(this);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_that_is_only_itself_is_refused() {
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
    fn a_tree_may_refer_to_itself() {
        let tree = json!({
            "$defs": { "tree": { "properties": { "left": { "anyOf": [{ "$ref": "#/$defs/tree" }] } } } },
            "anyOf": [{ "$ref": "#/$defs/tree" }, { "$ref": "#/$defs/tree" }],
        });

        check(&tree).unwrap();
    }
}
