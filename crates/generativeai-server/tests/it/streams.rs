//! Bytes of streamed responses.

use axum::body::Body;
use axum::http::Request;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::testing::Scripted;
use generativeai::{Error, ErrorKind};
use generativeai_server::router;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::support::{Tiny, hello, post, send};

const HA: &str =
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"ha"}]}}],"modelVersion":"m"}"#;
const HO: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"ho"}]},"finishReason":"STOP"}],"modelVersion":"m"}"#;

fn chunk(json: &str) -> GenerateContentResponse {
    serde_json::from_str(json).expect("a chunk")
}

/// Returns the frames of a body, and whether the body is complete.
async fn frames(script: Scripted, request: Request<Body>) -> (Vec<String>, bool) {
    let response = router(script)
        .oneshot(request)
        .await
        .expect("a router never fails");
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let data = frame.into_data().expect("data");
                frames.push(String::from_utf8(data.to_vec()).expect("text"));
            }
            Err(_) => return (frames, false),
        }
    }
    (frames, true)
}

#[tokio::test]
async fn an_event_is_one_line_of_data_and_an_empty_line() {
    let script = Scripted::default().then_stream([HA, HO].map(chunk));

    let response = send(&router(script), hello("streamGenerateContent?alt=sse")).await;

    assert_eq!(response.code(), 200);
    assert_eq!(response.header("content-type"), "text/event-stream");
    assert_eq!(
        response.text(),
        format!("data: {HA}\r\n\r\ndata: {HO}\r\n\r\n")
    );
}

#[tokio::test]
async fn without_alt_sse_a_stream_is_an_array() {
    for query in [
        "",
        "?alt=json",
        "?$alt=json;enum-encoding=int",
        "?%24alt=json%3Benum-encoding%3Dint",
    ] {
        let script = Scripted::default().then_stream([HA, HO].map(chunk));

        let response = send(
            &router(script),
            hello(&format!("streamGenerateContent{query}")),
        )
        .await;

        assert!(
            response
                .header("content-type")
                .starts_with("application/json")
        );
        assert_eq!(response.text(), format!("[{HA},\r\n{HO}]"));
    }
}

#[tokio::test]
async fn a_stream_without_chunks_is_empty() {
    let nothing = || Scripted::default().then_stream([]);

    let events = send(&router(nothing()), hello("streamGenerateContent?alt=sse")).await;
    let array = send(&router(nothing()), hello("streamGenerateContent")).await;

    assert_eq!((events.text(), array.text()), ("", "[]"));
}

#[tokio::test]
async fn an_empty_chunk_is_a_chunk_with_an_empty_text() {
    let script = Scripted::default().then_stream([GenerateContentResponse::default()]);

    let response = send(&router(script), hello("streamGenerateContent?alt=sse")).await;

    let chunk =
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":""}]}}],"modelVersion":"m"}"#;
    assert_eq!(response.text(), format!("data: {chunk}\r\n\r\n"));
}

#[tokio::test(start_paused = true)]
async fn an_error_in_mid_stream_is_a_separate_line_after_a_pause() {
    let error = Error::new(ErrorKind::Unavailable, "overloaded");
    let script = Scripted::default().then_error(&["ha"], error);
    let start = tokio::time::Instant::now();

    let (frames, complete) = frames(script, hello("streamGenerateContent?alt=sse")).await;

    let error = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#;
    assert!(
        frames[0].starts_with("data: {") && frames[0].ends_with("}\r\n\r\n"),
        "{frames:?}"
    );
    assert_eq!(frames[1..], [format!("{error}\n")]);
    assert!(complete);
    assert_eq!(start.elapsed().as_millis(), 50);
}

#[tokio::test(start_paused = true)]
async fn an_error_in_the_middle_of_an_array_drops_the_connection() {
    let script = Scripted::default().then_fail(&["ha"]);

    let (frames, complete) = frames(script, hello("streamGenerateContent")).await;

    assert!(
        frames.len() == 1 && frames[0].starts_with("[{") && frames[0].ends_with('}'),
        "{frames:?}"
    );
    assert!(!complete);
}

#[tokio::test]
async fn an_error_before_the_first_chunk_is_an_error_response() {
    for form in ["streamGenerateContent", "streamGenerateContent?alt=sse"] {
        let script = Scripted::default().then_fail(&[]);

        let response = send(&router(script), hello(form)).await;

        assert_eq!(response.error()["status"], "UNAVAILABLE");
    }
}

#[tokio::test]
async fn every_chunk_names_the_model() {
    let script = Tiny(Scripted::default().then_chunks(["ha", "ho"]));
    let request = post("/v1beta/models/gemini-9-pro:streamGenerateContent", "{}");

    let response = send(&router(script.clone()), request).await;

    let versions: Vec<_> = response
        .json()
        .as_array()
        .expect("chunks")
        .iter()
        .map(|chunk| chunk["modelVersion"].clone())
        .collect();
    assert_eq!(versions, ["tiny", "tiny"]);
    assert_eq!(script.0.requests()[0].model.as_deref(), Some("models/tiny"));
}
