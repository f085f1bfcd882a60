//! Checks of the canonical form. The runner makes them first: recordings that are compared in a wrong form prove
//! nothing.

use serde_json::{Value, json};

use super::canonical;

/// Makes all checks. Panics if one fails.
pub(crate) fn run() {
    default_values_are_dropped_except_in_parts_and_settings();
    enums_are_names_and_unknown_numbers_stay();
    numbers_have_one_form();
    free_json_does_not_change();
    names_of_properties_are_not_treated_as_members();
    safety_settings_are_a_set();
}

fn assert_same(one: Value, other: Value) {
    assert_eq!(canonical(&one), canonical(&other));
}

fn default_values_are_dropped_except_in_parts_and_settings() {
    let said = json!({
        "candidates": [{"index": 0, "finishReason": "FINISH_REASON_UNSPECIFIED", "content": {}}],
        "usageMetadata": {"promptTokenCount": 0},
        "modelVersion": "",
    });
    assert_eq!(canonical(&said), json!({"candidates": [{}]}));

    for kept in [
        json!({"parts": [{"text": ""}, {}, {"codeExecutionResult": {}}]}),
        json!({"generationConfig": {"temperature": 0, "topK": 0, "responseLogprobs": false}}),
        json!({"tools": [{"googleSearch": {}}, {}]}),
    ] {
        assert_eq!(canonical(&kept), kept);
    }
}

fn enums_are_names_and_unknown_numbers_stay() {
    assert_same(
        json!({"finishReason": 3}),
        json!({"finishReason": "SAFETY"}),
    );
    assert_same(
        json!({"responseModalities": [1, 2]}),
        json!({"responseModalities": ["TEXT", "IMAGE"]}),
    );
    assert_same(
        json!({"dynamicRetrievalConfig": {"mode": 1}}),
        json!({"dynamicRetrievalConfig": {"mode": "MODE_DYNAMIC"}}),
    );
    assert_same(
        json!({"functionCallingConfig": {"mode": 1}}),
        json!({"functionCallingConfig": {"mode": "AUTO"}}),
    );
    assert_eq!(
        canonical(&json!({"finishReason": 42})),
        json!({"finishReason": 42})
    );
}

fn numbers_have_one_form() {
    assert_same(json!({"topP": 0.123456789}), json!({"topP": 0.12345679}));
    assert_same(json!({"temperature": 2.0}), json!({"temperature": 2}));
    assert_same(json!({"maxItems": "3"}), json!({"maxItems": 3}));
}

fn free_json_does_not_change() {
    let call =
        json!({"functionCall": {"name": "f", "args": {"a": null, "b": "", "mode": 1, "c": {}}}});
    assert_eq!(canonical(&call), call);
    let answer = json!({"functionResponse": {"name": "f", "response": {"index": 0, "x": 1.5}}});
    assert_eq!(canonical(&answer), answer);
    assert_same(json!({"args": {"a": 2.0}}), json!({"args": {"a": 2}}));
    assert!(canonical(&json!({"args": {}})) != canonical(&json!({})));
    // Without a name it is a schema.
    assert_same(
        json!({"response": {"type": 6, "enum": []}}),
        json!({"response": {"type": "OBJECT"}}),
    );
}

fn names_of_properties_are_not_treated_as_members() {
    let schema = json!({"properties": {"index": {"type": 1}, "args": {"type": "STRING"}}});
    let named = json!({"properties": {"index": {"type": "STRING"}, "args": {"type": "STRING"}}});
    assert_eq!(canonical(&schema), named);
    assert_eq!(canonical(&json!({"properties": {}})), json!({}));
}

fn safety_settings_are_a_set() {
    let (one, other) = (
        json!({"category": 7, "threshold": 1}),
        json!({"threshold": 1, "category": 8}),
    );
    assert_same(
        json!({"safetySettings": [one, other]}),
        json!({"safetySettings": [other, one]}),
    );
    assert!(
        canonical(&json!({"parts": [one, other]})) != canonical(&json!({"parts": [other, one]}))
    );
}
