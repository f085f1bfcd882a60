//! Schemas made ready for constraining: translated, bounded, closed.

use generativeai::Result;
use generativeai::protocol::{Properties, Schema, Type};
use serde_json::{Map, Value, json};

use crate::refusal::invalid;

/// A schema may not be nested deeper than this.
const DEEPEST: usize = 64;
/// A schema may not have more members and elements than this.
const LARGEST: usize = 20_000;
/// Numbers without a bound of their own stay below this, so that their digits end.
const BOUND: i64 = 1_000_000_000_000_000;

/// Translates a schema of the Gemini API into JSON Schema.
pub(crate) fn from_openapi(schema: &Schema) -> Result<Value> {
    translate(schema, DEEPEST)
}

fn translate(schema: &Schema, depth: usize) -> Result<Value> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(too_deep());
    };
    let mut out = Map::new();
    if let Some(kind) = &schema.r#type {
        out.insert("type".to_owned(), kind_of(kind)?.into());
    }
    let texts = [
        ("title", &schema.title),
        ("description", &schema.description),
        ("pattern", &schema.pattern),
        ("$ref", &schema.r#ref),
    ];
    for (name, text) in texts {
        out.extend(
            text.as_ref()
                .map(|text| (name.to_owned(), text.as_str().into())),
        );
    }
    let counts = [
        ("minItems", schema.min_items),
        ("maxItems", schema.max_items),
        ("minProperties", schema.min_properties),
        ("maxProperties", schema.max_properties),
        ("minLength", schema.min_length),
        ("maxLength", schema.max_length),
    ];
    out.extend(
        counts
            .into_iter()
            .filter_map(|(name, count)| Some((name.to_owned(), count?.into()))),
    );
    let bounds = [("minimum", schema.minimum), ("maximum", schema.maximum)];
    out.extend(
        bounds
            .into_iter()
            .filter_map(|(name, bound)| Some((name.to_owned(), number(bound?)))),
    );
    format(schema, &mut out)?;
    if !schema.r#enum.is_empty() {
        out.insert("enum".to_owned(), json!(schema.r#enum));
    }
    if let Some(items) = &schema.items {
        out.insert("items".to_owned(), translate(items, depth)?);
    }
    if let Some(properties) = &schema.properties {
        out.insert(
            "properties".to_owned(),
            ordered(properties, &schema.property_ordering, depth)?,
        );
    }
    if let Some(more) = &schema.additional_properties {
        out.insert("additionalProperties".to_owned(), more.clone());
    }
    if let Some(defs) = &schema.defs {
        out.insert("$defs".to_owned(), ordered(defs, &[], depth)?);
    }
    if !schema.required.is_empty() {
        out.insert("required".to_owned(), json!(schema.required));
    }
    if !schema.any_of.is_empty() {
        let options: Result<Vec<_>> = schema
            .any_of
            .iter()
            .map(|one| translate(one, depth))
            .collect();
        out.insert("anyOf".to_owned(), options?.into());
    }
    let schema_itself = Value::Object(out);
    Ok(match schema.nullable {
        Some(true) => json!({ "anyOf": [schema_itself, { "type": "null" }] }),
        _ => schema_itself,
    })
}

fn kind_of(kind: &Type) -> Result<&'static str> {
    Ok(match kind {
        Type::String => "string",
        Type::Number => "number",
        Type::Integer => "integer",
        Type::Boolean => "boolean",
        Type::Array => "array",
        Type::Object => "object",
        Type::Null => "null",
        other => {
            return Err(invalid(format!(
                "the schema has type {other}, which is not known"
            )));
        }
    })
}

/// Formats: those of texts that can be kept to are kept, those of numbers bound them.
fn format(schema: &Schema, out: &mut Map<String, Value>) -> Result<()> {
    let Some(format) = schema.format.as_deref() else {
        return Ok(());
    };
    match format {
        "enum" | "float" | "double" | "int64" => {}
        "int32" => {
            out.entry("minimum").or_insert_with(|| i32::MIN.into());
            out.entry("maximum").or_insert_with(|| i32::MAX.into());
        }
        "date-time" | "date" | "time" | "duration" | "email" | "uuid" | "uri" | "ipv4" | "ipv6"
        | "hostname" => {
            out.insert("format".to_owned(), format.into());
        }
        other => {
            return Err(invalid(format!(
                "the schema has format {other:?}, which is not known"
            )));
        }
    }
    Ok(())
}

/// Whole numbers are written without a fraction: that is how bounds of integers are read.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < BOUND as f64 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

/// Properties in the order asked for; the rest follows as it stands.
fn ordered(properties: &Properties, order: &[String], depth: usize) -> Result<Value> {
    let mut out = Map::new();
    let named = order
        .iter()
        .filter_map(|name| Some((name, properties.get(name)?)));
    for (name, schema) in named.chain(properties.iter()) {
        if !out.contains_key(name) {
            out.insert(name.clone(), translate(schema, depth)?);
        }
    }
    Ok(out.into())
}

/// Makes a JSON Schema ready: bounded in size, in its numbers, and closed where it names properties.
///
/// What is generated is always valid after the schema as given; it is only less than all that would
/// be.
pub(crate) fn prepare(schema: &Value) -> Result<Value> {
    let mut left = LARGEST;
    measure(schema, DEEPEST, &mut left)?;
    let mut schema = schema.clone();
    let closing = !composes(&schema);
    close(&mut schema, closing);
    let Value::Object(members) = &mut schema else {
        return match schema {
            Value::Bool(true) => Ok(json!({ "x-guidance": guidance() })),
            _ => Err(invalid("the schema must be an object")),
        };
    };
    members.insert("x-guidance".to_owned(), guidance());
    Ok(schema)
}

/// No white space between members: a small model would never end it.
fn guidance() -> Value {
    json!({ "whitespace_flexible": false })
}

fn too_deep() -> generativeai::Error {
    invalid(format!("the schema is nested deeper than {DEEPEST}"))
}

fn measure(value: &Value, depth: usize, left: &mut usize) -> Result<()> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(too_deep());
    };
    let Some(rest) = left.checked_sub(1) else {
        return Err(invalid(format!(
            "the schema has more than {LARGEST} members"
        )));
    };
    *left = rest;
    match value {
        Value::Array(elements) => elements
            .iter()
            .try_for_each(|value| measure(value, depth, left)),
        Value::Object(members) => members
            .values()
            .try_for_each(|value| measure(value, depth, left)),
        _ => Ok(()),
    }
}

/// Whether objects are put together from parts, which must then stay open to each other.
fn composes(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            let has = |name: &&str| members.contains_key(*name);
            let parts = ["anyOf", "oneOf", "$ref"].iter().any(has) && has(&"properties");
            has(&"allOf") || parts || members.values().any(composes)
        }
        Value::Array(elements) => elements.iter().any(composes),
        _ => false,
    }
}

/// Bounds numbers, here and below, and closes objects that name their properties.
fn close(schema: &mut Value, closing: bool) {
    let Value::Object(members) = schema else {
        return;
    };
    members.remove("x-guidance");
    let has = |name: &str| members.contains_key(name);
    let open = ![
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
    ]
    .into_iter()
    .any(has);
    if closing && open && has("properties") {
        members.insert("additionalProperties".to_owned(), false.into());
    }
    bound(members);
    for (name, below) in members.iter_mut() {
        match (name.as_str(), below) {
            (
                "properties" | "$defs" | "definitions" | "patternProperties",
                Value::Object(named),
            ) => {
                named.values_mut().for_each(|schema| close(schema, closing));
            }
            ("items" | "additionalProperties" | "additionalItems", schema @ Value::Object(_)) => {
                close(schema, closing);
            }
            ("prefixItems" | "items" | "allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| close(schema, closing));
            }
            _ => {}
        }
    }
}

fn bound(members: &mut Map<String, Value>) {
    let numeric = |kind: &Value| kind == "integer" || kind == "number";
    let numeric = match members.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(numeric),
        Some(kind) => numeric(kind),
        None => false,
    };
    if !numeric || members.contains_key("enum") || members.contains_key("const") {
        return;
    }
    let value = |members: &Map<String, Value>, name| members.get(name).and_then(Value::as_f64);
    let lower = value(members, "minimum").or_else(|| value(members, "exclusiveMinimum"));
    let upper = value(members, "maximum").or_else(|| value(members, "exclusiveMaximum"));
    let far = BOUND as f64;
    if lower.is_none() && upper.is_none_or(|upper| upper > -far) {
        members.insert("minimum".to_owned(), (-BOUND).into());
    }
    if upper.is_none() && lower.is_none_or(|lower| lower < far) {
        members.insert("maximum".to_owned(), BOUND.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(schema: Value) -> Value {
        from_openapi(&serde_json::from_value(schema).unwrap()).unwrap()
    }

    #[test]
    fn a_schema_of_the_gemini_api_becomes_json_schema() {
        let translated = from(json!({
            "type": "OBJECT",
            "properties": {
                "b": { "type": "INTEGER", "format": "int32", "minimum": 0, "nullable": true },
                "a": { "type": "ARRAY", "items": { "type": "STRING", "enum": ["x"] }, "minItems": "2" },
            },
            "propertyOrdering": ["a", "b"],
            "required": ["a"],
        }));

        let names: Vec<_> = translated["properties"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(
            translated,
            json!({
                "type": "object",
                "properties": {
                    "a": { "type": "array", "minItems": 2, "items": { "type": "string", "enum": ["x"] } },
                    "b": { "anyOf": [
                        { "type": "integer", "minimum": 0, "maximum": i32::MAX },
                        { "type": "null" },
                    ] },
                },
                "required": ["a"],
            })
        );
    }

    #[test]
    fn a_prepared_schema_is_closed_and_bounded() {
        let prepared = prepare(&json!({
            "x-guidance": { "lenient": true },
            "properties": { "n": { "type": "integer", "minimum": 3 }, "x": { "enum": [1] } },
        }));

        let n = json!({ "type": "integer", "minimum": 3, "maximum": BOUND });
        assert_eq!(
            prepared.unwrap(),
            json!({
                "properties": { "n": n, "x": { "enum": [1] } },
                "additionalProperties": false,
                "x-guidance": guidance(),
            })
        );
    }

    #[test]
    fn parts_of_an_object_stay_open_to_each_other() {
        let schema =
            json!({ "allOf": [{ "properties": { "a": {} } }, { "properties": { "b": {} } }] });

        let prepared = prepare(&schema).unwrap();

        assert_eq!(prepared["allOf"], schema["allOf"]);
    }

    #[test]
    fn a_schema_too_deep_or_too_large_is_refused() {
        let mut deep = json!({ "type": "string" });
        for _ in 0..DEEPEST {
            deep = json!({ "items": deep });
        }
        let large = json!({ "enum": vec![0; LARGEST] });

        assert!(prepare(&deep).unwrap_err().to_string().contains("deeper"));
        assert!(prepare(&large).unwrap_err().to_string().contains("members"));
        assert!(prepare(&json!(false)).is_err());
    }
}
