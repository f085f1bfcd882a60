//! Rewrites the dialects of JSON Schema that programs generate to draft 2020-12.
//!
//! Requests contain schemas of several drafts and of OpenAPI, and generators (Pydantic, Zod, FastAPI, serializers of
//! Protocol Buffers) have their own habits. After this step, the rest of the crate handles one dialect only.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::subschemas;

/// Types of JSON Schema.
const TYPES: [&str; 7] = [
    "object", "array", "string", "number", "integer", "boolean", "null",
];
/// Keywords whose value is a number. Protobuf's JSON form writes 64-bit integers as strings.
const NUMBERS: [&str; 13] = [
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];
/// Keywords whose value is a list of alternatives.
const COMBINED: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords whose value may be `null`. Serializers write absent members as `null`.
const NULLABLE: [&str; 3] = ["default", "const", "example"];
/// Annotations whose value is a text. A wrong one has no influence on which values match.
const TEXTS: [&str; 3] = ["title", "description", "$comment"];
/// Annotations whose value is a boolean.
const FLAGS: [&str; 3] = ["deprecated", "readOnly", "writeOnly"];
/// Keywords whose value is an object. PHP writes an empty one as `[]`.
const OBJECTS: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// Returns a schema in the form of draft 2020-12.
///
/// Types may be in capitals, as in the Gemini API. `nullable` (OpenAPI), boolean `exclusiveMinimum` and `required`
/// (drafts 3 and 4), and tuples in `items` (before draft 2020-12) are translated. Keywords without an effect, such as
/// `"enum": null` and `"anyOf": []`, are removed. References into the document from which a schema was taken, such as
/// an OpenAPI description, are redirected to the definitions of the schema. Other keywords stay unchanged.
pub(super) fn normalize(schema: &Value) -> Value {
    let mut schema = schema.clone();
    normalize_in_place(&mut schema);
    // References are looked up in a copy, because the schema is changed during the search.
    let root = schema.clone();
    redirect_references(&mut schema, &root);
    schema
}

/// Places of definitions in the documents that schemas are taken from.
const DEFINITIONS: [&str; 3] = ["/$defs", "/definitions", "/components/schemas"];

/// Redirects each dangling reference to the definition of the same name in another place, if there is one.
fn redirect_references(schema: &mut Value, root: &Value) {
    let Value::Object(members) = schema else {
        return;
    };
    subschemas::for_each_mut(members, &mut |inner| redirect_references(inner, root));
    let Some(Value::String(reference)) = members.get_mut("$ref") else {
        return;
    };
    let Some(pointer) = reference.strip_prefix("#/") else {
        return;
    };
    if root.pointer(&format!("/{pointer}")).is_some() {
        return;
    }
    let Some((place, name)) = pointer.rsplit_once('/') else {
        return;
    };
    let is_known = DEFINITIONS.contains(&format!("/{place}").as_str());
    let mut places = DEFINITIONS.iter().map(|place| format!("{place}/{name}"));
    if let Some(found) = places.find(|place| is_known && root.pointer(place).is_some()) {
        *reference = format!("#{found}");
    }
}

/// Normalizes a schema and all schemas in it, except for references.
///
/// The order of the steps matters. `drop_contradicted_type` needs types in lower case. A tuple in `items` becomes
/// `prefixItems` before empty tuples are removed. `nullable` wraps the finished schema.
fn normalize_in_place(schema: &mut Value) {
    let Value::Object(members) = schema else {
        return;
    };
    subschemas::for_each_mut(members, &mut normalize_in_place);
    // The result is in draft 2020-12. A validator would look up any other dialect that is named here.
    members.remove("$schema");
    remove_empty(members);
    normalize_types(members);
    normalize_numbers(members);
    normalize_flags(members);
    normalize_exclusive_bounds(members);
    normalize_required(members);
    drop_contradicted_type(members);
    normalize_tuple(members);
    merge_single_all_of(members);
    expand_property_names(members);
    if members.remove("nullable") == Some(Value::Bool(true)) {
        make_nullable(schema);
    }
}

/// Converts booleans that are written as strings.
fn normalize_flags(members: &mut Map<String, Value>) {
    for name in ["additionalProperties", "uniqueItems"] {
        if let Some(flag) = members.get_mut(name)
            && let Some(parsed) = flag.as_str().and_then(|flag| flag.parse::<bool>().ok())
        {
            *flag = parsed.into();
        }
    }
}

/// Converts `exclusiveMinimum` as a flag, which changes the meaning of `minimum` in drafts 3 and 4 and in OpenAPI 3.0.
fn normalize_exclusive_bounds(members: &mut Map<String, Value>) {
    for (exclusive, inclusive) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        if let Some(Value::Bool(is_exclusive)) = members.get(exclusive).cloned() {
            members.remove(exclusive);
            if is_exclusive && let Some(bound) = members.remove(inclusive) {
                members.insert(exclusive.to_owned(), bound);
            }
        }
    }
}

/// Converts a tuple before draft 2020-12: `items` is a list, and `additionalItems` applies to the elements after it.
fn normalize_tuple(members: &mut Map<String, Value>) {
    if let Some(Value::Array(_)) = members.get("items")
        && let Some(items) = members.remove("items")
    {
        members.insert("prefixItems".to_owned(), items);
        if let Some(rest) = members.remove("additionalItems") {
            members.insert("items".to_owned(), rest);
        }
    }
    // Zod writes an empty list for an empty tuple, but draft 2020-12 requires one element.
    if members.get("prefixItems") == Some(&json!([])) {
        members.remove("prefixItems");
    }
}

/// Removes keywords without an effect.
fn remove_empty(members: &mut Map<String, Value>) {
    members.retain(|name, value| {
        let name = name.as_str();
        let is_null = value.is_null() && !NULLABLE.contains(&name);
        let is_empty = *value == json!([]) && (OBJECTS.contains(&name) || COMBINED.contains(&name));
        let is_example = name == "examples" && !value.is_array();
        let is_text = TEXTS.contains(&name) && !value.is_string();
        let is_flag = FLAGS.contains(&name) && !value.is_boolean();
        // Draft 2019-09 has a boolean here, draft 2020-12 a text.
        let is_anchor = name == "$recursiveAnchor";
        !(is_null || is_empty || is_example || is_text || is_flag || is_anchor)
    });
}

/// Converts numbers that are written as strings, and counts such as `2.0` to integers, which the grammar engine
/// requires.
fn normalize_numbers(members: &mut Map<String, Value>) {
    for name in NUMBERS {
        let Some(number) = members.get_mut(name) else {
            continue;
        };
        if let Some(parsed) = number.as_str().and_then(parse_number) {
            *number = parsed;
        }
        let is_count = name.starts_with("min") && name != "minimum"
            || name.starts_with("max") && name != "maximum";
        if is_count
            && let Some(float) = number.as_f64().filter(|float| float.fract() == 0.0)
            && (0.0..=f64::from(u32::MAX)).contains(&float)
        {
            *number = Value::from(float as u32);
        }
    }
}

/// Removes a type of strings or numbers if none of the values in `enum` has it, and removes `const: null` next to such
/// a type. Some generators list the numbers of an enum next to the type `string`, and write an absent constant as
/// `null`.
fn drop_contradicted_type(members: &mut Map<String, Value>) {
    let has_type: fn(&Value) -> bool = match members.get("type").and_then(Value::as_str) {
        Some("string") => Value::is_string,
        Some("integer" | "number") => Value::is_number,
        _ => return,
    };
    if members.get("const") == Some(&Value::Null) {
        members.remove("const");
    }
    let listed = members.get("enum").and_then(Value::as_array);
    let is_other = |value: &Value| (value.is_string() || value.is_number()) && !has_type(value);
    if listed.is_some_and(|listed| !listed.is_empty() && listed.iter().all(is_other)) {
        members.remove("type");
    }
}

fn parse_number(text: &str) -> Option<Value> {
    // Integers first, since an `f64` cannot represent all of them.
    let whole = text.parse::<i64>().ok().map(Value::from);
    whole.or_else(|| text.parse::<f64>().ok().map(Value::from))
}

/// Writes the required names as a list without duplicates. A boolean (draft 3) is removed: it states whether the
/// property with this schema is required, but its object lists the required names.
fn normalize_required(members: &mut Map<String, Value>) {
    let Some(required) = members.remove("required") else {
        return;
    };
    let mut names = match required {
        Value::Array(names) => names,
        Value::String(flag) if flag == "true" || flag == "false" => return,
        Value::String(name) => vec![name.into()],
        _ => return,
    };
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    members.insert("required".to_owned(), names.into());
}

/// Writes types in lower case, and removes unspecified ones.
fn normalize_types(members: &mut Map<String, Value>) {
    let Some(value) = members.get_mut("type") else {
        return;
    };
    let normalize = |name: &mut Value| {
        if let Some(lower) = name.as_str().map(str::to_ascii_lowercase)
            && TYPES.contains(&lower.as_str())
        {
            *name = lower.into();
        }
    };
    match value {
        Value::Array(names) => {
            names.iter_mut().for_each(normalize);
            let mut seen = HashSet::new();
            names.retain(|name| seen.insert(name.clone()));
            if names.is_empty() {
                members.remove("type");
            }
        }
        // The unset value of the Gemini API's `Type`, and a type of draft 3.
        name if name == "TYPE_UNSPECIFIED" || name == "any" => {
            members.remove("type");
        }
        name => normalize(name),
    }
}

/// Replaces `allOf` with one element by that element, if the schema has only annotations otherwise. Pydantic
/// writes this around a reference, to add a description.
fn merge_single_all_of(members: &mut Map<String, Value>) {
    const ANNOTATIONS: [&str; 4] = ["title", "description", "default", "examples"];
    let is_single = members
        .get("allOf")
        .and_then(Value::as_array)
        .is_some_and(|list| list.len() == 1 && list[0].is_object());
    let is_alone = members
        .keys()
        .all(|name| name == "allOf" || ANNOTATIONS.contains(&name.as_str()));
    if !is_single || !is_alone {
        return;
    }
    if let Some(Value::Array(mut list)) = members.remove("allOf")
        && let Some(Value::Object(inner)) = list.pop()
    {
        for (name, value) in inner {
            members.entry(name).or_insert(value);
        }
    }
}

/// Rewrites `propertyNames` with a list or a pattern to keywords that can be enforced. Generators write maps with
/// restricted keys in this way, such as a map from an enum.
fn expand_property_names(members: &mut Map<String, Value>) {
    if members.contains_key("properties") || members.contains_key("patternProperties") {
        return;
    }
    let Some(names) = members.get("propertyNames").and_then(Value::as_object) else {
        return;
    };
    let is_only = |keyword: &str| {
        let others = names
            .keys()
            .filter(|name| *name != "type" && *name != keyword);
        names.contains_key(keyword) && others.count() == 0
    };
    let values = members
        .get("additionalProperties")
        .cloned()
        .unwrap_or(true.into());
    let (keyword, expanded) = match (names.get("enum"), names.get("pattern")) {
        (Some(Value::Array(list)), _) if is_only("enum") => {
            let names = list.iter().filter_map(Value::as_str);
            let named = names.map(|name| (name.to_owned(), values.clone()));
            ("properties", Value::Object(named.collect()))
        }
        (_, Some(Value::String(pattern))) if is_only("pattern") => {
            ("patternProperties", json!({ pattern: values }))
        }
        // Every name is a string.
        (None, None) if names.len() == 1 && names.get("type") == Some(&"string".into()) => {
            members.remove("propertyNames");
            return;
        }
        _ => return,
    };
    members.remove("propertyNames");
    members.insert(keyword.to_owned(), expanded);
    members.insert("additionalProperties".to_owned(), false.into());
}

/// Lets a schema match `null` as well. Definitions stay where references expect them.
fn make_nullable(schema: &mut Value) {
    let Value::Object(members) = schema else {
        return;
    };
    let mut outer = Map::new();
    for name in ["$defs", "definitions", "$id"] {
        outer.extend(members.remove(name).map(|value| (name.to_owned(), value)));
    }
    let inner = std::mem::take(members);
    outer.insert("anyOf".to_owned(), json!([inner, { "type": "null" }]));
    *members = outer;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row 37 of tests/field.md: types in capitals in JSON schemas.
    #[test]
    fn types_may_be_in_capitals() {
        let schema = json!({
            "type": "OBJECT",
            "properties": {
                "type": { "type": ["STRING", "Null"] },
                "list": { "type": "ARRAY", "items": { "anyOf": [{ "type": "INTEGER" }] }, "minItems": "2" },
            },
            "$defs": { "a": { "type": "Boolean", "enum": ["STRING"] } },
        });

        assert_eq!(
            normalize(&schema),
            json!({
                "type": "object",
                "properties": {
                    "type": { "type": ["string", "null"] },
                    "list": { "type": "array", "items": { "anyOf": [{ "type": "integer" }] }, "minItems": 2 },
                },
                "$defs": { "a": { "type": "boolean", "enum": ["STRING"] } },
            })
        );
    }

    /// Row 9 of tests/field.md: FastAPI's references in a schema of Pydantic.
    #[test]
    fn references_to_the_old_document_lead_to_the_definitions_of_the_schema() {
        for (reference, redirected) in [
            ("#/components/schemas/A", "#/$defs/A"),
            ("#/definitions/A", "#/$defs/A"),
            ("#/definitions/B", "#/definitions/B"),
            ("#/$defs/A", "#/$defs/A"),
            ("#/properties/A", "#/properties/A"),
            ("#a", "#a"),
        ] {
            let schema =
                json!({ "properties": { "a": { "$ref": reference } }, "$defs": { "A": true } });

            let normalized = normalize(&schema);

            assert_eq!(normalized["properties"]["a"]["$ref"], redirected);
        }
    }

    #[test]
    fn older_drafts_and_openapi_are_translated() {
        for (schema, normalized) in [
            (
                json!({ "type": "number", "minimum": 0, "exclusiveMinimum": true }),
                json!({ "type": "number", "exclusiveMinimum": 0 }),
            ),
            (
                json!({ "items": [{ "type": "string" }], "additionalItems": false }),
                json!({ "prefixItems": [{ "type": "string" }], "items": false }),
            ),
            (
                json!({ "type": "string", "enum": ["a"], "nullable": true }),
                json!({ "anyOf": [{ "type": "string", "enum": ["a"] }, { "type": "null" }] }),
            ),
            (
                json!({ "allOf": [{ "$ref": "#/$defs/a" }], "description": "It" }),
                json!({ "$ref": "#/$defs/a", "description": "It" }),
            ),
            (
                json!({ "additionalProperties": { "type": "integer" }, "propertyNames": { "enum": ["a"] } }),
                json!({ "additionalProperties": false, "properties": { "a": { "type": "integer" } } }),
            ),
            (
                json!({ "type": "object", "propertyNames": { "pattern": "^a" } }),
                json!({
                    "type": "object",
                    "patternProperties": { "^a": true },
                    "additionalProperties": false,
                }),
            ),
            (
                json!({ "type": "object", "propertyNames": { "type": "string" } }),
                json!({ "type": "object" }),
            ),
            (
                json!({ "$schema": "http://json-schema.org/draft-04/schema#", "required": true }),
                json!({}),
            ),
            // Zod: an empty tuple.
            (
                json!({ "type": "array", "prefixItems": [], "items": false }),
                json!({ "type": "array", "items": false }),
            ),
            (
                json!({ "minLength": 2.0, "maxItems": "3", "minimum": 1.0, "additionalProperties": "false" }),
                json!({ "minLength": 2, "maxItems": 3, "minimum": 1.0, "additionalProperties": false }),
            ),
            (
                json!({ "title": 5, "description": ["a"], "$comment": 1, "deprecated": "yes", "not": null }),
                json!({}),
            ),
            (
                json!({ "type": ["string", "String"] }),
                json!({ "type": ["string"] }),
            ),
            (
                json!({ "type": "string", "const": null }),
                json!({ "type": "string" }),
            ),
            (json!({ "type": [], "$recursiveAnchor": true }), json!({})),
            (
                json!({ "type": "string", "enum": [1, 2] }),
                json!({ "enum": [1, 2] }),
            ),
            (
                json!({ "type": "string", "enum": ["a", 1] }),
                json!({ "type": "string", "enum": ["a", 1] }),
            ),
        ] {
            assert_eq!(normalize(&schema), normalized);
        }
    }
}
