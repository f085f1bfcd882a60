//! Injected faults.

use generativeai::testing::Scripted;
use generativeai_server::Server;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::support::{get, hello, send, with};

fn faulty(faults: &str) -> axum::Router {
    let script = (0..4).fold(Scripted::default(), |script, _| {
        script.then_chunks(["a", "b", "c"])
    });
    Server::new(script)
        .faults(faults.parse().expect("faults"))
        .into_router()
}

#[tokio::test]
async fn the_first_requests_are_rejected() {
    for (fault, code) in [("429x1", 429), ("500x1", 500), ("503x1", 503)] {
        let router = faulty(fault);

        let first = send(&router, hello("generateContent")).await;
        let second = send(&router, hello("generateContent")).await;

        assert_eq!((first.code(), second.code()), (code, 200));
        let wait = &first.error()["details"][0]["retryDelay"];
        assert_eq!(wait == "1s", code == 429);
    }
}

#[tokio::test]
async fn only_calls_of_a_model_have_faults() {
    let router = faulty("503");

    assert_eq!(send(&router, get("/healthz")).await.code(), 200);
    assert_eq!(send(&router, get("/v1beta/models")).await.code(), 404);
}

#[tokio::test(start_paused = true)]
async fn a_response_is_delayed() {
    let start = tokio::time::Instant::now();

    let response = send(&faulty("delay=3s"), hello("generateContent")).await;

    assert_eq!((response.code(), start.elapsed().as_secs()), (200, 3));
}

#[tokio::test(start_paused = true)]
async fn a_delay_counts_against_the_deadline() {
    let request = with(hello("generateContent"), &[("x-server-timeout", "1")]);

    assert_eq!(send(&faulty("delay=3s"), request).await.code(), 504);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_cut_after_the_given_number_of_chunks() {
    for (fault, chunks) in [("cut=0", 0), ("cut", 1), ("cut=2", 2)] {
        let response = faulty(fault)
            .oneshot(hello("streamGenerateContent?alt=sse"))
            .await
            .expect("a response");
        let mut body = response.into_body();

        for _ in 0..chunks {
            assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
        }

        assert!(body.frame().await.is_some_and(|frame| frame.is_err()));
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_an_error_event() {
    let response = send(&faulty("error"), hello("streamGenerateContent?alt=sse")).await;

    let (chunk, error) = response.text().split_once("\r\n\r\n").expect("a chunk");
    assert!(chunk.starts_with("data: {"));
    assert_eq!(
        error,
        concat!(
            r#"{"error":{"code":503,"message":"injected fault: 503","status":"UNAVAILABLE"}}"#,
            "\n"
        )
    );
}
