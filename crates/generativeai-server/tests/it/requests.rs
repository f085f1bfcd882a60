//! Request bodies.

use generativeai::testing::Scripted;
use generativeai_server::{Server, router};
use serde_json::json;

use crate::support::{hello, post, send};

const PATH: &str = "/v1beta/models/m:generateContent";

#[tokio::test]
async fn both_spellings_and_numbers_for_enums_reach_the_backend() {
    let script = Scripted::default().then_text("one").then_text("two");
    let router = router(script.clone());
    let args = json!({"snake_case": {"camelCase": 1}});
    let camel = json!({
        "contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": args}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
    });
    let snake = json!({
        "contents": [{"role": "model", "parts": [{"function_call": {"name": "f", "args": args}}]}],
        "tool_config": {"function_calling_config": {"mode": 2}},
    });

    for body in [&camel, &snake] {
        assert_eq!(
            send(&router, post(PATH, body.to_string())).await.code(),
            200
        );
    }

    let requests = script.requests();
    assert_eq!(requests[0], requests[1]);
    let written = serde_json::to_value(&requests[1]).expect("JSON");
    assert_eq!(
        written["contents"][0]["parts"][0]["functionCall"]["args"],
        args
    );
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
        &deep,
    ] {
        let response = send(&router, post(PATH, body.to_owned())).await;

        assert_eq!(
            (response.code(), &response.error()["status"]),
            (400, &"INVALID_ARGUMENT".into())
        );
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
async fn compressed_bodies_are_rejected() {
    let mut request = hello("generateContent");
    request
        .headers_mut()
        .insert("content-encoding", "gzip".parse().expect("a value"));

    assert_eq!(
        send(&router(Scripted::default()), request).await.code(),
        415
    );
}

#[tokio::test]
async fn an_error_names_the_path_of_the_member() {
    let body = r#"{"generationConfig":{"topK":"many"}}"#;

    let response = send(&router(Scripted::default()), post(PATH, body)).await;

    let message = response.error()["message"].to_string();
    assert!(message.contains("generationConfig.topK"), "{message}");
}

/// Field rows 34 and 35.
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

/// Field row 40.
#[tokio::test]
async fn the_default_of_max_output_tokens_applies_to_requests_without_it() {
    let script = (0..4).fold(Scripted::default(), |script, _| script.then_text("Hi!"));
    let router = Server::new(script.clone())
        .max_output_tokens(512)
        .into_router();

    for body in [
        "{}",
        r#"{"generationConfig":{"temperature":0.5}}"#,
        r#"{"generationConfig":{"maxOutputTokens":4000}}"#,
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
    assert_eq!(limits, [Some(512), Some(512), Some(4000), Some(512)]);
}
