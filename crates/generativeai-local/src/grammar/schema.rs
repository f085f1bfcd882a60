//! Schemas made ready for constraining: translated, bounded, closed.

mod finite;
mod loops;
mod prepare;
mod refs;

use generativeai::Result;
use generativeai::protocol::schema::{Properties, Schema, Type};
use serde_json::{Map, Value, json};

use crate::refusal::invalid;

pub(crate) use prepare::prepare;

/// A schema may not be nested deeper than this.
const DEEPEST: usize = 64;

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

/// Beyond this not every whole number has a place among floating ones.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// Whole numbers are written without a fraction: that is how bounds of integers are read.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < WHOLE {
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

fn too_deep() -> generativeai::Error {
    invalid(format!("the schema is nested deeper than {DEEPEST}"))
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
}
