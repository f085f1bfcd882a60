//! Parameters of functions.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Peak, openapi};
use crate::json_schema::{parameters, parameters_of};
use crate::protocol::schema::Schema;

#[test]
fn arguments_without_fields_have_no_parameters() {
    #[derive(Deserialize, JsonSchema)]
    struct Empty {}

    assert_eq!(parameters_of::<Empty>(), None);
    assert!(parameters_of::<Peak>().is_some());
    assert!(parameters_of::<HashMap<String, u8>>().is_some());

    for empty in [
        json!({"type": "object"}),
        json!({"type": "object", "properties": {}, "required": []}),
        json!({"type": "object", "title": "Args", "additionalProperties": false}),
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}),
    ] {
        assert_eq!(parameters(empty.clone()), None, "{empty}");
    }
}

/// Row 11 of tests/field.md.
#[test]
fn arguments_that_are_not_in_properties_are_parameters() {
    let named = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    for schema in [
        json!({"type": "object", "anyOf": [named, {"required": ["b"]}]}),
        json!({"type": "object", "oneOf": [named]}),
        json!({"type": "object", "allOf": [named]}),
        json!({"$ref": "#/$defs/Args", "$defs": {"Args": named}}),
        json!({"type": "object", "patternProperties": {"^x-": {"type": "string"}}}),
        json!({"type": "object", "propertyNames": {"pattern": "^x-"}}),
        json!({"type": "object", "if": named, "then": {"required": ["a"]}}),
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"type": "object", "required": ["a"]}),
    ] {
        assert_eq!(parameters(schema.clone()), Some(schema));
    }
    let beside = json!({"type": "object", "$ref": "#/$defs/Args", "$defs": {"Args": named}});
    let moved = json!({
        "type": "object", "anyOf": [{"$ref": "#/$defs/Args"}], "$defs": {"Args": named},
    });
    assert_eq!(parameters(beside), Some(moved));
}

#[test]
fn a_reference_next_to_alternatives_leaves_them_in_place() {
    let alternatives = json!([{"required": ["a"]}, {"required": ["b"]}]);
    let schema = json!({"$ref": "#/$defs/Args", "anyOf": alternatives, "$defs": {"Args": {}}});

    let parameters = parameters(schema).expect("parameters");

    assert_eq!(parameters["anyOf"], alternatives);
    assert_eq!(parameters["allOf"], json!([{"$ref": "#/$defs/Args"}]));
}

/// Row 11 of tests/field.md: schemas that servers write by hand, or generate.
#[test]
fn arguments_are_declared_whatever_their_schema_leaves_out() {
    let reference = json!({"$ref": "#/$defs/Args"});
    for (schema, expected) in [
        (json!({}), None),
        (
            json!({"type": ["object"], "properties": null, "required": null}),
            None,
        ),
        (
            json!({"additionalProperties": false, "title": "NoArgs"}),
            None,
        ),
        (
            json!({"properties": {"a": {"type": "string"}}}),
            Some(json!({"properties": {"a": {"type": "string"}}, "type": "object"})),
        ),
        (
            json!({"type": "object", "minProperties": 1}),
            Some(json!({"type": "object", "minProperties": 1})),
        ),
        (
            json!({"type": "object", "additionalProperties": true}),
            Some(json!({"type": "object", "additionalProperties": true})),
        ),
        (
            json!({"type": "object", "unevaluatedProperties": {"type": "string"}}),
            Some(json!({"type": "object", "unevaluatedProperties": {"type": "string"}})),
        ),
        (
            json!({"$ref": "#/$defs/Args", "anyOf": [{"required": ["a"]}], "allOf": [{"required": ["b"]}]}),
            Some(
                json!({"anyOf": [{"required": ["a"]}], "allOf": [{"required": ["b"]}, reference]}),
            ),
        ),
    ] {
        assert_eq!(parameters(schema.clone()), expected, "{schema}");
    }
}

#[test]
fn the_constant_null_is_the_type_null() {
    let schema = json!({"type": "object", "properties": {"a": {"const": null}}});

    let parameters = parameters(schema).expect("parameters");

    assert_eq!(
        parameters["properties"]["a"],
        json!({"anyOf": [{"type": "null"}]})
    );
}

#[test]
fn any_of_next_to_one_of_is_not_lost() {
    let (text, number) = (json!({"type": "string"}), json!({"type": "integer"}));
    let one_of = json!([{"type": "boolean"}, number]);
    let expected = json!({"anyOf": [{"type": "BOOLEAN"}, {"type": "INTEGER"}]});
    let narrow = json!([{"required": ["a"]}, {"required": ["b"]}]);
    for any_of in [json!(null), narrow] {
        assert_eq!(openapi(json!({"anyOf": any_of, "oneOf": one_of})), expected);
    }

    let both = json!({"anyOf": [text, number], "oneOf": one_of});
    let error = Schema::from_json_schema(&both).expect_err("two lists of alternatives");
    assert!(
        error.to_string().contains("both `anyOf` and `oneOf`"),
        "{error}"
    );
}
