//! Tests of the lenient parser.

use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::safety::HarmCategory;
use generativeai::protocol::schema::Type;
use generativeai::protocol::tokens::CountTokensRequest;
use generativeai::protocol::tools::FunctionCallingMode;
use serde_json::{Value, json};

use super::*;

fn request(value: Value) -> GenerateContentRequest {
    parse(value.to_string().as_bytes()).expect("a request")
}

/// One request in both spellings.
fn both() -> [Value; 2] {
    let free = json!({"first_name": {"last_name": 1}, "lastName": [{"in_list": true}]});
    [
        json!({
            "systemInstruction": {"parts": [{"text": "be brief"}]},
            "contents": [
                {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]},
                {"role": "model", "parts": [
                    {"functionCall": {"name": "look_up", "args": free}, "thoughtSignature": "c2ln"},
                ]},
                {"role": "user", "parts": [{"functionResponse": {"name": "look_up", "response": free}}]},
            ],
            "tools": [{"functionDeclarations": [{
                "name": "look_up",
                "parameters": {
                    "type": "OBJECT",
                    "properties": {"first_name": {"type": "STRING", "minLength": "2"}},
                    "propertyOrdering": ["first_name"],
                },
                "responseJsonSchema": {"any_of": [{"min_length": 1}]},
            }]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look_up"]}},
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
            "generationConfig": {
                "maxOutputTokens": 5,
                "responseJsonSchema": {"properties": {"max_items": {"max_items": 3}}},
            },
            "labels": {"cost_center": "a_b"},
        }),
        json!({
            "system_instruction": {"parts": [{"text": "be brief"}]},
            "contents": [
                {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "AA=="}}]},
                {"role": "model", "parts": [
                    {"function_call": {"name": "look_up", "args": free}, "thought_signature": "c2ln"},
                ]},
                {"role": "user", "parts": [{"function_response": {"name": "look_up", "response": free}}]},
            ],
            "tools": [{"function_declarations": [{
                "name": "look_up",
                "parameters": {
                    "type": 6,
                    "properties": {"first_name": {"type": 1, "min_length": 2}},
                    "property_ordering": ["first_name"],
                },
                "response_json_schema": {"any_of": [{"min_length": 1}]},
            }]}],
            "tool_config": {"function_calling_config": {"mode": 2, "allowed_function_names": ["look_up"]}},
            "safety_settings": [{"category": 7, "threshold": 4}],
            "generation_config": {
                "max_output_tokens": "5",
                "response_json_schema": {"properties": {"max_items": {"max_items": 3}}},
            },
            "labels": {"cost_center": "a_b"},
        }),
    ]
}

#[test]
fn both_spellings_are_parsed_to_the_same_request() {
    let [camel, snake] = both();

    let parsed = request(camel.clone());

    assert_eq!(parsed, request(snake));
    assert_eq!(parsed, serde_json::from_value(camel).expect("a request"));
    assert!(parsed.unknown.is_empty());
}

#[test]
fn names_that_are_data_are_unchanged() {
    let [_, snake] = both();

    let written = serde_json::to_value(request(snake)).expect("JSON");

    let call = &written["contents"][1]["parts"][0]["functionCall"];
    assert_eq!(call["args"]["first_name"]["last_name"], 1);
    assert_eq!(call["args"]["lastName"][0]["in_list"], true);
    let declaration = &written["tools"][0]["functionDeclarations"][0];
    assert_eq!(
        declaration["parameters"]["properties"]["first_name"]["minLength"],
        2
    );
    assert_eq!(
        declaration["responseJsonSchema"]["any_of"][0]["min_length"],
        1
    );
    let schema = &written["generationConfig"]["responseJsonSchema"];
    assert_eq!(schema["properties"]["max_items"]["max_items"], 3);
    assert_eq!(written["labels"]["cost_center"], "a_b");
}

#[test]
fn enums_are_accepted_by_number() {
    let [_, snake] = both();

    let parsed = request(snake);

    let config = parsed
        .tool_config
        .expect("a config")
        .function_calling_config
        .expect("a config");
    assert_eq!(config.mode, Some(FunctionCallingMode::Any));
    assert_eq!(
        parsed.safety_settings[0].category,
        Some(HarmCategory::Harassment)
    );
    let declaration = &parsed.tools[0].function_declarations[0];
    let parameters = declaration.parameters.as_ref().expect("parameters");
    assert_eq!(parameters.r#type, Some(Type::Object));
}

#[test]
fn a_nested_request_is_parsed_the_same_way() {
    let json = br#"{"generate_content_request":{"generation_config":{"top_k":3}}}"#;

    let count: CountTokensRequest = parse(json).expect("a request");

    let inner = count.generate_content_request.expect("the whole request");
    assert_eq!(inner.generation_config.expect("a config").top_k, Some(3));
}

#[test]
fn a_member_under_both_names_is_an_error() {
    let json = br#"{"system_instruction":null,"systemInstruction":null}"#;

    let error = parse::<GenerateContentRequest>(json).unwrap_err();

    assert!(error.to_string().contains("systemInstruction"), "{error}");
}

#[test]
fn json_that_is_nested_too_deeply_is_an_error() {
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();

    assert!(parse::<GenerateContentRequest>(deep.as_bytes()).is_err());
}

#[test]
fn an_error_names_the_path_of_the_member() {
    let json = br#"{"contents":[{"parts":[{"text":"a"},{"inline_data":{"mime_type":7}}]}]}"#;

    let error = parse::<GenerateContentRequest>(json).unwrap_err();

    assert!(
        error
            .to_string()
            .starts_with("contents[0].parts[1].inlineData.mimeType: "),
        "{error}"
    );
}
