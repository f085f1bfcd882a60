//! References in schemas: merged, and limited.

use serde_json::{Map, json};

use super::{openapi, refused};
use crate::protocol::schema::Schema;

#[test]
fn a_schema_that_expands_exponentially_is_refused() {
    let mut defs = json!({"d0": {"type": "string"}});
    for level in 1..40 {
        let below = format!("#/$defs/d{}", level - 1);
        defs[format!("d{level}")] =
            json!({"properties": {"a": {"$ref": below}, "b": {"$ref": below}}});
    }

    let message = refused(json!({"$defs": defs, "$ref": "#/$defs/d39"}));
    assert!(message.contains("is too large"), "{message}");
}

#[test]
fn a_schema_of_two_bases_with_a_common_base_is_merged() {
    let defs = json!({
        "pet": {"type": "object", "properties": {"name": {"type": "string"}}},
        "mammal": {"allOf": [{"$ref": "#/$defs/pet"}, {"properties": {"legs": {"type": "integer"}}}]},
    });
    let bases = [
        json!({"$ref": "#/$defs/pet"}),
        json!({"$ref": "#/$defs/mammal"}),
    ];

    let dog = openapi(json!({"$defs": defs, "allOf": bases}));

    let named = json!({"name": {"type": "STRING"}, "legs": {"type": "INTEGER"}});
    assert_eq!(dog["properties"], named);
}

#[test]
fn long_chains_of_references_are_refused() {
    for link in [
        |below| json!({"$ref": below}),
        |below| json!({"allOf": [{"$ref": below}, {"$ref": below}]}),
        |below| json!({"anyOf": [{"$ref": below}]}),
        |below| json!({"anyOf": [{"$ref": below}, {"type": "string"}]}),
    ] {
        let mut defs = Map::from_iter([("d0".to_owned(), json!({"type": "string"}))]);
        for level in 1..10_000 {
            defs.insert(format!("d{level}"), link(format!("#/$defs/d{}", level - 1)));
        }
        assert!(Schema::from_json_schema(&json!({"$defs": defs, "$ref": "#/$defs/d9"})).is_ok());

        let message = refused(json!({"$defs": defs, "$ref": "#/$defs/d9999"}));
        assert!(message.contains("is too large"), "{message}");
    }
}
