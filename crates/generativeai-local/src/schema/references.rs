//! Resolves the references of a schema.

use std::collections::HashMap;

use serde_json::Value;

use super::subschemas;

/// A schema, and the names that references to its subschemas use.
pub(super) struct References<'a> {
    root: &'a Value,
    /// Subschemas by `#anchor` and by `$id`.
    named: HashMap<String, &'a Value>,
}

/// Target of a reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target<'a> {
    /// A subschema of the same document.
    Local(&'a Value),
    /// Another document, which is not fetched.
    External,
    /// The document has no such subschema.
    Missing,
}

impl<'a> References<'a> {
    /// Collects the anchors and ids of a schema.
    pub(super) fn new(root: &'a Value) -> Self {
        let mut named = HashMap::new();
        for schema in subschemas::all(root) {
            for keyword in ["$anchor", "$dynamicAnchor"] {
                if let Some(name) = schema.get(keyword).and_then(Value::as_str) {
                    named.insert(format!("#{name}"), schema);
                }
            }
            // Older drafts end an id with an empty fragment.
            if let Some(id) = schema.get("$id").and_then(Value::as_str) {
                named.insert(id.trim_end_matches('#').to_owned(), schema);
            }
        }
        Self { root, named }
    }

    /// Returns the target of a reference: a JSON pointer, an anchor, or the `$id` of a subschema with or
    /// without one of these.
    pub(super) fn resolve(&self, reference: &str) -> Target<'a> {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let document = match base {
            "" => self.root,
            base => match self.named.get(base) {
                Some(document) => document,
                None => return Target::External,
            },
        };
        let target = match fragment {
            "" => Some(document),
            pointer if pointer.starts_with('/') => document.pointer(&percent_decoded(pointer)),
            anchor => self.named.get(&format!("#{anchor}")).copied(),
        };
        match target {
            // A pointer may lead to any value of the document, such as a list of names.
            Some(schema) if schema.is_object() || schema.is_boolean() => Target::Local(schema),
            _ => Target::Missing,
        }
    }
}

/// Decodes `%24` and the like, as in the fragment of a URI.
fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_lead_to_subschemas_of_the_document() {
        let text = json!({ "type": "string" });
        let schema = json!({
            "$id": "https://example.com/root",
            "$defs": {
                "a/b": text,
                "c": { "$anchor": "c", "type": "string" },
                "d": { "$id": "https://example.com/d", "$defs": { "e": text } },
            },
            "components": { "schemas": { "f": text } },
        });
        let references = References::new(&schema);

        for reference in [
            "#",
            "#/$defs/a~1b",
            "#/%24defs/c",
            "#c",
            "#/components/schemas/f",
            "https://example.com/root#/$defs/c",
            "https://example.com/d#/$defs/e",
        ] {
            assert!(
                matches!(references.resolve(reference), Target::Local(_)),
                "{reference}"
            );
        }
        assert_eq!(references.resolve("#/$defs/x"), Target::Missing);
        assert_eq!(references.resolve("#x"), Target::Missing);
        assert_eq!(
            references.resolve("https://example.com/other"),
            Target::External
        );
    }
}
