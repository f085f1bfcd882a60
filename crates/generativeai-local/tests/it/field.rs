//! More inputs of the kinds that real programs and gateways send. `tests/field.md` in the root of the repository lists
//! the rows.

use serde_json::{Value, json};

use crate::support::{ask, config, in_json, tiny, tool, with};

/// Checks that a model accepts each request.
async fn accepts<const N: usize>(name: &str, requests: [Value; N]) {
    let local = tiny(name, |builder| builder);
    for more in requests {
        let text = more.to_string();
        let reply = ask(&local, with(more)).await;
        assert!(reply.is_ok(), "{text}: {reply:?}");
    }
}

/// Row 9 of tests/field.md.
#[tokio::test]
async fn references_in_the_schema_of_a_function_are_followed() {
    accepts("references_in_the_schema_of_a_function_are_followed", [
        tool(json!({"$defs": {"a b/c": {"type": "string"}}, "type": "object", "properties": {"x": {"$ref": "#/$defs/a%20b~1c"}}})),
        tool(json!({"$id": "https://example.com/tool.json", "type": "object", "properties": {"x": {"$ref": "https://example.com/tool.json#/$defs/p"}, "y": {"$ref": "tool.json#/$defs/p"}}, "$defs": {"p": {"type": "string"}}})),
        tool(json!({"type": "object", "properties": {"a": {"type": "object", "properties": {"n": {"type": "integer"}}}, "b": {"$ref": "#/properties/a"}, "c": {"$ref": "#/properties/a/properties/n"}}})),
        tool(json!({"type": "object", "properties": {"a": {"$ref": "#/components/schemas/P"}}, "components": {"schemas": {"P": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/P"}}}}}})),
        tool(json!({"$dynamicAnchor": "node", "type": "object", "properties": {"kids": {"type": "array", "items": {"$dynamicRef": "#node"}}}})),
        tool(json!({"type": "object", "properties": {"x": {"$ref": "https://example.com/other.json"}}})),
        tool(json!({"type": "object", "properties": {"x": {"$defs": {"i": {"type": "integer"}}, "$ref": "#/properties/x/$defs/i"}}})),
    ])
    .await;
}

/// Rows 10, 11 and 39 of tests/field.md.
#[tokio::test]
async fn schemas_that_programs_generate_are_accepted() {
    let object =
        |schema: Value| json!({"type": "object", "properties": {"a": schema}, "required": ["a"]});
    accepts("schemas_that_programs_generate_are_accepted", [
        tool(object(json!({"type": "string", "pattern": "^\\p{L}+$"}))),
        tool(object(json!({"type": "string", "pattern": "(a|b)\\1"}))),
        tool(object(json!({"type": "string", "pattern": "^(?<year>\\d{4})\\b"}))),
        tool(object(json!({"type": "string", "pattern": "[^[:alpha:]]"}))),
        tool(object(json!({"type": "string", "pattern": "("}))),
        tool(object(json!({"type": "string", "pattern": "/^[a-z]+$/i"}))),
        tool(object(json!({"type": "number", "multipleOf": 0.01, "minimum": -1e308, "exclusiveMaximum": 1e308}))),
        tool(object(json!({"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png", "contentSchema": {}}))),
        tool(object(json!({"type": "object", "dependentSchemas": {"a": {"required": ["b"]}}, "if": {"required": ["x"]}, "else": false}))),
        tool(object(json!({"type": "array", "contains": {"type": "integer"}, "minContains": 2, "maxItems": 100000}))),
        tool(object(json!({"enum": ["a", 1, null, {"b": []}, true]}))),
        tool(object(json!({"const": {"b": [1, "x"]}}))),
        tool(object(json!({"type": "string", "minLength": 1, "maxLength": 1000000}))),
        tool(object(json!({"type": "string", "format": "regex", "deprecated": true, "readOnly": true, "$comment": "c", "x-order": 1, "example": 1, "examples": {"a": 1}, "xml": {}, "externalDocs": {}}))),
        tool(json!({"type": "object", "properties": null, "required": null, "title": null, "description": null})),
        tool(json!({"type": "object", "properties": {"a": {"type": "string", "enum": null, "default": null, "format": null}}})),
        tool(json!({"type": "object", "properties": {"a": {"type": "array"}, "b": {}, "c": true, "d": {"type": ["string", "number", "null"]}}, "required": ["a", "a", "zz"]})),
        tool(json!({"type": "object", "properties": {"a": {"oneOf": [{"type": "object", "properties": {"kind": {"const": "x"}}, "required": ["kind"]}, {"type": "object", "properties": {"kind": {"const": "y"}}, "required": ["kind"]}], "discriminator": {"propertyName": "kind"}}}})),
        tool(json!({"type": "object", "properties": {"a": {"type": "string", "not": {"enum": ["x"]}}}, "minProperties": 1, "propertyNames": {"pattern": "^[a-z]"}})),
        tool(json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}], "additionalProperties": false})),
        tool(json!({"type": "object", "properties": {"a": {"anyOf": []}}})),
        tool(json!({"type": "object", "properties": {"a": {"enum": []}}})),
        tool(json!({"type": "object", "properties": {"a": {"type": "any"}}})),
        tool(json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 0, "exclusiveMinimum": "0", "maximum": "9"}}})),
        tool(json!({"type": "object", "properties": {"a": {"type": "array", "minItems": 2.0, "items": {"type": "string"}}}})),
        tool(json!({"type": "object", "properties": {"a": {"type": "string", "required": true}}})),
        tool(json!({"type": "object", "properties": {"a": {"type": "string", "required": "true"}}, "required": "a"})),
        tool(json!({"type": "object", "properties": [], "required": []})),
        tool(object(json!({"type": "array", "prefixItems": [], "items": false}))),
        tool(object(json!({"type": "array", "items": []}))),
        tool(json!({"type": "object", "properties": {"a": {"not": {}}, "b": {"type": "string"}}})),
        tool(object(json!({"type": "string", "enum": [1, 2]}))),
        tool(object(json!({"type": ["string", "string"], "title": 5, "description": ["x"], "not": null}))),
        tool(json!({"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}}, "$defs": {"A": {"type": "string"}}})),
        tool(json!({"allOf": [{"$ref": "#/$defs/Base"}, {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]}],
            "$defs": {"Base": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}}})),
        tool(json!({})), tool(json!(null)), tool(json!(true)),
        tool(json!({"type": ["object", "null"], "properties": {"a": {"type": "string"}}})),
        tool(json!({"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "null"}]})),
        tool(json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object"}}})),
    ])
    .await;
}

/// Row 33 of tests/field.md.
#[tokio::test]
async fn json_may_be_asked_for_in_every_spelling() {
    accepts("json_may_be_asked_for_in_every_spelling", [
        in_json(json!({})), in_json(json!(true)), in_json(json!(null)),
        config(json!({"responseMimeType": "application/json; charset=utf-8"})),
        config(json!({"responseMimeType": "Application/JSON"})),
        config(json!({"responseMimeType": ""})),
        config(json!({"responseMimeType": "text/plain; charset=utf-8"})),
        config(json!({"responseMimeType": "application/json", "responseSchema": {}})),
        config(json!({"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}})),
        config(json!({"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "format": "enum", "enum": ["a", "b"]}})),
    ])
    .await;
}

/// Rows 34 and 35 of tests/field.md.
#[tokio::test]
async fn settings_that_change_nothing_are_accepted() {
    accepts("settings_that_change_nothing_are_accepted", [
        config(json!({"thinkingConfig": {"thinkingBudget": -1}})),
        config(json!({"thinkingConfig": {"includeThoughts": true}})),
        config(json!({"thinkingConfig": {"thinkingLevel": "MINIMAL", "includeThoughts": false}})),
        config(json!({"thinkingConfig": {"thinkingBudget": 32768, "thinkingLevel": "HIGH"}})),
        config(json!({"thinkingConfig": {}})),
        config(json!({"topP": 1, "topK": 64, "temperature": 0, "seed": -1, "presencePenalty": 0, "frequencyPenalty": 0.0})),
        config(json!({"topP": 0})), config(json!({"topK": 100000})), config(json!({"temperature": 2})),
        config(json!({"candidateCount": 0})),
        config(json!({"maxOutputTokens": 65536, "stopSequences": ["H", "i", "a", "e", "o", " "]})),
        config(json!({"mediaResolution": "MEDIA_RESOLUTION_LOW"})),
        config(json!({"responseModalities": ["TEXT", "TEXT"]})), config(json!({"responseModalities": []})),
        config(json!({"responseLogprobs": false})), config(json!({"responseLogprobs": true, "logprobs": 0})),
        config(json!({"logprobs": 0})),
        config(json!({"audioTimestamp": false, "enableEnhancedCivicAnswers": false, "routingConfig": {}})),
        json!({"labels": {"a": "b"}, "serviceTier": "FLEX", "store": false}),
        json!({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}),
        json!({"toolConfig": {"functionCallingConfig": {"mode": "NONE"}, "retrievalConfig": {"languageCode": "en"}}}),
        json!({"toolConfig": {"functionCallingConfig": {"mode": "VALIDATED", "streamFunctionCallArguments": true}, "includeServerSideToolInvocations": true}}),
        json!({"toolConfig": {}}), json!({"tools": [{}]}), json!({"tools": []}), json!({"tools": [{"functionDeclarations": []}]}),
        json!({"safetySettings": [{"category": "HARM_CATEGORY_UNSPECIFIED", "threshold": "BLOCK_ONLY_HIGH", "method": "SEVERITY"}]}),
        json!({"systemInstruction": {"parts": [{"text": ""}]}}),
        json!({"systemInstruction": {"role": "model", "parts": [{"text": "Be brief."}]}}),
        json!({"systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]}}),
        json!({"contents": [{"role": "", "parts": [{"text": "Hi"}]}]}),
        json!({"contents": [{"role": "system", "parts": [{"text": "Be brief."}]}, {"role": "user", "parts": [{"text": "Hi"}]}]}),
        json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}]}),
        json!({"contents": [{"role": "user", "parts": [{"text": "Hi", "thought": null, "partMetadata": {}}]}, {"role": "model", "parts": [{"text": ""}]}, {"role": "user", "parts": [{"text": "Hi"}]}]}),
    ])
    .await;
}

/// Row 20 of tests/field.md.
#[tokio::test]
async fn text_is_read_in_every_encoding() {
    accepts("text_is_read_in_every_encoding", [
        json!({"contents": [{"parts": [{"inlineData": {"mimeType": "application/json", "data": "e30"}}]}]}),
        json!({"contents": [{"parts": [{"inlineData": {"mimeType": "text/plain", "data": "Z3LDvG4_"}}]}]}),
        json!({"contents": [{"parts": [{"inlineData": {"mimeType": "text/html", "data": "Z3LD\nvG4="}}]}]}),
        json!({"contents": [{"parts": [{"inlineData": {"data": "aGk="}}]}]}),
        json!({"contents": [{"parts": [{"inlineData": {"mimeType": "text/plain; charset=windows-1252", "data": "Z3L8bg=="}}]}]}),
    ])
    .await;
}

/// Row 37 of tests/field.md.
#[tokio::test]
async fn types_are_read_in_any_case() {
    accepts("types_are_read_in_any_case", [
        tool(json!({"type": "OBJECT", "properties": {"a": {"type": ["STRING", "NULL"], "format": "enum", "enum": ["x"], "nullable": true}, "b": {"anyOf": [{"type": "Integer"}, {"$ref": "#/$defs/X"}]}}, "$defs": {"X": {"type": "ARRAY", "items": {"type": "Number"}}}, "propertyOrdering": ["b", "a"]})),
        in_json(json!({"type": "ARRAY", "prefixItems": [{"type": "STRING"}], "items": false, "minItems": "1"})),
        in_json(json!({"type": "OBJECT", "additionalProperties": {"type": "TYPE_UNSPECIFIED"}})),
        in_json(json!({"type": "Object", "patternProperties": {"^x": {"type": "BOOLEAN"}}})),
        config(json!({"responseMimeType": "application/json", "responseSchema": {"type": "object", "properties": {"a": {"type": "string", "nullable": true}}, "property_ordering": ["a"]}})),
        config(json!({"responseMimeType": "application/json", "responseSchema": {"anyOf": [{"type": "integer"}, {"type": "null"}]}})),

    ])
    .await;
}

/// Row 18 of tests/field.md: the template opens the thoughts itself, and each thought would end at the stop sequence.
#[tokio::test]
async fn stop_sequences_apply_to_the_answer_and_not_to_the_thoughts() {
    let template = "{% for m in messages %}{{ m.content }}\n{% endfor %}<think>\n";
    let local = tiny(
        "stop_sequences_apply_to_the_answer_and_not_to_the_thoughts",
        |builder| builder.chat_template(template),
    );
    let thoughts = |stop: Value| {
        let settings = json!({
            "temperature": 0, "maxOutputTokens": 60, "stopSequences": stop,
            "thinkingConfig": {"thinkingBudget": 9, "includeThoughts": true},
        });
        let reply = ask(&local, with(config(settings)));
        async move { reply.await.expect("a reply").thoughts() }
    };

    let free = thoughts(json!([])).await;
    let first = free.chars().next().expect("thoughts").to_string();

    assert_eq!(thoughts(json!([first])).await, free);
}
