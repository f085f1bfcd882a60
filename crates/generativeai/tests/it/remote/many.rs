//! Many requests at once: the limit of requests in flight, and the retry budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use generativeai::{Backend, ErrorKind, RequestOptions, Retry};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::support::server::{STREAM, answer, error, event, nobody, reply};
use crate::support::{Act, Server};

/// Number of requests that the server of the tests admits at a time.
const ADMITTED: usize = 16;

/// Starts a server that refuses requests beyond [`ADMITTED`], and returns its address and the number of refusals.
async fn small_server() -> (String, Arc<AtomicUsize>) {
    let (current, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let refusals = Arc::clone(&refused);
    let handler = move || {
        let (current, refused) = (Arc::clone(&current), Arc::clone(&refused));
        async move {
            let before = current.fetch_add(1, Ordering::SeqCst);
            // The other requests come meanwhile.
            settle().await;
            current.fetch_sub(1, Ordering::SeqCst);
            if before < ADMITTED {
                return (StatusCode::OK, reply("Hello!", Some("STOP")).to_string());
            }
            refused.fetch_add(1, Ordering::SeqCst);
            let details =
                [json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"})];
            let error = json!({"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details});
            (
                StatusCode::TOO_MANY_REQUESTS,
                json!({ "error": error }).to_string(),
            )
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port of loopback");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (format!("http://{address}"), refusals)
}

/// Finding 8 of tests/newcomer.md.
#[tokio::test]
async fn five_hundred_chats_complete_at_a_server_that_admits_sixteen() {
    let (url, refused) = small_server().await;
    let remote = built(builder(&url).max_in_flight(ADMITTED));

    let chats = (0..500).map(|_| {
        let mut chat = chat(&remote);
        tokio::spawn(async move {
            chat.send_message("Hello")
                .await
                .map(|reply| reply.to_string())
        })
    });
    for chat in chats.collect::<Vec<_>>() {
        let reply = chat.await.expect("no panic");
        assert_eq!(reply.expect("a reply"), "Hello!");
    }

    assert_eq!(refused.load(Ordering::SeqCst), 0);
}

/// Finding 8 of tests/newcomer.md.
#[tokio::test]
async fn a_429_that_names_its_wait_does_not_spend_the_retry_budget() {
    let delay = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0s"}]);
    let busy = error(429, "RESOURCE_EXHAUSTED", delay);
    let success = answer(
        "200 OK",
        "application/json",
        &reply("Hello!", Some("STOP")).to_string(),
    );
    let answers = std::iter::repeat_n(busy, 20).chain([success]);
    let server = Server::play(answers.map(|answer| vec![Act::Send(answer.into())]));
    let retry = Retry::default().max_attempts(30).initial(Duration::ZERO);
    let options = RequestOptions::default().retry(retry);
    let remote = built(
        builder(&server.url())
            .retry_budget(2)
            .request_options(options),
    );

    assert_eq!(whole(&remote).await.expect("a reply"), "Hello!");
}

#[tokio::test]
async fn a_retry_that_costs_nothing_does_not_fill_the_retry_budget() {
    let delay = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0s"}]);
    let busy = error(429, "RESOURCE_EXHAUSTED", delay);
    let down = error(503, "UNAVAILABLE", json!([]));
    let success = answer(
        "200 OK",
        "application/json",
        &reply("Hello!", Some("STOP")).to_string(),
    );
    let answers = [down.clone(), down.clone(), busy, success, down];
    let server = Server::play(answers.map(|answer| vec![Act::Send(answer.into())]));
    let (remote, _) = immediate(builder(&server.url()).retry_budget(1));

    let error = whole(&remote).await.expect_err("the budget is spent");
    assert_eq!(error.attempts().len(), 2, "{error:?}");
    whole(&remote).await.expect("a reply");
    let error = whole(&remote).await.expect_err("the budget is still spent");
    assert_eq!(error.attempts().len(), 1, "{error:?}");
}

#[tokio::test]
async fn the_retry_budget_can_be_set() {
    for (budget, attempts) in [(3, 10 + 3), (0, 10), (u32::MAX, 10 * 4)] {
        let (remote, _) = immediate(builder(&nobody()).retry_budget(budget));
        let mut made = 0;
        for _ in 0..10 {
            made += whole(&remote)
                .await
                .expect_err("nobody listens")
                .attempts()
                .len();
        }
        assert_eq!(made, attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_in_flight_until_it_is_dropped() {
    let stream = || Act::Send(format!("{STREAM}{}", event("Hel", None)).into());
    let success = answer(
        "200 OK",
        "application/json",
        &reply("Hello!", Some("STOP")).to_string(),
    );
    let server = Server::play([
        vec![stream(), Act::Silence],
        vec![Act::Send(success.into())],
    ]);
    let remote = built(builder(&server.url()).max_in_flight(1));
    let time = StoppedTime::start();
    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());
    next(&mut chunks).await.expect("a chunk").expect("a chunk");

    time.release();
    let hurried = RequestOptions::default().timeout(Duration::from_secs(5));
    let error = remote.generate_content(hello(), hurried).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("max_in_flight"), "{error}");
    assert_eq!(server.received().len(), 1);
    drop(chunks);

    let _time = StoppedTime::start();
    assert_eq!(whole(&remote).await.expect("a reply"), "Hello!");
}
