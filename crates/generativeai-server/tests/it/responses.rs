//! Complete responses: replies, token counts and errors, which are always JSON.

use std::collections::HashSet;

use axum::body::Body;
use axum::http::Request;
use generativeai::protocol::content::{Content, FunctionCall, Part};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::testing::Scripted;
use generativeai::{Backend, BoxFuture, ChunkStream, Error, ErrorKind, RequestOptions, Result};
use generativeai_server::router;
use serde_json::{Map, Value, json};

use crate::support::{Tiny, get, hello, post, send};

#[tokio::test]
async fn a_reply_is_the_backends_reply_as_json() {
    let script = Scripted::default().then_text("Hi!");

    let response = send(&router(script.clone()), hello("generateContent")).await;

    assert_eq!(response.code(), 200);
    assert_eq!(
        response.header("content-type"),
        "application/json; charset=UTF-8"
    );
    assert_eq!(
        response.text(),
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi!"}]},"finishReason":"STOP"}],"modelVersion":"m"}"#
    );
    assert_eq!(script.requests()[0].model.as_deref(), Some("models/m"));
}

#[tokio::test]
async fn tokens_of_contents_and_of_whole_requests_are_counted() {
    let router = router(Tiny(Scripted::default()));
    let contents = r#"[{"parts":[{"text":"a"}]},{"parts":[{"text":"b"}]}]"#;
    let path = "/v1beta/models/tiny:countTokens";

    let bare = send(&router, post(path, format!(r#"{{"contents":{contents}}}"#))).await;
    let whole = format!(r#"{{"generateContentRequest":{{"contents":{contents}}}}}"#);
    let whole = send(&router, post(path, whole)).await;

    assert_eq!(
        (bare.text(), whole.text()),
        (r#"{"totalTokens":2}"#, r#"{"totalTokens":2}"#)
    );
}

/// Row 41 of tests/field.md.
#[tokio::test]
async fn an_unsupported_request_is_an_error_that_clients_do_not_retry() {
    let router = router(Scripted::default());

    for request in [
        hello("embedContent"),
        hello("batchEmbedContents"),
        get("/v1beta/models"),
        get("/v1beta/models/m"),
        get("/v1beta/cachedContents/c"),
        hello("predict"),
        post("/v1beta/files", "{}"),
        post("/v1beta/interactions", "{}"),
        post("/v1beta/cachedContents", "{}"),
    ] {
        let response = send(&router, request).await;

        assert_eq!(response.code(), 404);
        assert_eq!(response.error()["status"], "UNIMPLEMENTED");
    }
}

#[tokio::test]
async fn errors_of_paths_and_methods_are_json() {
    let router = router(Scripted::default());

    let unknown = send(&router, get("/etc/passwd")).await;
    let invalid = send(&router, get("/v1beta/models/..")).await;
    let method = send(&router, get("/v1beta/models/m:generateContent")).await;
    let delete = Request::delete("/")
        .header("host", "localhost")
        .body(Body::empty());
    let delete = send(&router, delete.expect("a request")).await;

    unknown.assert_error(404, "UNIMPLEMENTED");
    invalid.assert_error(400, "INVALID_ARGUMENT");
    assert_eq!((method.code(), method.header("allow")), (405, "POST"));
    assert_eq!((delete.code(), delete.header("allow")), (405, "GET, HEAD"));
    method.error();
    delete.error();
}

#[tokio::test]
async fn an_error_of_the_backend_keeps_its_code_and_its_retry_delay() {
    let error = Error::new(ErrorKind::RateLimited, "too fast");
    let error = error.with_retry_after(std::time::Duration::from_secs(3));

    let response = send(
        &router(Scripted::default().then_error(&[], error)),
        hello("generateContent"),
    )
    .await;

    let error = response.error();
    assert_eq!(
        (response.code(), &error["status"]),
        (429, &"RESOURCE_EXHAUSTED".into())
    );
    assert_eq!(error["details"][0]["retryDelay"], "3s");
}

/// A backend that panics: at once, or after the first chunk of a stream.
#[derive(Debug)]
struct Panicking;

impl Backend for Panicking {
    fn generate_content(
        &self,
        _: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        Box::pin(async { panic!("a deliberate panic") })
    }

    fn stream_generate_content(&self, _: GenerateContentRequest, _: RequestOptions) -> ChunkStream {
        Box::pin(futures_util::stream::unfold(0, |count| async move {
            assert!(count == 0, "a deliberate panic");
            Some((Ok(GenerateContentResponse::default()), count + 1))
        }))
    }

    fn get_model(
        &self,
        _: String,
        _: RequestOptions,
    ) -> BoxFuture<Result<generativeai::protocol::models::Model>> {
        panic!("a deliberate panic")
    }
}

#[tokio::test]
async fn a_panic_is_an_error_in_json() {
    let router = router(Panicking);

    for request in [hello("generateContent"), get("/v1/models/m")] {
        let response = send(&router, request).await;

        response.assert_error(500, "INTERNAL");
    }
    let stream = send(&router, hello("streamGenerateContent?alt=sse")).await;
    let (chunk, error) = stream.text().split_once("\r\n\r\n").expect("a chunk");
    assert!(chunk.starts_with(r#"data: {"candidates":"#), "{chunk}");
    assert!(error.starts_with(r#"{"error":{"code":500,"#), "{error}");
}

#[tokio::test]
async fn the_health_check_succeeds() {
    let response = send(&router(Scripted::default()), get("/healthz")).await;

    assert_eq!((response.code(), response.text()), (200, "ok\n"));
}

/// Row 44 of tests/field.md.
#[tokio::test]
async fn function_calls_have_ids() {
    let script = || {
        Scripted::default()
            .then_call("height", json!({"of": "Ben Nevis"}))
            .then_parts([
                FunctionCall::new("height", Map::new()),
                FunctionCall::new("depth", Map::new()).id("mine"),
                FunctionCall::new("height", Map::new()),
            ])
    };
    let router = router(script());
    let other = json!({"contents": [{"parts": [{"text": "Which is higher?"}]}]}).to_string();
    let stream = "/v1beta/models/m:streamGenerateContent";

    let reply = send(&router, hello("generateContent")).await.json();
    let chunks = send(&router, post(stream, other)).await.json();
    let again = send(
        &generativeai_server::router(script()),
        hello("generateContent"),
    )
    .await;

    let first = call_ids(&reply);
    let ids = call_ids(&chunks[0]);
    assert_eq!((first.len(), ids.len()), (1, 3));
    assert_eq!(ids[1], "mine");
    let unique: HashSet<_> = first.iter().chain(&ids).collect();
    assert_eq!(unique.len(), 4);
    assert_eq!(again.json(), reply, "equal requests get equal replies");
}

/// Row 44 of tests/field.md: the answer repeats the added id and the name of the function.
#[tokio::test]
async fn the_answer_to_a_call_may_repeat_the_added_id() {
    for method in ["generateContent", "streamGenerateContent"] {
        let script = Scripted::default()
            .then_stream(
                [
                    FunctionCall::new("height", Map::new()).into(),
                    FunctionCall::new("height", Map::new()).id("").into(),
                ]
                .map(|part: Part| GenerateContentResponse::from(Content::model(vec![part]))),
            )
            .then_text("It is tall.");
        let router = router(script.clone());
        let path = format!("/v1beta/models/m:{method}");
        let question = json!({"role": "user", "parts": [{"text": "How tall?"}]});

        let reply = send(&router, hello(method)).await.json();
        let chunks = reply.as_array().cloned().unwrap_or(vec![reply]);
        let ids: Vec<String> = chunks.iter().flat_map(call_ids).collect();
        let calls: Vec<Value> = ids
            .iter()
            .map(|id| json!({"functionCall": {"id": id, "name": "height"}}))
            .collect();
        let answers: Vec<Value> = ids
            .iter()
            .map(|id| json!({"functionResponse": {"id": id, "name": "height", "response": {}}}))
            .collect();
        let contents = json!([question, {"role": "model", "parts": calls}, {"role": "user", "parts": answers}]);
        let second = send(
            &router,
            post(&path, json!({"contents": contents}).to_string()),
        )
        .await;

        assert_eq!(second.code(), 200);
        assert_eq!(
            (ids.len(), ids.iter().collect::<HashSet<_>>().len()),
            (2, 2)
        );
        assert!(ids.iter().all(|id| !id.is_empty()));
        let sent = serde_json::to_value(&script.requests()[1].contents).expect("JSON");
        assert_eq!(sent, contents, "the backend gets the ids");
    }
}

fn call_ids(reply: &Value) -> Vec<String> {
    let parts = reply["candidates"][0]["content"]["parts"].as_array();
    let parts = parts.expect("parts").iter();
    parts
        .filter_map(|part| part["functionCall"]["id"].as_str().map(str::to_owned))
        .collect()
}
