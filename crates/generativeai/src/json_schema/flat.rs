//! Putting in place what a schema refers to, and together what it is put together from.

use serde_json::{Map, Value};

use super::openapi::Reader;
use crate::error::Result;

impl Reader<'_> {
    /// The members of a shape with those of all it refers to (`$ref`) and consists of (`allOf`).
    ///
    /// What stands beside a reference outweighs what is referred to.
    pub(super) fn flat(&mut self, members: &Map<String, Value>) -> Result<Map<String, Value>> {
        let mut flat = members.clone();
        if let Some(reference) = flat.remove("$ref") {
            let meant = self.follow(&reference)?;
            let mut meant = self.flat(&meant)?;
            std::mem::swap(&mut meant, &mut flat);
            for (name, value) in meant {
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

    /// Adds the members of another shape that must fit as well.
    pub(super) fn add(&mut self, flat: &mut Map<String, Value>, piece: &Value) -> Result<()> {
        let Value::Object(piece) = piece else {
            return Err(self.unsayable("may be anything, or nothing"));
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
                (Some(_), _) if is_remark(&name) => {}
                (Some(_), _) => {
                    let problem = format!("must fit several shapes that differ in `{name}`");
                    return Err(self.unsayable(&problem));
                }
            }
        }
        Ok(())
    }

    fn follow(&mut self, reference: &Value) -> Result<Map<String, Value>> {
        let reference = reference.as_str().unwrap_or_default();
        if self.following.iter().any(|known| known == reference) || self.is_root(reference) {
            return Err(self.unsayable("is recursive"));
        }
        let pointer = reference.strip_prefix('#');
        let meant = pointer.and_then(|pointer| self.root.pointer(pointer));
        let Some(Value::Object(meant)) = meant else {
            return Err(self.unsayable(&format!("refers to `{reference}`")));
        };
        self.following.push(reference.to_owned());
        Ok(meant.clone())
    }

    fn is_root(&self, reference: &str) -> bool {
        reference == "#"
    }
}

/// Whether a member says nothing of what fits.
fn is_remark(name: &str) -> bool {
    matches!(
        name,
        "title" | "description" | "default" | "examples" | "example" | "$comment"
    )
}
