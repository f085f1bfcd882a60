//! The bytes of a streamed answer.

use axum::body::Body;
use axum::http::Request;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::testing::Scripted;
use generativeai::{Error, ErrorKind};
use generativeai_server::router;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::support::{Tiny, hello, post, send};

const HA: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"ha"}]}}]}"#;
const HO: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"ho"}]},"finishReason":"STOP"}]}"#;

fn chunk(json: &str) -> GenerateContentResponse {
    serde_json::from_str(json).expect("a chunk")
}

/// The pieces of a body, and whether it came to its end.
async fn pieces(script: Scripted, request: Request<Body>) -> (Vec<String>, bool) {
    let response = router(script)
        .oneshot(request)
        .await
        .expect("a router never fails");
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let data = frame.into_data().expect("data");
                pieces.push(String::from_utf8(data.to_vec()).expect("text"));
            }
            Err(_) => return (pieces, false),
        }
    }
    (pieces, true)
}

#[tokio::test]
async fn an_event_is_one_line_of_data_and_an_empty_line() {
    let script = Scripted::default().then_stream([HA, HO].map(chunk));

    let answer = send(&router(script), hello("streamGenerateContent?alt=sse")).await;

    assert_eq!(answer.code(), 200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(
        answer.text(),
        format!("data: {HA}\r\n\r\ndata: {HO}\r\n\r\n")
    );
}

#[tokio::test]
async fn without_events_a_stream_is_an_array() {
    for query in [
        "",
        "?alt=json",
        "?$alt=json;enum-encoding=int",
        "?%24alt=json%3Benum-encoding%3Dint",
    ] {
        let script = Scripted::default().then_stream([HA, HO].map(chunk));

        let answer = send(
            &router(script),
            hello(&format!("streamGenerateContent{query}")),
        )
        .await;

        assert!(
            answer
                .header("content-type")
                .starts_with("application/json")
        );
        assert_eq!(answer.text(), format!("[{HA},\r\n{HO}]"));
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
async fn an_empty_chunk_is_a_chunk() {
    let script = Scripted::default().then_stream([GenerateContentResponse::default()]);

    let answer = send(&router(script), hello("streamGenerateContent?alt=sse")).await;

    assert_eq!(answer.text(), "data: {}\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn an_error_in_mid_stream_is_a_line_of_its_own_after_a_pause() {
    let error = Error::new(ErrorKind::Unavailable, "overloaded");
    let script = Scripted::default().then_error(&["ha"], error);
    let start = tokio::time::Instant::now();

    let (pieces, whole) = pieces(script, hello("streamGenerateContent?alt=sse")).await;

    let error = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#;
    assert!(
        pieces[0].starts_with("data: {") && pieces[0].ends_with("}\r\n\r\n"),
        "{pieces:?}"
    );
    assert_eq!(pieces[1..], [format!("{error}\n")]);
    assert!(whole);
    assert_eq!(start.elapsed().as_millis(), 50);
}

#[tokio::test(start_paused = true)]
async fn an_error_in_the_middle_of_an_array_drops_the_connection() {
    let script = Scripted::default().then_fail(&["ha"]);

    let (pieces, whole) = pieces(script, hello("streamGenerateContent")).await;

    assert!(
        pieces.len() == 1 && pieces[0].starts_with("[{") && pieces[0].ends_with('}'),
        "{pieces:?}"
    );
    assert!(!whole);
}

#[tokio::test]
async fn an_error_before_the_first_chunk_is_an_answer_of_its_own() {
    for form in ["streamGenerateContent", "streamGenerateContent?alt=sse"] {
        let script = Scripted::default().then_fail(&[]);

        let answer = send(&router(script), hello(form)).await;

        assert_eq!(answer.error()["status"], "UNAVAILABLE");
    }
}

#[tokio::test]
async fn every_chunk_names_the_model_that_made_it() {
    let script = Tiny(Scripted::default().then_chunks(["ha", "ho"]));
    let request = post("/v1beta/models/gemini-9-pro:streamGenerateContent", "{}");

    let answer = send(&router(script.clone()), request).await;

    let versions: Vec<_> = answer
        .json()
        .as_array()
        .expect("chunks")
        .iter()
        .map(|chunk| chunk["modelVersion"].clone())
        .collect();
    assert_eq!(versions, ["tiny", "tiny"]);
    assert_eq!(script.0.requests()[0].model.as_deref(), Some("models/tiny"));
}
