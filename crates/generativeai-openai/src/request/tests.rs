//! Tests that convert requests, and compare the bodies and errors with those in `tests/fixtures`.

use generativeai::__private::{CONFIG_MEMBERS, REQUEST_MEMBERS};
use generativeai::ErrorKind;
use serde_json::Value;

use super::*;

fn rows(table: &str) -> Vec<Value> {
    serde_json::from_str(table).expect("a table")
}

fn translated(row: &Value) -> Result<Value> {
    let request = serde_json::from_value(row["request"].clone()).expect("a request");
    let url = row["url"].as_str().unwrap_or("http://localhost:8000/v1");
    let mode = if row["stream"] == true {
        Mode::Stream
    } else {
        Mode::Unary
    };
    body(&request, &Capabilities::of(url), mode)
}

#[test]
fn a_request_becomes_the_body_of_a_chat_completion() {
    for row in rows(include_str!("../../tests/fixtures/requests.json")) {
        let body = translated(&row).unwrap_or_else(|error| panic!("{}: {error}", row["name"]));
        assert_eq!(body, row["body"], "{}\n{body}", row["name"]);
    }
}

#[test]
fn a_request_that_the_server_cannot_express_is_refused_with_the_name_of_the_member() {
    for row in rows(include_str!("../../tests/fixtures/refused.json")) {
        let error = translated(&row).expect_err("a refusal");
        assert_eq!(error.kind(), ErrorKind::Request, "{row}");
        let named = row["named"].as_str().expect("a name");
        assert!(error.to_string().contains(named), "{error}\n{row}");
        // Row 24 of tests/field.md.
        for rust in ["Unknown(", "Some("] {
            assert!(!error.to_string().contains(rust), "{error}");
        }
    }
}

/// A member that is neither written nor refused would be dropped without a sign: the caller set it, and nothing reports
/// it. If this fails, handle the new member, then add it to the list.
#[test]
fn each_member_of_a_request_is_written_or_refused() {
    let request = [
        "model",
        "systemInstruction",
        "contents",
        "tools",
        "toolConfig",
        "safetySettings",
        "generationConfig",
        "cachedContent",
        "labels",
        "continuationToken",
        "serviceTier",
        "store",
        "modelArmorConfig",
    ];
    let config = [
        "candidateCount",
        "stopSequences",
        "maxOutputTokens",
        "temperature",
        "topP",
        "topK",
        "seed",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "responseJsonSchemaOrdered",
        "presencePenalty",
        "frequencyPenalty",
        "responseLogprobs",
        "logprobs",
        "enableEnhancedCivicAnswers",
        "responseModalities",
        "speechConfig",
        "thinkingConfig",
        "imageConfig",
        "mediaResolution",
        "audioTranscriptionConfig",
        "responseFormat",
        "translationConfig",
    ];
    assert_eq!(REQUEST_MEMBERS, request);
    assert_eq!(CONFIG_MEMBERS, config);
}
