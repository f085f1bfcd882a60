//! Conversion of schemas in the OpenAPI form to JSON Schema.

use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::schema::{Properties, Schema, Type};
use crate::protocol::whole_number;

/// Maximum depth of nested subschemas.
const MAX_DEPTH: usize = 64;

impl Schema {
    /// Converts a schema in the OpenAPI form to JSON Schema, for models and servers other than Gemini.
    ///
    /// ```
    /// use generativeai::protocol::schema::Schema;
    /// use serde_json::json;
    ///
    /// let schema = Schema::object([("name", Schema::string().nullable(true))]);
    /// assert_eq!(
    ///     schema.to_json_schema()?,
    ///     json!({"type": "object", "properties": {
    ///         "name": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    ///     }}),
    /// );
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// An unspecified type, examples and defaults are left out. A format that JSON Schema does not define stays, since
    /// it is only an annotation there.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] for an unknown type, for a member that [`Schema`] does not have, and for a schema that is
    /// nested deeper than 64 levels.
    pub fn to_json_schema(&self) -> Result<Value> {
        translate(self, MAX_DEPTH)
    }
}

/// Translates a schema and its subschemas, down to `depth` levels.
fn translate(schema: &Schema, depth: usize) -> Result<Value> {
    let depth = depth.checked_sub(1).ok_or_else(|| {
        refused(format!(
            "the schema is nested deeper than {MAX_DEPTH} levels: simplify it"
        ))
    })?;
    // Serializers write a member that is not set as `null`.
    if let Some((name, _)) = schema.unknown.iter().find(|(_, value)| !value.is_null()) {
        let message = format!("the schema has the unknown member `{name}`: remove it");
        return Err(refused(message));
    }
    let mut out = Map::new();
    constraints(schema, &mut out)?;
    subschemas(schema, depth, &mut out)?;
    if schema.nullable == Some(true) {
        let options = json!([out, { "type": "null" }]);
        out = Map::from_iter([("anyOf".to_owned(), options)]);
    }
    // References are resolved from the root of the schema, so the definitions must not move into `anyOf`.
    if let Some(defs) = &schema.defs {
        out.insert("$defs".to_owned(), ordered(defs, &[], depth)?);
    }
    Ok(Value::Object(out))
}

/// Translates the keywords without subschemas.
fn constraints(schema: &Schema, out: &mut Map<String, Value>) -> Result<()> {
    if let Some(kind) = &schema.r#type
        && *kind != Type::Unspecified
    {
        out.insert("type".to_owned(), kind_of(kind)?.into());
    }
    let text = |text: &Option<String>| text.clone().map(Value::from);
    let count = |count: Option<i64>| count.map(Value::from);
    let keywords = [
        ("title", text(&schema.title)),
        ("description", text(&schema.description)),
        ("pattern", text(&schema.pattern)),
        ("minItems", count(schema.min_items)),
        ("maxItems", count(schema.max_items)),
        ("minProperties", count(schema.min_properties)),
        ("maxProperties", count(schema.max_properties)),
        ("minLength", count(schema.min_length)),
        ("maxLength", count(schema.max_length)),
        ("minimum", schema.minimum.map(number)),
        ("maximum", schema.maximum.map(number)),
    ];
    for (name, value) in keywords {
        out.extend(value.map(|value| (name.to_owned(), value)));
    }
    if let Some(reference) = &schema.r#ref {
        // Vertex AI writes `#/defs/name`, where JSON Schema has `$defs`.
        let name = reference.strip_prefix("#/defs/");
        let reference = name.map_or_else(|| reference.clone(), |name| format!("#/$defs/{name}"));
        out.insert("$ref".to_owned(), reference.into());
    }
    format(schema, out);
    if !schema.r#enum.is_empty() {
        let values = schema.r#enum.iter();
        let values: Vec<Value> = values.map(|text| value(text, schema)).collect();
        out.insert("enum".to_owned(), values.into());
    }
    Ok(())
}

/// Returns a value of `enum`. The OpenAPI form writes numbers as text as well.
fn value(text: &str, schema: &Schema) -> Value {
    let is_number = matches!(schema.r#type, Some(Type::Integer | Type::Number));
    let number = serde_json::from_str::<Number>(text).ok();
    number
        .filter(|_| is_number)
        .map_or_else(|| text.into(), Value::from)
}

/// Translates the keywords with subschemas, except for the definitions.
fn subschemas(schema: &Schema, depth: usize, out: &mut Map<String, Value>) -> Result<()> {
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
        let more = match Schema::deserialize(more) {
            Ok(schema) if schema.unknown.is_empty() => translate(&schema, depth)?,
            // `true` or `false`, or JSON Schema with keywords that the OpenAPI form does not have.
            _ => more.clone(),
        };
        out.insert("additionalProperties".to_owned(), more);
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
    Ok(())
}

/// Returns the JSON Schema name of a type, which is in lower case.
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
            return Err(refused(format!("the schema has the unknown type {other}")));
        }
    })
}

/// Translates the format: `int32` becomes bounds, any other one is kept.
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

/// Returns the error for a schema that cannot be translated.
fn refused(message: String) -> Error {
    Error::new(ErrorKind::Request, message)
}

/// Writes a whole number without a fraction, since the bounds of integers must be integers.
fn number(value: f64) -> Value {
    whole_number(value).map_or_else(|| json!(value), Value::from)
}

/// Translates properties: those in `order` first, then the others.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(schema: Value) -> Value {
        let schema: Schema = serde_json::from_value(schema).expect("a schema");
        schema.to_json_schema().expect("JSON Schema")
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
            .expect("an object")
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
    fn definitions_stay_at_the_root_of_a_nullable_schema() {
        let translated = translated(json!({
            "nullable": true, "ref": "#/defs/A", "defs": {"A": {"type": "STRING", "format": "made-up"}},
        }));

        assert_eq!(
            translated,
            json!({
                "anyOf": [{ "$ref": "#/$defs/A" }, { "type": "null" }],
                "$defs": { "A": { "type": "string", "format": "made-up" } },
            })
        );
    }

    #[test]
    fn a_schema_of_further_members_is_translated() {
        let translated = translated(json!({
            "additionalProperties": {"type": "ARRAY", "items": {"type": "STRING"}},
            "properties": {
                "a": {"additionalProperties": false},
                "b": {"additionalProperties": {"const": "x"}},
            },
        }));

        assert_eq!(
            translated,
            json!({
                "additionalProperties": {"type": "array", "items": {"type": "string"}},
                "properties": {
                    "a": {"additionalProperties": false},
                    "b": {"additionalProperties": {"const": "x"}},
                },
            })
        );
    }

    #[test]
    fn an_unknown_member_is_refused_at_any_depth() {
        for schema in [
            json!({"type": "STRING", "maxLenght": 3}),
            json!({"items": {"anyOf": [{"maxLenght": 3}]}}),
            json!({"properties": {"a": {"maxLenght": 3}}}),
        ] {
            let schema: Schema = serde_json::from_value(schema).expect("a schema");
            let error = schema.to_json_schema().expect_err("an unknown member");
            assert!(error.to_string().contains("`maxLenght`"), "{error}");
        }
        assert_eq!(translated(json!({"maxLenght": null})), json!({}));
    }

    #[test]
    fn an_unspecified_type_is_left_out_and_an_unknown_one_is_refused() {
        assert_eq!(translated(json!({"type": "TYPE_UNSPECIFIED"})), json!({}));

        let unknown: Schema = serde_json::from_value(json!({"type": "MATRIX"})).expect("a schema");
        let error = unknown.to_json_schema().expect_err("an unknown type");
        assert!(error.to_string().contains("MATRIX"), "{error}");
    }

    #[test]
    fn the_values_of_a_numeric_enum_become_numbers() {
        for (kind, texts, values) in [
            ("INTEGER", ["101", "201"], json!([101, 201])),
            ("NUMBER", ["0.5", "1"], json!([0.5, 1])),
            ("STRING", ["101", "a"], json!(["101", "a"])),
        ] {
            let schema = json!({"type": kind, "format": "enum", "enum": texts});
            let expected = json!({"type": kind.to_lowercase(), "enum": values});
            assert_eq!(translated(schema), expected);
        }
    }
}
