//! Request bodies.

use generativeai::testing::Scripted;
use generativeai_server::{Server, router};
use serde_json::{Value, json};

use crate::support::{hello, post, send};

const PATH: &str = "/v1beta/models/m:generateContent";

/// Returns an object whose member names are data, and must not be converted.
fn free() -> Value {
    json!({"first_name": {"last_name": 1}, "lastName": [{"in_list": true}]})
}

/// Returns one request in both spellings.
fn both() -> [Value; 2] {
    let free = free();
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

/// Row 4 of tests/field.md.
#[tokio::test]
async fn both_spellings_and_numbers_for_enums_are_the_same_request() {
    let script = Scripted::default().then_text("one").then_text("two");
    let router = router(script.clone());
    let [camel, snake] = both();

    for body in [&camel, &snake] {
        let response = send(&router, post(PATH, body.to_string())).await;
        assert_eq!(response.code(), 200, "{}", response.text());
    }

    let [first, second] = &script.requests()[..] else {
        panic!("two requests");
    };
    assert_eq!(first, second);
    assert!(first.unknown.is_empty());
    let mut written = serde_json::to_value(second).expect("JSON");
    assert_eq!(written["labels"]["cost_center"], "a_b");
    let call = &written["contents"][1]["parts"][0]["functionCall"];
    assert_eq!(call["args"], free(), "names that are data are unchanged");
    let declaration = written["tools"][0]["functionDeclarations"][0].take();
    assert_eq!(
        declaration["responseJsonSchema"]["any_of"][0]["min_length"],
        1
    );
    assert_eq!(
        declaration["parameters"]["properties"]["first_name"]["minLength"],
        2
    );
    let schema = &written["generationConfig"]["responseJsonSchema"];
    assert_eq!(schema["properties"]["max_items"]["max_items"], 3);
}

/// Row 19 of tests/field.md: forms that occur in the curl requests of the service's documentation, and similar ones.
#[tokio::test]
async fn one_value_for_a_list_and_enums_in_any_case_are_accepted() {
    let expected = json!({
        "model": "models/m",
        "contents": [{"parts": [{"text": "Hello"}]}],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "safetySettings": [
            {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"},
        ],
        "generationConfig": {"stopSequences": ["END"]},
    });
    let given = json!({
        "contents": {"parts": {"text": "Hello"}},
        "tools": {"functionDeclarations": {"name": "f"}},
        "toolConfig": {"functionCallingConfig": {"mode": "any", "allowedFunctionNames": "f"}},
        "safetySettings": {"category": "harm_category_harassment", "threshold": "Block_None"},
        "generationConfig": {"stopSequences": "END"},
    });
    let single_quotes = given.to_string().replace('"', "'");
    let trailing_commas = given.to_string().replace('}', ",\n}");
    for body in [
        given.to_string(),
        format!("\u{FEFF}{given}\r\n"),
        single_quotes,
        trailing_commas,
    ] {
        let script = Scripted::default().then_text("Hi!");

        let response = send(&router(script.clone()), post(PATH, body)).await;

        assert_eq!(response.code(), 200, "{}", response.text());
        let received = serde_json::to_value(&script.requests()[0]).expect("JSON");
        assert_eq!(received, expected);
    }
}

#[tokio::test]
async fn a_member_under_both_names_is_rejected() {
    let body = r#"{"system_instruction":null,"systemInstruction":null}"#;

    let response = send(&router(Scripted::default()), post(PATH, body)).await;

    let message = response.error()["message"].to_string();
    assert!(message.contains("systemInstruction"), "{message}");
}

#[tokio::test]
async fn unknown_members_are_ignored() {
    let script = Scripted::default().then_text("Hi!");

    let response = send(
        &router(script),
        post(PATH, r#"{"contents":[],"brand_new":{"x_y":[1]}}"#),
    )
    .await;

    assert_eq!(response.code(), 200);
}

#[tokio::test]
async fn an_invalid_request_is_rejected() {
    let router = router(Scripted::default().then_text("never"));

    let deep = format!(
        r#"{{"contents":{}{}}}"#,
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    for body in [
        "{",
        "[]",
        "null",
        "7",
        r#"{"contents":"Hello"}"#,
        r#"{"generationConfig":{"topK":"x"}}"#,
        r#"{"contents":[]} {"contents":[]}"#,
        &deep,
    ] {
        let response = send(&router, post(PATH, body.to_owned())).await;

        response.assert_error(400, "INVALID_ARGUMENT");
    }
}

#[tokio::test]
async fn an_unknown_alt_is_rejected() {
    let response = send(
        &router(Scripted::default()),
        hello("generateContent?alt=proto"),
    )
    .await;

    assert_eq!(response.error()["status"], "INVALID_ARGUMENT");
}

#[tokio::test]
async fn an_error_names_the_path_of_the_member() {
    let body = r#"{"generationConfig":{"topK":"many"}}"#;

    let response = send(&router(Scripted::default()), post(PATH, body)).await;

    let message = response.error()["message"].to_string();
    assert!(message.contains("generationConfig.topK"), "{message}");
}

/// Rows 34 and 35 of tests/field.md.
#[tokio::test]
async fn settings_reach_the_backend_unchanged() {
    let script = Scripted::default().then_text("Hi!");
    let body = json!({
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "safetySettings": [
            {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_MEDIUM_AND_ABOVE"},
        ],
        "generationConfig": {
            "candidateCount": 2,
            "topK": 0,
            "thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": true},
        },
    });

    let response = send(&router(script.clone()), post(PATH, body.to_string())).await;

    assert_eq!(response.code(), 200);
    let mut received = serde_json::to_value(&script.requests()[0]).expect("JSON");
    received.as_object_mut().expect("an object").remove("model");
    assert_eq!(received, body);
}

/// Row 40 of tests/field.md.
#[tokio::test]
async fn the_default_of_max_output_tokens_applies_to_requests_without_it() {
    let script = Scripted::always("Hi!");
    let router = Server::new(script.clone())
        .max_output_tokens(512)
        .into_router();

    for body in [
        "{}",
        r#"{"generationConfig":{"temperature":0.5}}"#,
        r#"{"generationConfig":{"maxOutputTokens":4000}}"#,
        r#"{"generationConfig":null}"#,
        r#"{"generation_config":{"max_output_tokens":null}}"#,
        r#"{"generation_config":{"max_output_tokens":"70"}}"#,
    ] {
        assert_eq!(send(&router, post(PATH, body)).await.code(), 200);
    }
    let stream = hello("streamGenerateContent?alt=sse");
    assert_eq!(send(&router, stream).await.code(), 200);

    let limits: Vec<_> = script
        .requests()
        .into_iter()
        .map(|request| {
            request
                .generation_config
                .and_then(|config| config.max_output_tokens)
        })
        .collect();
    let set = [512, 512, 4000, 512, 512, 70, 512].map(Some);
    assert_eq!(limits, set);
}
