//! Types, enumerated values and alternatives, in the different ways in which JSON Schema expresses them.
//!
//! schemars writes a Rust enum without data as one list of strings, as long as no variant has a doc comment. With doc
//! comments it writes one alternative for each variant, with its description:
//!
//! ```json
//! {"oneOf": [{"const": "low", "description": "Little."}, {"const": "high", "description": "Much."}]}
//! ```
//!
//! The OpenAPI form has no constants, so [`join_texts`] makes one `enum` of them, and the descriptions become lines of
//! the description of the whole:
//!
//! ```json
//! {"type": "string", "enum": ["low", "high"], "description": "- `low`: Little.\n- `high`: Much."}
//! ```

use serde_json::{Map, Value, json};

/// Removes and returns the alternatives of `anyOf` or `oneOf`.
pub(super) fn alternatives(from: &mut Map<String, Value>) -> Option<Vec<Value>> {
    let mut keywords = ["anyOf", "oneOf"].into_iter();
    keywords.find_map(|keyword| match from.remove(keyword)? {
        Value::Array(alternatives) => Some(alternatives),
        _ => None,
    })
}

/// Returns whether a schema matches no value.
pub(super) fn is_never(schema: &Value) -> bool {
    let forbids =
        |it: &Value| *it == Value::Bool(true) || it.as_object().is_some_and(Map::is_empty);
    *schema == Value::Bool(false) || schema.get("not").is_some_and(forbids)
}

/// Returns whether a schema allows `null` only.
pub(super) fn is_null(schema: &Value) -> bool {
    schema.get("type") == Some(&json!("null"))
        || schema.get("const") == Some(&Value::Null)
        || schema.get("enum") == Some(&json!([null]))
}

/// Returns whether a schema has only the keyword `required`.
pub(super) fn only_requires(schema: &Value) -> bool {
    let keywords = schema.as_object();
    keywords.is_some_and(|keywords| keywords.keys().all(|keyword| keyword == "required"))
}

/// Returns the values of `const` or `enum`; empty without these.
pub(super) fn choice(from: &Map<String, Value>) -> Vec<&Value> {
    match (from.get("const"), from.get("enum")) {
        (Some(one), _) => vec![one],
        (None, Some(Value::Array(several))) => several.iter().collect(),
        (None, _) => Vec::new(),
    }
}

/// Returns the types of `type`, or the type that the other keywords imply: schemas that are written by hand often omit
/// it.
pub(super) fn types(from: &Map<String, Value>) -> Vec<&str> {
    match from.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ if from.contains_key("properties") => vec!["object"],
        _ if from.contains_key("items") || from.contains_key("prefixItems") => vec!["array"],
        _ => {
            let listed = choice(from).into_iter().find(|one| !one.is_null());
            let named = listed.map(|one| match one {
                Value::String(_) => "string",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "number",
                Value::Array(_) => "array",
                Value::Object(_) | Value::Null => "object",
            });
            named.into_iter().collect()
        }
    }
}

/// Merges alternatives that are strings with fixed values into one `enum`, and returns whether they are.
/// Descriptions of the alternatives are appended to the description of the schema.
pub(super) fn join_texts(from: &mut Map<String, Value>, alternatives: &[Value]) -> bool {
    let mut texts = Vec::new();
    let mut descriptions = Vec::new();
    for one in alternatives {
        let Value::Object(one) = one else {
            return false;
        };
        let listed = choice(one);
        // Any other keyword would be lost.
        let plain = one.keys().all(|name| {
            matches!(
                name.as_str(),
                "type" | "const" | "enum" | "description" | "title"
            )
        });
        if listed.is_empty() || !plain || !listed.iter().all(|text| text.is_string()) {
            return false;
        }
        if let (Some(Value::String(about)), [Value::String(text)]) =
            (one.get("description"), listed.as_slice())
        {
            descriptions.push(format!("- `{text}`: {about}"));
        }
        texts.extend(listed.into_iter().cloned());
    }
    if texts.is_empty() {
        return false;
    }
    if !descriptions.is_empty() {
        let before = from.get("description").and_then(Value::as_str);
        let before = before
            .map(|before| format!("{before}\n\n"))
            .unwrap_or_default();
        from.insert(
            "description".to_owned(),
            (before + &descriptions.join("\n")).into(),
        );
    }
    from.insert("type".to_owned(), "string".into());
    from.insert("enum".to_owned(), Value::Array(texts));
    true
}
