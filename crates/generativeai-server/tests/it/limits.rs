//! Limits of size, time, memory and concurrency.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use futures_util::future::ready;
use futures_util::stream::{once, pending};
use generativeai::protocol::models::ListModelsResponse;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::testing::Scripted;
use generativeai::{Backend, BoxFuture, RequestOptions, Result};
use generativeai_server::{FileStorage, Server, router};
use serde_json::json;
use tower::ServiceExt;

use crate::support::{Endless, Event, get, hello, post, send, with};

const PATH: &str = "/v1beta/models/m:generateContent";

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_is_rejected_with_and_without_content_length() {
    let router = Server::new(Scripted::default())
        .body_limit(1_000)
        .into_router();
    let with_length = post(PATH, " ".repeat(1_001));
    let pieces = (0..11).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 100])));
    let without_length = post(PATH, Body::from_stream(futures_util::stream::iter(pieces)));

    for request in [with_length, without_length] {
        let response = send(&router, request).await;

        assert_eq!(
            (response.code(), response.header("connection")),
            (413, "close")
        );
        response.error();
    }
}

/// Returns a body of 10 pieces, and the number of those that were read.
fn counted() -> (Body, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let counter = read.clone();
    let pieces = (0..10).map(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 100]))
    });
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    (body, read)
}

#[tokio::test]
async fn a_rejected_body_is_read_completely_unless_the_client_sent_expect() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let files = FileStorage::open(folder.path()).expect("a folder");
    let server = Server::new(Scripted::default()).files(files);
    let router = server.api_key("k").into_router();
    let keyed = "/v1beta/models/m:generateContent?key=k";
    let upload = "/upload/v1beta/files?key=k";
    let unknown = "/upload/v1beta/files?key=k&upload_id=0";
    for (path, header, code) in [
        (PATH, ("x-goog-api-key", "wrong"), 400),
        (PATH, ("accept", "*/*"), 403),
        (keyed, ("x-server-timeout", "soon"), 400),
        (keyed, ("content-encoding", "gzip"), 415),
        (keyed, ("origin", "http://page.example"), 403),
        ("/v1beta/nothing?key=k", ("accept", "*/*"), 404),
        ("/", ("accept", "*/*"), 405),
        (upload, ("x-goog-upload-protocol", "other"), 400),
        (unknown, ("x-goog-upload-command", "query"), 404),
    ] {
        for (expect, expected) in [(false, 10), (true, 0)] {
            let (body, read) = counted();
            let mut request = with(post(path, body), &[header]);
            if expect {
                request = with(request, &[("expect", "100-continue")]);
            }

            let response = send(&router, request).await;

            assert_eq!(response.code(), code, "{path} {header:?}");
            assert_eq!(read.load(Ordering::SeqCst), expected, "{path} {header:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_times_out() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let files = FileStorage::open(folder.path()).expect("a folder");
    let router = Server::new(Scripted::default()).files(files).into_router();
    let upload = "/upload/v1beta/files?uploadType=multipart";
    for (path, content_type) in [
        (PATH, "application/json"),
        (upload, "multipart/related; boundary=x"),
    ] {
        let begins = once(ready(Ok::<_, std::io::Error>(Bytes::from_static(b"--x"))));
        let body = Body::from_stream(begins.chain(pending()));
        let request = with(post(path, body), &[("content-type", content_type)]);

        let response = send(&router, request).await;

        assert_eq!(response.code(), 408, "{path}");
        response.error();
    }
}

#[tokio::test(start_paused = true)]
async fn requests_share_the_memory_limit() {
    let (backend, mut events) = Endless::new(0);
    // A body takes its 1,000 bytes and 256 for the only value in it, so two bodies do not fit.
    let router = Server::new(backend).memory_limit(1_500).into_router();
    let first = tokio::spawn(router.clone().oneshot(post(PATH, " ".repeat(1_000))));
    assert_eq!(events.recv().await, Some(Event::Started));

    let second = send(&router, post(PATH, " ".repeat(1_000))).await;
    first.abort();
    assert_eq!(events.recv().await, Some(Event::Dropped));
    let alone = tokio::spawn(router.clone().oneshot(post(PATH, " ".repeat(1_000))));
    assert_eq!(events.recv().await, Some(Event::Started));
    alone.abort();

    assert_eq!(second.error()["status"], "RESOURCE_EXHAUSTED");
}

#[tokio::test(start_paused = true)]
async fn json_that_is_much_larger_in_memory_is_rejected() {
    let body = format!(r#"{{"contents":[{}{{}}]}}"#, "{},".repeat(1_000));
    let router = Server::new(Scripted::default())
        .memory_limit(200_000)
        .into_router();

    let response = send(&router, post(PATH, body)).await;

    response.assert_error(413, "INVALID_ARGUMENT");
}

#[tokio::test]
async fn files_that_never_fit_into_the_memory_are_rejected_and_not_retried() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let files = FileStorage::open(folder.path()).expect("a folder");
    let server = Server::new(Scripted::always("Yes.")).files(files);
    let router = server.memory_limit(3_000_000).into_router();
    let upload = post("/upload/v1beta/files?uploadType=media", vec![b'a'; 200_000]);
    let upload = with(upload, &[("content-type", "text/plain")]);
    let uri = send(&router, upload).await.json()["file"]["uri"].clone();
    let ask = |count| {
        let part = json!({"fileData": {"fileUri": uri}});
        post(
            PATH,
            json!({"contents": [{"parts": vec![part; count]}]}).to_string(),
        )
    };

    assert_eq!(send(&router, ask(3)).await.code(), 200);
    let response = send(&router, ask(4)).await;
    response.assert_error(413, "INVALID_ARGUMENT");
    assert_eq!(send(&router, ask(3)).await.code(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_ends_the_work() {
    let (backend, mut events) = Endless::new(0);
    let request = with(hello("generateContent"), &[("x-server-timeout", "2")]);
    let start = tokio::time::Instant::now();

    let response = send(&router(backend), request).await;

    response.assert_error(504, "DEADLINE_EXCEEDED");
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(events.recv().await, Some(Event::Started));
    assert_eq!(events.recv().await, Some(Event::Dropped));
}

/// A backend that never answers.
#[derive(Debug)]
struct Silent;

impl Backend for Silent {
    fn generate_content(
        &self,
        _: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        Box::pin(std::future::pending())
    }

    fn list_models(
        &self,
        _: Option<String>,
        _: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_covers_the_search_for_the_model() {
    for request in [hello("generateContent"), get("/v1beta/models/m")] {
        let request = with(request, &[("x-server-timeout", "2")]);
        let router = router(Silent);

        let response = tokio::time::timeout(Duration::from_secs(60), send(&router, request)).await;

        let response = response.expect("a response");
        response.assert_error(504, "DEADLINE_EXCEEDED");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_in_mid_stream_is_an_error_event() {
    let (backend, mut events) = Endless::new(1);
    let request = hello("streamGenerateContent?alt=sse");
    let request = with(request, &[("x-server-timeout", "2.5")]);

    let response = send(&router(backend), request).await;

    let last = response.text().lines().last().expect("a line");
    assert!(last.starts_with(r#"{"error":{"code":504,"#), "{last}");
    assert_eq!(events.recv().await, Some(Event::Started));
    assert_eq!(events.recv().await, Some(Event::Dropped));
}

#[tokio::test]
async fn an_invalid_deadline_is_rejected() {
    for value in ["0", "-1", "soon", "NaN"] {
        let request = with(hello("generateContent"), &[("x-server-timeout", value)]);

        let response = send(&router(Scripted::default()), request).await;

        response.assert_error(400, "INVALID_ARGUMENT");
    }
}

#[tokio::test]
async fn a_request_that_finds_the_queue_full_gets_a_retry_delay() {
    let (backend, mut events) = Endless::new(0);
    let router = Server::new(backend)
        .max_concurrent(1)
        .max_queued(0)
        .into_router();
    let first = tokio::spawn(router.clone().oneshot(hello("generateContent")));
    assert_eq!(events.recv().await, Some(Event::Started));

    let second = send(&router, hello("generateContent")).await;
    first.abort();
    assert_eq!(events.recv().await, Some(Event::Dropped));

    let error = second.error();
    assert_eq!(
        (second.code(), &error["status"]),
        (429, &"RESOURCE_EXHAUSTED".into())
    );
    assert_eq!(
        error["details"][0]["@type"],
        "type.googleapis.com/google.rpc.RetryInfo"
    );
    assert_eq!(error["details"][0]["retryDelay"], "1s");
}

#[tokio::test]
async fn a_request_that_leaves_the_queue_never_reaches_the_backend() {
    let (backend, mut events) = Endless::new(0);
    let router = Server::new(backend)
        .max_concurrent(1)
        .max_queued(1)
        .into_router();
    let first = tokio::spawn(router.clone().oneshot(hello("generateContent")));
    assert_eq!(events.recv().await, Some(Event::Started));
    let second = tokio::spawn(router.clone().oneshot(hello("generateContent")));
    tokio::task::yield_now().await;

    second.abort();
    assert!(second.await.is_err());
    first.abort();

    assert_eq!(events.recv().await, Some(Event::Dropped));
    assert!(events.try_recv().is_err());
}
