//! Size, time, number: what a request may take.

use std::time::Duration;

use axum::body::{Body, Bytes};
use generativeai::testing::Scripted;
use generativeai_server::{Server, router};
use tower::ServiceExt;

use crate::support::{Endless, Event, hello, post, send};

const PATH: &str = "/v1beta/models/m:generateContent";

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_is_refused_told_or_untold() {
    let router = Server::new(Scripted::default())
        .body_limit(1_000)
        .into_router();
    let told = post(PATH, " ".repeat(1_001));
    let pieces = (0..11).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 100])));
    let untold = post(PATH, Body::from_stream(futures_util::stream::iter(pieces)));

    for request in [told, untold] {
        let answer = send(&router, request).await;

        assert_eq!((answer.code(), answer.header("connection")), (413, "close"));
        answer.error();
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());

    let answer = send(&router(Scripted::default()), post(PATH, body)).await;

    assert_eq!(answer.code(), 408);
    answer.error();
}

#[tokio::test(start_paused = true)]
async fn requests_share_a_memory() {
    let (backend, mut events) = Endless::new(0);
    let router = Server::new(backend).memory(1_500).into_router();
    let first = tokio::spawn(router.clone().oneshot(post(PATH, " ".repeat(1_000))));
    assert_eq!(events.recv().await, Some(Event::Began));

    let second = send(&router, post(PATH, " ".repeat(1_000))).await;
    first.abort();
    assert_eq!(events.recv().await, Some(Event::Dropped));
    let alone = tokio::spawn(router.clone().oneshot(post(PATH, " ".repeat(1_000))));
    assert_eq!(events.recv().await, Some(Event::Began));
    alone.abort();

    assert_eq!(second.error()["status"], "RESOURCE_EXHAUSTED");
}

#[tokio::test(start_paused = true)]
async fn json_that_is_much_larger_in_memory_is_refused() {
    let body = format!(r#"{{"contents":[{}{{}}]}}"#, "{},".repeat(1_000));
    let router = Server::new(Scripted::default())
        .memory(200_000)
        .into_router();

    let answer = send(&router, post(PATH, body)).await;

    assert_eq!(
        (answer.code(), &answer.error()["status"]),
        (413, &"INVALID_ARGUMENT".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_ends_the_work() {
    let (backend, mut events) = Endless::new(0);
    let mut request = hello("generateContent");
    request
        .headers_mut()
        .insert("x-server-timeout", "2".parse().expect("a value"));
    let start = tokio::time::Instant::now();

    let answer = send(&router(backend), request).await;

    assert_eq!(
        (answer.code(), &answer.error()["status"]),
        (504, &"DEADLINE_EXCEEDED".into())
    );
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(events.recv().await, Some(Event::Began));
    assert_eq!(events.recv().await, Some(Event::Dropped));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_in_mid_stream_is_an_error_event() {
    let (backend, mut events) = Endless::new(1);
    let mut request = hello("streamGenerateContent?alt=sse");
    request
        .headers_mut()
        .insert("x-server-timeout", "2.5".parse().expect("a value"));

    let answer = send(&router(backend), request).await;

    let last = answer.text().lines().last().expect("a line");
    assert!(last.starts_with(r#"{"error":{"code":504,"#), "{last}");
    assert_eq!(events.recv().await, Some(Event::Began));
    assert_eq!(events.recv().await, Some(Event::Dropped));
}

#[tokio::test]
async fn a_deadline_that_is_none_is_refused() {
    for value in ["0", "-1", "soon", "NaN"] {
        let mut request = hello("generateContent");
        request
            .headers_mut()
            .insert("x-server-timeout", value.parse().expect("a value"));

        let answer = send(&router(Scripted::default()), request).await;

        assert_eq!(
            (answer.code(), &answer.error()["status"]),
            (400, &"INVALID_ARGUMENT".into())
        );
    }
}

#[tokio::test]
async fn who_finds_the_queue_full_is_told_when_to_come_again() {
    let (backend, mut events) = Endless::new(0);
    let router = Server::new(backend).at_once(1).queue(0).into_router();
    let first = tokio::spawn(router.clone().oneshot(hello("generateContent")));
    assert_eq!(events.recv().await, Some(Event::Began));

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
async fn who_leaves_the_queue_is_never_answered() {
    let (backend, mut events) = Endless::new(0);
    let router = Server::new(backend).at_once(1).queue(1).into_router();
    let first = tokio::spawn(router.clone().oneshot(hello("generateContent")));
    assert_eq!(events.recv().await, Some(Event::Began));
    let second = tokio::spawn(router.clone().oneshot(hello("generateContent")));
    tokio::task::yield_now().await;

    second.abort();
    assert!(second.await.is_err());
    first.abort();

    assert_eq!(events.recv().await, Some(Event::Dropped));
    assert!(events.try_recv().is_err());
}

#[tokio::test]
async fn a_head_of_too_many_headers_is_refused() {
    let mut request = hello("generateContent");
    for count in 0..10_000 {
        let name: axum::http::HeaderName = format!("x-{count}").parse().expect("a name");
        request
            .headers_mut()
            .insert(name, "1".parse().expect("a value"));
    }

    let answer = send(&router(Scripted::default()), request).await;

    assert_eq!(answer.code(), 431);
    answer.error();
}
