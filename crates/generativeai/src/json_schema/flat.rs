//! Inlining of `$ref` and merging of `allOf`.
//!
//! A field of a flattened or documented type leads to schemas such as
//!
//! ```json
//! {"allOf": [{"$ref": "#/$defs/Place"}, {"properties": {"metres": {"type": "integer"}}}]}
//! ```
//!
//! which the OpenAPI form cannot express. All of them must match, so their keywords can be merged, unless two of them
//! set the same keyword to different values. Annotations may differ: the first one counts.

use serde_json::{Map, Value};

use super::openapi::Reader;
use crate::error::Result;

impl Reader<'_> {
    /// Returns the keywords of a schema, merged with the keywords of its `$ref` and its `allOf`.
    ///
    /// Keywords next to a `$ref` take precedence over the referenced schema.
    pub(super) fn flat(&mut self, members: &Map<String, Value>) -> Result<Map<String, Value>> {
        let mut flat = members.clone();
        if let Some(reference) = flat.remove("$ref") {
            let target = self.follow(&reference)?;
            let siblings = std::mem::replace(&mut flat, self.flat(&target)?);
            for (name, value) in siblings {
                flat.insert(name, value);
            }
        }
        if let Some(Value::Array(pieces)) = flat.remove("allOf") {
            for piece in &pieces {
                self.add(&mut flat, piece)?;
            }
        }
        Ok(flat)
    }

    /// Adds the keywords of a schema that must match as well.
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
                (Some(Value::Object(known)), Value::Object(more)) if name == "properties" => {
                    known.extend(more);
                }
                (Some(Value::Array(known)), Value::Array(more)) if name == "required" => {
                    let new = more.into_iter().filter(|one| !known.contains(one));
                    let new: Vec<Value> = new.collect();
                    known.extend(new);
                }
                (Some(_), _) if is_annotation(&name) => {}
                (Some(_), _) => {
                    let problem = format!("must match several schemas that differ in `{name}`");
                    return Err(self.unsupported(&problem));
                }
            }
        }
        Ok(())
    }

    fn follow(&mut self, reference: &Value) -> Result<Map<String, Value>> {
        let reference = reference.as_str().unwrap_or_default();
        if reference == "#" || self.following.iter().any(|known| known == reference) {
            return Err(self.unsupported("is recursive"));
        }
        let pointer = reference.strip_prefix('#');
        let target = pointer.and_then(|pointer| self.root.pointer(pointer));
        let Some(Value::Object(target)) = target else {
            return Err(self.unsupported(&format!("refers to `{reference}`")));
        };
        self.following.push(reference.to_owned());
        Ok(target.clone())
    }
}

/// Returns whether a keyword has no influence on which values match.
fn is_annotation(name: &str) -> bool {
    matches!(
        name,
        "title" | "description" | "default" | "examples" | "example" | "$comment"
    )
}
