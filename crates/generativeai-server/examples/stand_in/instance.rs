//! The simplest value that conforms to a schema.

use serde_json::{Map, Value, json};

/// Returns a value that conforms to a schema, in the form of OpenAPI or of JSON Schema.
pub(crate) fn instance(schema: &Value) -> Value {
    if let Some(value) = schema["enum"].get(0) {
        return value.clone();
    }
    if let Some(first) = schema.get("anyOf").and_then(|choices| choices.get(0)) {
        return instance(first);
    }
    match schema["type"]
        .as_str()
        .unwrap_or("object")
        .to_ascii_lowercase()
        .as_str()
    {
        "string" => json!("a word"),
        "integer" => json!(schema["minimum"].as_i64().unwrap_or(7)),
        "number" => json!(schema["minimum"].as_f64().unwrap_or(7.5)),
        "boolean" => json!(true),
        "array" => {
            let count = schema["minItems"].as_u64().unwrap_or(1);
            (0..count).map(|_| instance(&schema["items"])).collect()
        }
        "null" => Value::Null,
        _ => {
            let members = schema["properties"]
                .as_object()
                .cloned()
                .unwrap_or_default();
            let members = members
                .iter()
                .map(|(name, schema)| (name.clone(), instance(schema)));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}
