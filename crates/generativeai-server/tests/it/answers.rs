//! Answers in one piece: replies, counts, and errors, which are JSON whatever happens.

use axum::body::Body;
use axum::http::Request;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::testing::Scripted;
use generativeai::{Backend, BoxFuture, ChunkStream, Error, ErrorKind, RequestOptions, Result};
use generativeai_server::router;

use crate::support::{Tiny, get, hello, post, send};

#[tokio::test]
async fn a_reply_is_the_json_of_the_backend() {
    let script = Scripted::default().then_text("Hi!");

    let answer = send(&router(script.clone()), hello("generateContent")).await;

    assert_eq!(answer.code(), 200);
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=UTF-8"
    );
    assert_eq!(
        answer.text(),
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi!"}]},"finishReason":"STOP"}]}"#
    );
    assert_eq!(script.requests()[0].model.as_deref(), Some("models/m"));
}

#[tokio::test]
async fn tokens_are_counted_of_contents_and_of_whole_requests() {
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

#[tokio::test]
async fn what_the_backend_cannot_do_is_not_implemented() {
    let router = router(Scripted::default());

    for request in [
        hello("embedContent"),
        hello("batchEmbedContents"),
        get("/v1beta/models"),
        get("/v1beta/models/m"),
        get("/v1beta/cachedContents/c"),
        hello("predict"),
        post("/v1beta/files", "{}"),
    ] {
        let answer = send(&router, request).await;

        assert_eq!(answer.code(), 501);
        assert_eq!(answer.error()["status"], "UNIMPLEMENTED");
    }
}

#[tokio::test]
async fn wrong_paths_and_methods_are_answered_in_json() {
    let router = router(Scripted::default());

    let nowhere = send(&router, get("/etc/passwd")).await;
    let no_name = send(&router, get("/v1beta/models/..")).await;
    let method = send(&router, get("/v1beta/models/m:generateContent")).await;
    let delete = Request::delete("/")
        .header("host", "localhost")
        .body(Body::empty());
    let delete = send(&router, delete.expect("a request")).await;

    assert_eq!(
        (nowhere.code(), &nowhere.error()["status"]),
        (404, &"NOT_FOUND".into())
    );
    assert_eq!(
        (no_name.code(), &no_name.error()["status"]),
        (400, &"INVALID_ARGUMENT".into())
    );
    assert_eq!((method.code(), method.header("allow")), (405, "POST"));
    assert_eq!((delete.code(), delete.header("allow")), (405, "GET, HEAD"));
    method.error();
    delete.error();
}

#[tokio::test]
async fn the_errors_of_the_backend_keep_their_code_and_their_wait() {
    let error = Error::new(ErrorKind::RateLimited, "too fast");
    let error = error.with_retry_after(std::time::Duration::from_secs(3));

    let answer = send(
        &router(Scripted::default().then_error(&[], error)),
        hello("generateContent"),
    )
    .await;

    let error = answer.error();
    assert_eq!(
        (answer.code(), &error["status"]),
        (429, &"RESOURCE_EXHAUSTED".into())
    );
    assert_eq!(error["details"][0]["retryDelay"], "3s");
}

/// Panics when it is asked, and again in mid-stream.
#[derive(Debug)]
struct Panicking;

impl Backend for Panicking {
    fn generate_content(
        &self,
        _: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        Box::pin(async { panic!("on purpose") })
    }

    fn stream_generate_content(&self, _: GenerateContentRequest, _: RequestOptions) -> ChunkStream {
        Box::pin(futures_util::stream::unfold(0, |count| async move {
            assert!(count == 0, "on purpose");
            Some((Ok(GenerateContentResponse::default()), count + 1))
        }))
    }

    fn get_model(
        &self,
        _: String,
        _: RequestOptions,
    ) -> BoxFuture<Result<generativeai::protocol::models::Model>> {
        panic!("on purpose")
    }
}

#[tokio::test]
async fn a_panic_is_an_error_in_json() {
    let router = router(Panicking);

    for request in [hello("generateContent"), get("/v1/models/m")] {
        let answer = send(&router, request).await;

        assert_eq!(
            (answer.code(), &answer.error()["status"]),
            (500, &"INTERNAL".into())
        );
    }
    let stream = send(&router, hello("streamGenerateContent?alt=sse")).await;
    let (chunk, error) = stream.text().split_once("\r\n\r\n").expect("a chunk");
    assert_eq!(chunk, "data: {}");
    assert!(error.starts_with(r#"{"error":{"code":500,"#), "{error}");
}

#[tokio::test]
async fn a_sign_of_life_is_given() {
    let answer = send(&router(Scripted::default()), get("/healthz")).await;

    assert_eq!((answer.code(), answer.text()), (200, "ok\n"));
}
