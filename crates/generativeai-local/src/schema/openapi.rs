//! Translates schemas of the Gemini API, which follow OpenAPI, to JSON Schema.

use generativeai::protocol::schema::{Properties, Schema, Type};
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::size::{MAX_DEPTH, too_deep};

/// Translates a schema of the Gemini API to JSON Schema, `nullable` excepted. `path` names it in the
/// request.
///
/// # Errors
///
/// 400 if the schema is nested too deep.
pub(crate) fn from_openapi(schema: &Schema, path: &str) -> generativeai::Result<Value> {
    translate(schema, MAX_DEPTH).map_err(|problem| problem.into_error(path))
}

fn translate(schema: &Schema, depth: usize) -> Result<Value, Problem> {
    let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
    let mut out = Map::new();
    if let Some(kind) = &schema.r#type {
        out.insert("type".to_owned(), name_of(kind).into());
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
    format(schema, &mut out);
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
        let options: Result<Vec<_>, _> = schema
            .any_of
            .iter()
            .map(|one| translate(one, depth))
            .collect();
        out.insert("anyOf".to_owned(), options?.into());
    }
    if schema.nullable == Some(true) {
        out.insert("nullable".to_owned(), true.into());
    }
    Ok(out.into())
}

/// Writes the name of a type as JSON Schema does.
fn name_of(kind: &Type) -> String {
    kind.to_string().to_ascii_lowercase()
}

/// Translates the format: that of an integer becomes bounds, any other one is kept.
fn format(schema: &Schema, out: &mut Map<String, Value>) {
    match schema.format.as_deref() {
        None | Some("enum") => {}
        Some("int32") => {
            out.entry("minimum").or_insert_with(|| i32::MIN.into());
            out.entry("maximum").or_insert_with(|| i32::MAX.into());
        }
        Some(format) => {
            out.insert("format".to_owned(), format.into());
        }
    }
}

/// Up to this, `f64` represents every whole number.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Writes whole numbers without a fraction, as bounds of integers must be.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < MAX_WHOLE {
        json!(value as i64)
    } else {
        json!(value)
    }
}

/// Translates properties: those in `order` first, then the others.
fn ordered(properties: &Properties, order: &[String], depth: usize) -> Result<Value, Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(schema: Value) -> Value {
        from_openapi(&serde_json::from_value(schema).unwrap(), "").unwrap()
    }

    #[test]
    fn a_gemini_schema_is_translated_to_json_schema() {
        let translated = translated(json!({
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
                    "b": { "type": "integer", "minimum": 0, "maximum": i32::MAX, "nullable": true },
                },
                "required": ["a"],
            })
        );
    }
}
