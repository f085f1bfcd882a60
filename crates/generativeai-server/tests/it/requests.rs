//! How the bodies of requests are read.

use generativeai::testing::Scripted;
use generativeai_server::router;
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
async fn members_that_are_not_known_are_let_be() {
    let script = Scripted::default().then_text("Hi!");

    let answer = send(
        &router(script),
        post(PATH, r#"{"contents":[],"brand_new":{"x_y":[1]}}"#),
    )
    .await;

    assert_eq!(answer.code(), 200);
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
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
        let answer = send(&router, post(PATH, body.to_owned())).await;

        assert_eq!(
            (answer.code(), &answer.error()["status"]),
            (400, &"INVALID_ARGUMENT".into())
        );
    }
}

#[tokio::test]
async fn an_unknown_form_of_answer_is_refused() {
    let answer = send(
        &router(Scripted::default()),
        hello("generateContent?alt=proto"),
    )
    .await;

    assert_eq!(answer.error()["status"], "INVALID_ARGUMENT");
}

#[tokio::test]
async fn compressed_bodies_are_refused() {
    let mut request = hello("generateContent");
    request
        .headers_mut()
        .insert("content-encoding", "gzip".parse().expect("a value"));

    assert_eq!(
        send(&router(Scripted::default()), request).await.code(),
        415
    );
}
