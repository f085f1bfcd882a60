//! Schemas of Rust types, and their OpenAPI form.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::error::ErrorKind;

mod parameters;
mod references;

/// How high.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Unit {
    /// SI unit.
    Metres,
    /// Imperial unit.
    Feet,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Ascent {
    /// Destination.
    peak: Peak,
    /// Members of the party.
    party: Vec<String>,
    unit: Option<Unit>,
    camps: Option<Vec<Peak>>,
    #[schemars(range(min = 1, max = 30))]
    days: u8,
    from: (f64, f64),
}

#[derive(Deserialize, JsonSchema, PartialEq)]
struct Peak {
    name: String,
    metres: Option<f64>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Tree {
    /// Left subtree.
    left: Option<Box<Tree>>,
    name: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Shape {
    Circle { radius: f64 },
    Square { side: f64 },
}

fn openapi(schema: Value) -> Value {
    let schema = Schema::from_json_schema(&schema).expect("a convertible schema");
    serde_json::to_value(schema).expect("JSON")
}

fn refused(schema: Value) -> String {
    let error = Schema::from_json_schema(&schema).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    error.to_string()
}

#[test]
fn the_json_schema_of_a_struct_has_no_references() {
    let schema = of::<Ascent>();

    assert!(!schema.to_string().contains("$ref"), "{schema}");
    assert_eq!(schema["required"], json!(["peak", "party", "days", "from"]));
    assert_eq!(schema["properties"]["peak"]["description"], "Destination.");
    assert_eq!(
        schema["properties"]["peak"]["properties"]["name"],
        json!({"type": "string"})
    );
    assert!(schema.get("$schema").is_none() && schema.get("title").is_none());
}

#[test]
fn a_struct_converts_to_the_openapi_form() {
    let peak = json!({
        "type": "OBJECT",
        "properties": {
            "name": {"type": "STRING"},
            "metres": {"type": "NUMBER", "format": "double", "nullable": true},
        },
        "required": ["name"],
    });
    let mut described = peak.clone();
    described["description"] = "Destination.".into();

    let schema = openapi(of::<Ascent>());

    assert_eq!(schema["properties"]["peak"], described);
    assert_eq!(
        schema["properties"]["unit"],
        json!({
            "type": "STRING",
            "format": "enum",
            "description": "How high.\n\n- `metres`: SI unit.\n\
                - `feet`: Imperial unit.",
            "nullable": true,
            "enum": ["metres", "feet"],
        })
    );
    assert_eq!(
        schema["properties"]["camps"],
        json!({"type": "ARRAY", "nullable": true, "items": peak})
    );
    assert_eq!(
        schema["properties"]["days"],
        json!({"type": "INTEGER", "minimum": 1.0, "maximum": 30.0})
    );
    assert_eq!(
        schema["properties"]["from"],
        json!({
            "type": "ARRAY",
            "items": {"type": "NUMBER", "format": "double"},
            "minItems": 2,
            "maxItems": 2,
        })
    );
}

#[test]
fn null_is_an_alternative_and_not_an_enum_value() {
    let listed = json!({"type": "string", "enum": ["low", "high"]});

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        Low,
        High,
    }

    assert_eq!(of::<Level>(), listed);
    assert_eq!(
        of::<Option<Level>>(),
        json!({"anyOf": [listed, {"type": "null"}]})
    );
}

#[test]
fn an_enum_with_data_becomes_alternatives() {
    let schema = openapi(of::<Shape>());

    let kinds: Vec<&Value> = schema["anyOf"]
        .as_array()
        .expect("alternatives")
        .iter()
        .map(|shape| &shape["properties"]["kind"]["enum"][0])
        .collect();
    assert_eq!(kinds, ["circle", "square"]);
    assert_eq!(schema["anyOf"][1]["required"], json!(["kind", "side"]));
}

#[test]
fn the_json_schema_of_a_recursive_type_has_no_keywords_next_to_a_reference() {
    let schema = of::<Tree>();

    let left = &schema["properties"]["left"];
    assert_eq!(left["description"], "Left subtree.");
    assert!(
        left.get("$ref").is_none(),
        "a reference has no siblings: {left}"
    );
    assert_eq!(left["anyOf"][0], json!({"$ref": "#"}));
}

#[test]
fn a_recursive_type_does_not_convert_to_the_openapi_form() {
    let message = refused(of::<Tree>());

    assert!(message.starts_with("`left` is recursive"), "{message}");
    assert!(
        message.ends_with("use JSON Schema or another type"),
        "{message}"
    );
}

#[test]
fn references_are_inlined() {
    let schema = json!({
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/name", "description": "first"},
            "b": {"$ref": "#/definitions/name"},
        },
        "$defs": {"name": {"type": "string", "description": "a name", "maxLength": 9}},
        "definitions": {"name": {"$ref": "#/$defs/name"}},
    });

    assert_eq!(
        openapi(schema)["properties"],
        json!({
            "a": {"type": "STRING", "description": "first", "maxLength": 9},
            "b": {"type": "STRING", "description": "a name", "maxLength": 9},
        })
    );
}

#[test]
fn properties_next_to_a_reference_are_added_to_the_referenced_ones() {
    let schema = json!({
        "$ref": "#/$defs/Base",
        "properties": {"b": {"type": "boolean"}, "c": {"type": "string"}},
        "required": ["b"],
        "$defs": {"Base": {
            "properties": {"a": {"type": "string"}, "c": {"type": "integer"}},
            "required": ["a"],
        }},
    });

    assert_eq!(
        openapi(schema),
        json!({
            "type": "OBJECT",
            "properties": {"a": {"type": "STRING"}, "b": {"type": "BOOLEAN"}, "c": {"type": "STRING"}},
            "required": ["a", "b"],
        })
    );
}

#[test]
fn a_property_of_several_schemas_must_match_all_of_them() {
    let schema = json!({
        "allOf": [
            {"properties": {"kind": {"type": "string", "enum": ["cat", "dog"]}, "age": {"type": "integer"}}},
            {"properties": {"kind": {"enum": ["dog"], "description": "Always a dog."}, "age": {"minimum": 1}}},
        ],
    });

    assert_eq!(
        openapi(schema)["properties"],
        json!({
            "kind": {"type": "STRING", "format": "enum", "description": "Always a dog.", "enum": ["dog"]},
            "age": {"type": "INTEGER", "minimum": 1.0},
        })
    );
}

#[test]
fn a_later_schema_may_refine_a_property() {
    for (one, other, both) in [
        (
            json!({"type": "number"}),
            json!({"type": "integer"}),
            json!({"type": "INTEGER"}),
        ),
        (
            json!({"type": ["string", "null"]}),
            json!({"type": "string"}),
            json!({"type": "STRING"}),
        ),
        (
            json!({"type": "array", "items": {"type": "string"}}),
            json!({"items": {"enum": ["a"]}}),
            json!({"type": "ARRAY", "items": {"type": "STRING", "format": "enum", "enum": ["a"]}}),
        ),
        (
            json!(true),
            json!({"type": "string"}),
            json!({"type": "STRING"}),
        ),
        (
            json!({"$ref": "#/$defs/a", "title": "A"}),
            json!({"$ref": "#/$defs/a", "description": "x"}),
            json!({"type": "STRING", "title": "A", "description": "x"}),
        ),
    ] {
        let schema = json!({
            "allOf": [{"properties": {"a": one}}, {"properties": {"a": other}}],
            "$defs": {"a": {"type": "string"}},
        });
        assert_eq!(openapi(schema)["properties"], json!({"a": both}));
    }
}

#[test]
fn all_of_is_merged() {
    let schema = json!({
        "allOf": [
            {"properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"b": {"type": "boolean"}}, "required": ["a", "b"]},
        ],
    });

    assert_eq!(
        openapi(schema),
        json!({
            "type": "OBJECT",
            "properties": {"a": {"type": "STRING"}, "b": {"type": "BOOLEAN"}},
            "required": ["a", "b"],
        })
    );
}

#[test]
fn each_way_to_allow_null_becomes_nullable() {
    for schema in [
        json!({"type": ["string", "null"]}),
        json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
        json!({"oneOf": [{"const": null}, {"type": "string"}]}),
        json!({"type": "string", "nullable": true}),
    ] {
        assert_eq!(openapi(schema), json!({"type": "STRING", "nullable": true}));
    }
    assert_eq!(
        openapi(json!({"enum": ["a", null]})),
        json!({"type": "STRING", "format": "enum", "nullable": true, "enum": ["a"]})
    );
}

#[test]
fn several_types_become_alternatives() {
    assert_eq!(
        openapi(json!({"type": ["string", "integer"], "description": "x"})),
        json!({"description": "x", "anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]})
    );
}

#[test]
fn keywords_that_only_narrow_and_unknown_formats_are_left_out() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "id": {"type": "string", "format": "uuid", "contentEncoding": "x"},
            "count": {"type": "integer", "format": "uint32", "multipleOf": 2},
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
        },
    });

    assert_eq!(
        openapi(schema)["properties"],
        json!({
            "at": {"type": "STRING", "format": "date-time"},
            "id": {"type": "STRING"},
            "count": {"type": "INTEGER"},
            "tags": {"type": "ARRAY", "items": {"type": "STRING"}},
        })
    );
}

/// Row 12 of tests/field.md.
#[test]
fn openapi_leaves_out_keywords_that_the_service_refuses() {
    let size = |values: Value| openapi(json!({"type": "string", "enum": values}));
    let sizes = json!({"type": "STRING", "format": "enum", "enum": ["small", "large"]});

    assert_eq!(size(json!(["", "small", "large"])), sizes);
    assert_eq!(size(json!(["small", "large", "small"])), sizes);
    assert_eq!(size(json!([""])), json!({"type": "STRING"}));
    assert_eq!(
        openapi(json!({"anyOf": [{"const": "small"}, {"enum": ["", "large"]}]})),
        sizes
    );
    assert_eq!(
        openapi(json!({
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "required": ["a", "missing", "a"],
            "propertyOrdering": ["b", "gone", "a"],
        })),
        json!({
            "type": "OBJECT",
            "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}},
            "required": ["a"],
            "propertyOrdering": ["b", "a"],
        })
    );
    let nested = json!({
        "type": "object",
        "properties": {"inner": {"type": "object", "required": ["x"], "properties": {}}},
        "required": ["inner"],
    });
    assert_eq!(
        openapi(nested)["properties"]["inner"],
        json!({"type": "OBJECT"})
    );
}

#[test]
fn an_error_names_the_place_that_the_form_cannot_express() {
    for (schema, place) in [
        (
            of::<HashMap<String, u8>>(),
            "the schema is a map with arbitrary keys",
        ),
        (json!({}), "the schema allows any value"),
        (json!(true), "the schema is `true` or `false`"),
        (
            json!({"properties": {"a": {"type": "array", "items": {}}}}),
            "`a.[]` allows any value",
        ),
        (
            json!({"type": "array"}),
            "the schema is an array of any values",
        ),
        (
            of::<(String, u8)>(),
            "the schema is a tuple of several types",
        ),
        (
            json!({"enum": [1, 2]}),
            "the schema has an `enum` of values that are not strings",
        ),
        (
            json!({"const": true}),
            "the schema has an `enum` of values that are not strings",
        ),
        (
            json!({"$ref": "https://a.example/b"}),
            "the schema refers to `https://a.example/b`",
        ),
        (
            json!({"$ref": "#/$defs/gone"}),
            "the schema refers to `#/$defs/gone`",
        ),
        (
            json!({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
            "the schema is recursive",
        ),
        (
            json!({"allOf": [{"type": "string"}, {"type": "integer"}]}),
            "the schema must match several schemas that differ in `type`",
        ),
        (
            json!({"allOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"type": "integer"}}}]}),
            "`a` must match several schemas that differ in `type`",
        ),
        (
            json!({"allOf": [{"enum": ["a"]}, {"enum": ["b"]}]}),
            "the schema must match several schemas that differ in `enum`",
        ),
        (
            json!({"type": "hologram"}),
            "the schema has the unknown type `hologram`",
        ),
    ] {
        let message = refused(schema);
        assert!(
            message.starts_with(place),
            "{message} should be about: {place}"
        );
    }
}

#[test]
fn a_declaration_converts_to_the_openapi_form_or_the_error_names_it() {
    let peak = FunctionDeclaration::new("climb", "Climbs.").parameters_of::<Peak>();
    let tree = FunctionDeclaration::new("plant", "Plants.").parameters_of::<Tree>();

    let climb = peak.with_openapi_schema().expect("a convertible schema");
    assert_eq!(
        climb.parameters,
        Some(Box::new(Schema::of::<Peak>().expect("a schema")))
    );
    assert_eq!(climb.parameters_json_schema, None);
    let message = tree.with_openapi_schema().unwrap_err().to_string();
    assert!(
        message.starts_with("the function `plant`: `left` is recursive"),
        "{message}"
    );
}

#[test]
fn a_config_asks_for_json_of_a_type() {
    let config = GenerationConfig::default().response_schema_of::<Peak>();

    assert_eq!(
        config.response_mime_type.as_deref(),
        Some("application/json")
    );
    assert_eq!(config.response_json_schema, Some(of::<Peak>()));
}
