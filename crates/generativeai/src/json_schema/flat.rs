//! Inlining of `$ref` and merging of `allOf`.
//!
//! A field of a flattened or documented type leads to schemas such as this one, which the OpenAPI form cannot express:
//!
//! ```json
//! {"allOf": [{"$ref": "#/$defs/Place"}, {"properties": {"metres": {"type": "integer"}}}]}
//! ```
//!
//! A value must match all of the schemas, so their keywords can be merged, unless two of them set the same keyword to
//! different values. Annotations, and keywords that only narrow the values, may differ: the first one is kept. Of two
//! lists of values or types, the common ones are kept.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::openapi::Reader;
use crate::error::{Error, Result};

impl Reader<'_> {
    /// Returns the keywords of a schema, merged with the keywords of its `$ref` and its `allOf`.
    ///
    /// Keywords next to a `$ref` take precedence over the referenced schema. Their properties are added to those of the
    /// referenced schema, or replace the ones of the same name.
    pub(super) fn flat(&mut self, members: &Map<String, Value>) -> Result<Map<String, Value>> {
        let mut flat = members.clone();
        if let Some(reference) = flat.remove("$ref").filter(|reference| !reference.is_null()) {
            let target = self.follow(&reference)?;
            let siblings = std::mem::replace(&mut flat, target);
            for (name, value) in siblings {
                match (flat.get_mut(&name), value) {
                    (Some(Value::Object(known)), Value::Object(more)) if name == "properties" => {
                        known.extend(more);
                    }
                    (Some(Value::Array(known)), Value::Array(more)) if name == "required" => {
                        require(known, more);
                    }
                    (_, value) => {
                        flat.insert(name, value);
                    }
                }
            }
        }
        if let Some(Value::Array(pieces)) = flat.remove("allOf") {
            for piece in &pieces {
                self.nested(|this| this.add(&mut flat, piece))?;
            }
        }
        Ok(flat)
    }

    /// Adds the keywords of a further schema that values must match.
    pub(super) fn add(&mut self, flat: &mut Map<String, Value>, piece: &Value) -> Result<()> {
        let Value::Object(piece) = piece else {
            return Err(self.unsupported("is `true` or `false` instead of a schema"));
        };
        for (name, value) in self.flat(piece)? {
            match (flat.get_mut(&name), value) {
                (None, value) => {
                    flat.insert(name, value);
                }
                (Some(known), value) if *known == value => {}
                (Some(known), value) if name == "type" => match common_types(known, &value) {
                    Some(common) => *known = common,
                    None => return Err(self.contradiction(&name)),
                },
                (Some(known @ Value::Object(_)), value @ Value::Object(_)) if name == "items" => {
                    *known = json!({"allOf": [known, value]});
                }
                (Some(Value::Object(known)), Value::Object(more)) if name == "properties" => {
                    merge_properties(known, more);
                }
                (Some(Value::Array(known)), Value::Array(more)) if name == "required" => {
                    require(known, more);
                }
                (Some(Value::Array(known)), Value::Array(more))
                    if name == "enum" && known.iter().any(|one| more.contains(one)) =>
                {
                    known.retain(|one| more.contains(one));
                }
                (Some(_), _) if is_annotation(&name) || only_narrows(&name) => {}
                (Some(_), _) => return Err(self.contradiction(&name)),
            }
        }
        Ok(())
    }

    fn contradiction(&self, name: &str) -> Error {
        self.unsupported(&format!(
            "must match several schemas that differ in `{name}`"
        ))
    }

    /// Returns the keywords of the schema that a reference leads to.
    fn follow(&mut self, reference: &Value) -> Result<Map<String, Value>> {
        let reference = reference.as_str().unwrap_or_default();
        // `#` is the root, which contains every subschema that is being read.
        if reference == "#" || self.following.iter().any(|known| known == reference) {
            return Err(self.unsupported("is recursive"));
        }
        let target = match reference.strip_prefix('#') {
            Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
                // The pointer is in the fragment of a URI (RFC 6901, section 6): `Foo%20Bar` names `Foo Bar`.
                self.root
                    .pointer(&percent_decode_str(pointer).decode_utf8_lossy())
            }
            Some(anchor) => anchored(self.root, anchor),
            None => None,
        };
        let Some(Value::Object(target)) = target else {
            return Err(self.unsupported(&format!("refers to `{reference}`")));
        };
        self.following.push(reference.to_owned());
        let flat = self.nested(|this| this.flat(target))?;
        self.followed.extend(self.following.pop());
        Ok(flat)
    }
}

/// Adds properties of a further schema. A property of both schemas must match both of its schemas.
fn merge_properties(known: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, schema) in more {
        match known.get_mut(&name) {
            None => {
                known.insert(name, schema);
            }
            Some(first) if *first == schema || schema == Value::Bool(true) => {}
            Some(first) if *first == Value::Bool(true) => *first = schema,
            Some(first) => *first = json!({"allOf": [first, schema]}),
        }
    }
}

/// Returns the types that two values of `type` allow: a name or a list. `integer` is a part of `number`. `None` if they
/// have none in common.
fn common_types(one: &Value, other: &Value) -> Option<Value> {
    let list = |value: &Value| match value {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    let (one, other) = (list(one), list(other));
    let allows = |kinds: &[Value], kind: &Value| {
        kinds.contains(kind) || kind == "integer" && kinds.contains(&json!("number"))
    };
    let mut common: Vec<Value> = one
        .iter()
        .filter(|kind| allows(&other, kind))
        .cloned()
        .collect();
    for kind in other {
        if allows(&one, &kind) && !common.contains(&kind) {
            common.push(kind);
        }
    }
    match common.len() {
        0 => None,
        1 => common.pop(),
        _ => Some(common.into()),
    }
}

/// Adds required names that the list does not contain yet.
fn require(known: &mut Vec<Value>, more: Vec<Value>) {
    for name in more {
        if !known.contains(&name) {
            known.push(name);
        }
    }
}

/// Returns whether a keyword has no influence on the values that match.
fn is_annotation(name: &str) -> bool {
    matches!(
        name,
        "title" | "description" | "default" | "examples" | "example" | "$comment"
    )
}

/// Returns whether a keyword only narrows the values of a type, so that values still fit without it.
fn only_narrows(name: &str) -> bool {
    matches!(
        name,
        "pattern"
            | "format"
            | "minLength"
            | "maxLength"
            | "minimum"
            | "maximum"
            | "exclusiveMinimum"
            | "exclusiveMaximum"
            | "multipleOf"
            | "minItems"
            | "maxItems"
            | "minProperties"
            | "maxProperties"
            | "uniqueItems"
    )
}

/// Finds the subschema with an anchor.
fn anchored<'schema>(schema: &'schema Value, anchor: &str) -> Option<&'schema Value> {
    match schema {
        Value::Object(members) if members.get("$anchor").is_some_and(|it| it == anchor) => {
            Some(schema)
        }
        Value::Object(members) => members.values().find_map(|inner| anchored(inner, anchor)),
        Value::Array(items) => items.iter().find_map(|inner| anchored(inner, anchor)),
        _ => None,
    }
}
