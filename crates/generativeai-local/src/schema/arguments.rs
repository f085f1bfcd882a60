//! Restricts the schema of the arguments of a function to objects.

use serde_json::{Map, Value, json};

use super::problem::{Problem, join};
use super::subschemas;

/// Keywords that restrict the type of a value.
const RESTRICTING: [&str; 7] = ["type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"];

/// Restricts a normalized schema to objects. A call with other arguments, such as `null`, cannot be parsed.
///
/// `type: object` is not added beside `$ref` and alternatives: the grammar engine would intersect the properties of
/// both without end. Targets of references are not changed, since other schemas may refer to them.
///
/// # Errors
///
/// The schema excludes objects.
pub(super) fn restrict_to_objects(schema: &mut Value, pointer: &str) -> Result<(), Problem> {
    if *schema == Value::Bool(true) {
        *schema = json!({});
    }
    let Value::Object(members) = schema else {
        return Err(no_object(pointer));
    };
    if let Some(kind) = members.get_mut("type") {
        let allows_object = match &*kind {
            Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
            kind => kind == "object",
        };
        if !allows_object {
            return Err(no_object(&join(pointer, "type")));
        }
        *kind = "object".into();
        return Ok(());
    }
    if let Some(Value::Array(schemas)) = members.get_mut("allOf") {
        for (index, schema) in schemas.iter_mut().enumerate() {
            restrict_to_objects(schema, &format!("{pointer}/allOf/{index}"))?;
        }
    }
    restrict_alternatives(members, "anyOf", pointer)?;
    restrict_alternatives(members, "oneOf", pointer)?;
    unwrap_alternative(members);
    if !RESTRICTING.iter().any(|name| members.contains_key(*name)) {
        members.insert("type".to_owned(), "object".into());
    }
    Ok(())
}

/// Returns whether a schema refers to its root, or to a schema below the alternatives of its root.
///
/// If the root were changed, such a reference would lead elsewhere, or nowhere. Generators such as zod-to-json-schema
/// write them.
pub(super) fn refers_to_root(schema: &Value) -> bool {
    subschemas::all(schema).iter().any(|schema| {
        let target = schema.get("$ref").and_then(Value::as_str);
        target.is_some_and(|target| {
            target == "#"
                || ["#/anyOf/", "#/oneOf/"]
                    .iter()
                    .any(|it| target.starts_with(it))
        })
    })
}

/// Removes the alternatives that exclude objects.
fn restrict_alternatives(
    members: &mut Map<String, Value>,
    name: &str,
    pointer: &str,
) -> Result<(), Problem> {
    let at = join(pointer, name);
    let Some(Value::Array(schemas)) = members.get_mut(name) else {
        return Ok(());
    };
    schemas.retain_mut(|schema| restrict_to_objects(schema, &at).is_ok());
    if schemas.is_empty() {
        return Err(no_object(&at));
    }
    Ok(())
}

/// Replaces `anyOf` with one element by the members of that element. A nullable schema without its `null` is of this
/// form, and chat templates read the `properties` of the schema itself.
fn unwrap_alternative(members: &mut Map<String, Value>) {
    let only = match members.get("anyOf").and_then(Value::as_array) {
        Some(schemas) if schemas.len() == 1 => schemas[0].as_object().cloned(),
        _ => None,
    };
    if let Some(only) = only.filter(|only| !only.keys().any(|name| members.contains_key(name))) {
        members.remove("anyOf");
        members.extend(only);
    }
}

fn no_object(pointer: &str) -> Problem {
    Problem::new(
        pointer,
        "the arguments of a function are an object: use the type object",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object() {
        let named = json!({ "type": "object", "properties": { "a": true } });
        for (mut schema, restricted) in [
            (json!(true), json!({ "type": "object" })),
            (json!({}), json!({ "type": "object" })),
            (
                json!({ "type": ["object", "null"], "title": "a" }),
                json!({ "type": "object", "title": "a" }),
            ),
            (
                json!({ "anyOf": [named, { "type": "null" }], "$defs": {} }),
                json!({ "$defs": {}, "type": "object", "properties": { "a": true } }),
            ),
            (
                json!({ "oneOf": [{ "required": ["a"] }, named, { "type": ["null", "string"] }] }),
                json!({ "oneOf": [{ "required": ["a"], "type": "object" }, named] }),
            ),
            (
                json!({ "allOf": [{ "$ref": "#/$defs/a" }, { "required": ["a"] }] }),
                json!({ "allOf": [{ "$ref": "#/$defs/a" }, { "required": ["a"], "type": "object" }] }),
            ),
        ] {
            restrict_to_objects(&mut schema, "").unwrap();

            assert_eq!(schema, restricted);
        }
    }

    #[test]
    fn a_schema_that_excludes_objects_is_refused() {
        for (mut schema, pointer) in [
            (json!({ "type": "string" }), "/type"),
            (json!({ "type": ["array", "null"] }), "/type"),
            (
                json!({ "anyOf": [{ "type": "null" }, { "oneOf": [{ "type": "string" }] }] }),
                "/anyOf",
            ),
            (
                json!({ "allOf": [true, { "type": "array" }] }),
                "/allOf/1/type",
            ),
        ] {
            let problem = restrict_to_objects(&mut schema, "").unwrap_err();

            assert_eq!(problem.pointer, pointer);
        }
    }
}
