//! Concurrent requests, cancellation, and a full queue.

use std::time::Duration;

use futures_util::future::join_all;
use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::response::FinishReason;
use generativeai::{Backend, ChunkStream, ErrorKind, RequestOptions};
use generativeai_local::Local;

use crate::support::{ask, local, next, question, short, tiny, usage};

/// Returns a config that makes the tiny model generate until it is cancelled, or until the context is full.
pub(crate) fn endless() -> GenerationConfig {
    // A random model would end a free text at any token. This array needs more tokens than the context holds.
    let schema = serde_json::json!({
        "type": "array", "items": { "type": "boolean" }, "minItems": 2_000,
    });
    let config = GenerationConfig::default().temperature(0.0);
    config
        .response_mime_type("application/json")
        .response_json_schema(schema)
}

pub(crate) fn stream(local: &Local, config: GenerationConfig) -> ChunkStream {
    local.stream_generate_content(question("Go on", config), RequestOptions::default())
}

#[tokio::test]
async fn eight_concurrent_requests_are_answered() {
    let names = ["Ann", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal"];
    let local = local();
    let replies = names.map(|name| {
        let message = format!("My name is {name}. Say hello to me.");
        ask(&local, question(&message, short()))
    });

    for reply in join_all(replies).await {
        let reply = reply.unwrap();
        assert!(!reply.text().unwrap().is_empty());
        let tokens = usage(&reply).candidates_token_count;
        assert!(tokens.is_some_and(|tokens| tokens <= 12));
    }
}

#[tokio::test]
async fn dropping_a_reply_frees_its_place() {
    let local = tiny("dropped", |builder| builder.chats(1));
    let mut endless = stream(&local, endless());
    next(&mut endless).await.expect("a chunk").unwrap();

    drop(endless);

    ask(&local, question("Hello", short())).await.unwrap();
}

#[tokio::test]
async fn requests_beyond_the_queue_are_rejected_with_a_retry_delay() {
    let local = tiny("queue", |builder| builder.chats(1).queue(1));
    let mut running = stream(&local, endless());
    next(&mut running).await.expect("a chunk").unwrap();
    let mut waiting = stream(&local, short());
    // A stream submits its request when it is polled first.
    let first = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll_next(cx)));
    assert!(first.await.is_pending());

    let error = ask(&local, question("Hello", short())).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    let status = error.status().expect("a status");
    assert_eq!(
        (status.code, status.retry_delay()),
        (Some(429), error.retry_after())
    );
    drop(running);
    assert!(next(&mut waiting).await.expect("a chunk").is_ok());
}

#[tokio::test]
async fn an_unread_reply_pauses_and_delays_no_other_reply() {
    let local = tiny("unread", |builder| builder.chats(2));
    let mut unread = stream(&local, endless());
    next(&mut unread).await.expect("a chunk").unwrap();

    for _ in 0..3 {
        ask(&local, question("Hello", short())).await.unwrap();
    }

    let mut rest = 1;
    while let Some(chunk) = next(&mut unread).await {
        chunk.unwrap();
        rest += 1;
    }
    // More chunks than the channel holds, so the reply was paused.
    assert!(rest > 64, "{rest}");
}

#[tokio::test]
async fn chats_that_fill_the_context_together_all_finish() {
    let local = tiny("full-context", |builder| builder.context(256).chats(3));
    let replies = ["one", "two", "three"].map(|text| ask(&local, question(text, endless())));

    for reply in join_all(replies).await {
        let reply = reply.unwrap();
        assert_eq!(reply.finish_reason(), Some(&FinishReason::MaxTokens));
        assert_eq!(usage(&reply).total_token_count, Some(256));
    }
}

#[tokio::test]
async fn a_reply_that_exceeds_its_timeout_is_an_error() {
    let local = tiny("late", |builder| builder);
    let options = RequestOptions::default().timeout(Duration::ZERO);

    let error = local
        .generate_content(question("Go on", endless()), options)
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_request_that_waits_beyond_its_timeout_is_an_error() {
    let local = tiny("waits", |builder| builder.chats(1));
    // It is not read any further, so it pauses and keeps its place.
    let mut unread = stream(&local, endless());
    next(&mut unread).await.expect("a chunk").unwrap();
    let options = RequestOptions::default().timeout(Duration::from_millis(200));

    let error = local
        .generate_content(question("Hello", short()), options)
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_model_dropped_during_a_reply_finishes_it() {
    let local = tiny("orphan", |builder| builder.context(256));
    let mut reply = stream(&local, endless());
    next(&mut reply).await.expect("a chunk").unwrap();

    drop(local);

    let mut last = None;
    while let Some(chunk) = next(&mut reply).await {
        last = Some(chunk.unwrap());
    }
    assert_eq!(
        last.expect("an end").finish_reason(),
        Some(&FinishReason::MaxTokens)
    );
}
