//! More inputs of the kinds that real programs, gateways and models produce. `tests/field.md` lists the rows.

use std::sync::{Arc, Mutex};

use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{GenerateContentResponse, UsageMetadata};
use generativeai::protocol::safety::{HarmSeverity, SafetyRating, SafetySetting};
use generativeai::protocol::schema::Schema;
use generativeai::testing::Scripted;
use generativeai::{ErrorKind, Function, GenerativeModel};
use serde_json::{Value, json};

fn chunk(json: Value) -> GenerateContentResponse {
    serde_json::from_value(json).expect("a response")
}

/// Row 3 of tests/field.md: only the first candidate counts, wherever it comes.
#[tokio::test]
async fn the_other_candidate_neither_calls_functions_nor_ends_the_reply() {
    let call = json!({"functionCall": {"name": "ring", "args": {}}});
    let text = |text: &str| json!([{ "text": text }]);
    for chunks in [
        vec![
            json!({"candidates": [{"index": 1, "content": {"parts": [call]}, "finishReason": "STOP"}]}),
            json!({"candidates": [{"content": {"parts": text("first")}, "finishReason": "STOP"}]}),
        ],
        vec![
            json!({"candidates": [{"index": 1, "content": {"parts": text("b")}, "finishReason": "SAFETY"}]}),
            json!({"candidates": [{"index": 0, "content": {"parts": text("fi")}}]}),
            json!({"candidates": [{"index": null, "content": {"parts": text("rst")}, "finishReason": "STOP"}]}),
        ],
        vec![json!({"candidates": [
            {"index": "1", "content": {"parts": text("b")}, "finishReason": "STOP"},
            {"index": "0", "content": {"parts": text("first")}, "finishReason": "STOP"},
        ]})],
    ] {
        let script = Scripted::default().then_stream(chunks.into_iter().map(chunk));
        let rung = Arc::new(Mutex::new(0));
        let count = Arc::clone(&rung);
        let ring = Function::new("ring", "Rings.", move || *count.lock().unwrap() += 1);
        let model = GenerativeModel::new("m").tools(ring).backend(script);
        let mut chat = model.start_chat().automatic_function_calling(true);

        let reply = chat.send_message("Go").stream().finish().await.unwrap();

        assert_eq!(chat.history()[1].text(), "first");
        assert_eq!(json!(reply.candidates[1])["index"], 1);
        assert_eq!(*rung.lock().unwrap(), 0);
    }
}

/// Row 4 of tests/field.md.
#[test]
fn snake_case_is_read_at_every_depth() {
    for (snake, camel) in [
        (
            json!({"prompt_feedback": {"block_reason": "SAFETY", "safety_ratings": [
                {"category": "HARM_CATEGORY_HARASSMENT", "probability_score": 0.5}]}}),
            json!({"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": [
                {"category": "HARM_CATEGORY_HARASSMENT", "probabilityScore": 0.5}]}}),
        ),
        (
            json!({"usage_metadata": {"prompt_tokens_details": [{"modality": "TEXT", "token_count": 3}],
                "thoughts_token_count": 2}, "model_version": "m", "response_id": "r"}),
            json!({"usageMetadata": {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}],
                "thoughtsTokenCount": 2}, "modelVersion": "m", "responseId": "r"}),
        ),
        (
            json!({"candidates": [{"grounding_metadata": {"web_search_queries": ["q"], "grounding_supports": [
                {"grounding_chunk_indices": [0], "segment": {"end_index": 4}}]}}]}),
            json!({"candidates": [{"groundingMetadata": {"webSearchQueries": ["q"], "groundingSupports": [
                {"groundingChunkIndices": [0], "segment": {"endIndex": 4}}]}}]}),
        ),
        (
            json!({"candidates": [{"content": {"parts": [{"function_call": {"name": "f", "will_continue": true,
                "partial_args": [{"json_path": "$.a_b", "string_value": "x", "will_continue": true}]}}]}}]}),
            json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "willContinue": true,
                "partialArgs": [{"jsonPath": "$.a_b", "stringValue": "x", "willContinue": true}]}}]}}]}),
        ),
        (
            json!({"candidates": [{"logprobs_result": {"chosen_candidates": [{"token_id": 1, "log_probability": -1.0}]},
                "url_context_metadata": {"url_metadata": [{"retrieved_url": "u"}]}}]}),
            json!({"candidates": [{"logprobsResult": {"chosenCandidates": [{"tokenId": 1, "logProbability": -1.0}]},
                "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "u"}]}}]}),
        ),
    ] {
        assert_eq!(json!(chunk(snake)), camel);
    }
}

/// Row 5 of tests/field.md.
#[tokio::test]
async fn one_safety_setting_of_a_category_is_sent_however_it_is_written() {
    let setting = |category: &str, threshold: &str| -> SafetySetting {
        serde_json::from_value(json!({"category": category, "threshold": threshold})).unwrap()
    };
    let script = Scripted::always("Hi");
    let model = GenerativeModel::new("m")
        .backend(script.clone())
        .safety_settings([
            setting("HARM_CATEGORY_HARASSMENT", "BLOCK_NONE"),
            setting("harm_category_harassment", "OFF"),
            setting("HARM_CATEGORY_CIVIC_INTEGRITY", "OFF"),
        ]);
    let mut chat = model.start_chat();

    chat.send_message("Hi")
        .safety_settings([
            setting("harassment", "BLOCK_ONLY_HIGH"),
            setting("HARM_CATEGORY_BRAND_NEW", "OFF"),
            setting("HARM_CATEGORY_BRAND_NEW", "BLOCK_NONE"),
            setting("civic_integrity", "BLOCK_NONE"),
        ])
        .await
        .unwrap();

    assert_eq!(
        json!(script.requests()[0].safety_settings),
        json!([
            {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"},
            {"category": "HARM_CATEGORY_CIVIC_INTEGRITY", "threshold": "BLOCK_NONE"},
            {"category": "HARM_CATEGORY_BRAND_NEW", "threshold": "BLOCK_NONE"},
        ])
    );
}

/// Row 7 of tests/field.md.
#[test]
fn sums_of_counts_are_right_or_absent() {
    let sum = |usages: &[Value]| {
        let mut sum = UsageMetadata::default();
        for usage in usages {
            sum.add(&serde_json::from_value(usage.clone()).unwrap());
        }
        json!(sum)
    };
    for (usages, name, total) in [
        // A total alone, and one that a gateway left out.
        (
            json!([{"totalTokenCount": 50}, {"promptTokenCount": 40, "candidatesTokenCount": 7}]),
            "totalTokenCount",
            json!(97),
        ),
        // Thoughts and tool results are part of the total.
        (
            json!([{"promptTokenCount": 1, "thoughtsTokenCount": 5, "toolUsePromptTokenCount": 3}, {"totalTokenCount": 2}]),
            "totalTokenCount",
            json!(11),
        ),
        // Cached tokens are not.
        (
            json!([{"promptTokenCount": 9, "cachedContentTokenCount": 8}, {"promptTokenCount": 1}]),
            "totalTokenCount",
            json!(10),
        ),
        (
            json!([{"promptTokenCount": 9}, {"promptTokenCount": 1, "cachedContentTokenCount": 1}]),
            "cachedContentTokenCount",
            json!(1),
        ),
        (
            json!([{"totalTokenCount": i32::MAX}, {"totalTokenCount": 1}]),
            "totalTokenCount",
            json!(i32::MAX),
        ),
        (
            json!([{}, {"trafficType": "ON_DEMAND"}]),
            "totalTokenCount",
            json!(null),
        ),
    ] {
        assert_eq!(sum(usages.as_array().unwrap())[name], total, "{usages}");
    }
}

/// Row 12 of tests/field.md.
#[test]
fn the_openapi_form_has_only_what_the_service_takes() {
    for (schema, expected) in [
        (
            json!({"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}},
                "required": ["a", "b"]}}),
            json!({"type": "ARRAY", "items": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}},
                "required": ["a"]}}),
        ),
        (
            json!({"type": ["string", "null"], "enum": ["", "x", null]}),
            json!({"type": "STRING", "format": "enum", "nullable": true, "enum": ["x"]}),
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": "a"}),
            json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}),
        ),
        (
            json!({"type": "object", "required": ["c"], "allOf": [
                {"properties": {"a": {"const": ""}}, "required": ["a", "b"]}], "properties": {"c": {"type": "string", "format": "email", "examples": []}}}),
            json!({"type": "OBJECT", "properties": {"c": {"type": "STRING"}, "a": {"type": "STRING"}},
                "required": ["c", "a"]}),
        ),
        (
            // Zod: several patterns, an object that may have other members, a member that is never there.
            json!({"type": "object", "properties": {
                "a": {"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "b$"}]},
                "b": {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": {}},
                "c": {"not": {}}, "d": false}}),
            json!({"type": "OBJECT", "properties": {"a": {"type": "STRING", "pattern": "^a"},
                "b": {"type": "OBJECT", "properties": {"x": {"type": "STRING"}}}}}),
        ),
        (
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/Foo%20Bar"}, "b": {"$ref": "#x"},
                "c": {"$ref": null, "type": "string"}},
                "$defs": {"Foo Bar": {"type": "string"}, "X": {"$anchor": "x", "type": "integer"}},
                "additionalProperties": null}),
            json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "INTEGER"},
                "c": {"type": "STRING"}}}),
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string", "enum": ["", "x"]}},
                "anyOf": [{"required": ["a"]}, {"required": ["z"]}]}),
            json!({"type": "OBJECT", "properties": {"a": {"type": "STRING", "format": "enum", "enum": ["x"]}}}),
        ),
    ] {
        let read = Schema::from_json_schema(&schema).expect("a convertible schema");
        assert_eq!(json!(read), expected);
    }
}

/// Rows 19 and 28 of tests/field.md.
#[test]
fn requests_are_read_as_proto_json_reads_them() {
    for (given, expected) in [
        (
            json!({"generationConfig": {"maxOutputTokens": "100", "temperature": "0.5", "topK": 40.0, "seed": "1e2",
                "responseLogprobs": "true", "responseModalities": "text", "mediaResolution": "media_resolution_low"}}),
            json!({"generationConfig": {"maxOutputTokens": 100, "temperature": 0.5, "topK": 40, "seed": 100,
                "responseLogprobs": true, "responseModalities": ["TEXT"], "mediaResolution": "MEDIA_RESOLUTION_LOW"}}),
        ),
        (
            json!({"generation_config": {"thinking_config": {"thinking_level": "High", "include_thoughts": true}},
                "service_tier": "Flex"}),
            json!({"generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": true}},
                "serviceTier": "flex"}),
        ),
        (
            json!({"tools": {"google_search": {}, "functionDeclarations": {"name": "f", "behavior": "non_blocking",
                "parameters": {"type": "Object", "required": "a", "properties": {"a": {"type": "string", "enum": "x"}}}}},
                "contents": {"role": "USER", "parts": null}}),
            json!({"tools": [{"googleSearch": {}, "functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING",
                "parameters": {"type": "OBJECT", "required": ["a"], "properties": {"a": {"type": "STRING", "enum": ["x"]}}}}]}],
                "contents": [{"role": "user"}]}),
        ),
    ] {
        let request: GenerateContentRequest = serde_json::from_value(given).expect("a request");
        assert_eq!(json!(request), expected);
    }
}

/// Row 25 of tests/field.md.
#[tokio::test]
async fn a_call_with_an_argument_that_cannot_be_put_together_never_runs() {
    for arg in [
        json!({"jsonPath": "$.a[1]", "stringValue": "b"}),
        json!({"jsonPath": "$.a", "structValue": {"b": 1}}),
        json!({"jsonPath": "$.a.b", "numberValue": 1}),
        json!({"stringValue": "b"}),
    ] {
        let reply = chunk(
            json!({"candidates": [{"finishReason": "STOP", "content": {"parts": [
            {"functionCall": {"name": "ring", "partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}, arg]}}]}}]}),
        );
        let rung = Arc::new(Mutex::new(0));
        let count = Arc::clone(&rung);
        let ring = Function::new("ring", "Rings.", move || *count.lock().unwrap() += 1);
        let script = Scripted::default().then_stream([reply]);
        let model = GenerativeModel::new("m").tools(ring).backend(script);
        let mut chat = model.start_chat().automatic_function_calling(true);

        let error = chat.send_message("Go").stream().finish().await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Truncated, "{arg}");
        assert_eq!(*rung.lock().unwrap(), 0, "{arg}");
        assert!(chat.history().is_empty(), "{arg}");
    }
}

/// Row 16 of tests/field.md.
#[tokio::test]
async fn the_functions_are_listed_whatever_the_model_called() {
    for name in [
        "functions.ring",
        "ring ",
        "ring()",
        "ring_bell",
        "print",
        "ring\n",
    ] {
        let script = Scripted::default()
            .then_call(name, json!({}))
            .then_text("ok");
        let ring = Function::new("ring", "Rings.", || ());
        let model = GenerativeModel::new("m").tools(ring).backend(script);
        let mut chat = model.start_chat().automatic_function_calling(true);

        chat.send_message("Go").await.unwrap();

        let error = format!("unknown function `{name}`: call one of `ring`");
        let answer = json!(chat.history()[2].parts)[0]["functionResponse"]["response"].clone();
        assert_eq!(answer, json!({ "error": error }));
    }
}

/// Row 29 of tests/field.md: members that a message sets are in each of its requests, and in the requests of a retry.
#[tokio::test]
async fn members_of_a_message_are_sent_in_every_round_and_retry() {
    let script = Scripted::default()
        .then_call("ring", json!({}))
        .then_text("ok")
        .then_fail(&[])
        .then_text("ok");
    let ring = Function::new("ring", "Rings.", || ());
    let model = GenerativeModel::new("m")
        .tools(ring)
        .labels([("team", "a")])
        .request_member("brandNew", json!({"deep": [null, 1.50]}))
        .backend(script.clone());
    let mut chat = model.start_chat().automatic_function_calling(true);

    for _ in 0..2 {
        let message = chat
            .send_message("Go")
            .service_tier("PRIORITY")
            .store(false);
        let message = message.request_member("other", json!(null));
        if message.await.is_err() {
            chat.retry().await.unwrap();
        }
    }

    let requests = script.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        let sent = json!(request);
        assert_eq!(sent["labels"], json!({"team": "a"}));
        assert_eq!(sent["brandNew"], json!({"deep": [null, 1.5]}));
        assert_eq!(
            (&sent["serviceTier"], &sent["store"]),
            (&json!("priority"), &json!(false))
        );
        assert_eq!(sent.get("other"), Some(&json!(null)));
    }
}

/// Row 24 of tests/field.md: what a caller wrote, as it was written.
#[tokio::test]
async fn messages_about_unknown_values_contain_no_rust_syntax() {
    let model = GenerativeModel::new("m").backend(Scripted::always("Hi"));
    let history: Vec<Content> = serde_json::from_value(json!([
        {"role": "narrator", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [{"text": "Hi"}]},
    ]))
    .unwrap();
    let stopped = chunk(json!({"candidates": [{
        "content": {"parts": [{"text": "Hi"}]}, "finishReason": "BRAND_NEW",
    }]}));
    let blocked = chunk(json!({"promptFeedback": {"blockReason": "BRAND_NEW"}}));
    let mut errors = vec![
        model
            .start_chat()
            .with_history(history)
            .check()
            .unwrap_err(),
        Schema::from_json_schema(&json!({"type": "brand_new"})).unwrap_err(),
        Schema::from_json_schema(&json!({"type": "array", "items": {"enum": [null, 1]}}))
            .unwrap_err(),
    ];
    for reply in [stopped, blocked] {
        let script = Scripted::default().then_stream([reply]);
        let model = GenerativeModel::new("m").backend(script);
        errors.push(model.start_chat().send_message("Hi").await.unwrap_err());
    }
    for error in errors {
        let message = format!("{error:#}");
        for rust in ["Unknown(", "Some(", "None", "::", "\\\"", "Role", "{"] {
            assert!(!message.contains(rust), "{message}");
        }
    }
}

/// Row 31 of tests/field.md: members of Vertex AI.
#[test]
fn ratings_of_vertex_ai_are_typed() {
    let rating = json!({
        "category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW", "probabilityScore": 0.25,
        "severity": "HARM_SEVERITY_LOW", "severityScore": 0.5, "overwrittenThreshold": "BLOCK_NONE",
    });

    let read: SafetyRating = serde_json::from_value(rating.clone()).unwrap();

    assert_eq!(read.severity, Some(HarmSeverity::Low));
    assert!(read.unknown.is_empty());
    assert_eq!(json!(read), rating);
}
