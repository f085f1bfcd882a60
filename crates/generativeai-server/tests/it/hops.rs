//! Replies in hops.

use std::future::IntoFuture;

use axum::Router;
use generativeai::protocol::content::{Content, FunctionCall, Part};
use generativeai::protocol::response::{FinishReason, GenerateContentResponse, UsageMetadata};
use generativeai::testing::Scripted;
use generativeai::{ErrorKind, GenerativeModel};
use generativeai_server::Server;
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use crate::remote::start;
use crate::support::{Endless, Event, Response, post, send};

const STREAM: &str = "streamGenerateContent";
const UNARY: &str = "generateContent";

/// Returns a reply with thoughts, text, a signature and a call, one part in each chunk.
fn parts() -> Vec<Part> {
    let thoughts = (0..4).map(|number| Part::text(format!("thought {number} ")).thought(true));
    let texts = (0..20).map(|number| Part::text(format!("word {number}ü ")));
    let signed = Part::text("").thought_signature("c2lnbmVk");
    let call = Part::from(FunctionCall::new("now", Map::new()));
    thoughts.chain(texts).chain([signed, call]).collect()
}

/// Returns the chunks of a reply, each of one token.
fn chunks(parts: Vec<Part>) -> Vec<GenerateContentResponse> {
    let count = parts.len();
    let chunk = |(number, part): (usize, Part)| {
        let mut chunk = GenerateContentResponse::from(Content::model([part]));
        let is_last = number + 1 == count;
        chunk.candidates[0].finish_reason = is_last.then_some(FinishReason::Stop);
        let replied = i32::try_from(number + 1).expect("a small number");
        let mut usage = UsageMetadata::default();
        usage.prompt_token_count = Some(7);
        usage.candidates_token_count = Some(replied);
        usage.total_token_count = Some(7 + replied);
        chunk.usage_metadata = Some(usage.into());
        chunk
    };
    parts.into_iter().enumerate().map(chunk).collect()
}

/// Returns a model that sends the same chunks again and again.
fn model(chunks: &[GenerateContentResponse]) -> Scripted {
    let script = Scripted::default();
    (0..100).fold(script, |script, _| script.then_stream(chunks.to_vec()))
}

fn words(texts: &[&str]) -> Scripted {
    model(&chunks(texts.iter().copied().map(Part::text).collect()))
}

/// Sends a message with a token to a method.
async fn ask(router: &Router, method: &str, message: &str, token: Option<&str>) -> Response {
    let mut body = json!({"contents": [{"parts": [{"text": message}]}]});
    if let Some(token) = token {
        body["continuationToken"] = token.into();
    }
    let path = format!("/v1beta/models/m:{method}");
    send(router, post(&path, body.to_string())).await
}

/// Returns the token of the first candidate.
fn token(reply: &Value) -> Option<String> {
    let token = reply["candidates"][0]["continuationToken"].as_str();
    token.map(str::to_owned)
}

fn text(reply: &Value) -> String {
    let parts = reply["candidates"][0]["content"]["parts"].as_array();
    let texts = parts.into_iter().flatten().map(|part| &part["text"]);
    texts.filter_map(Value::as_str).collect()
}

/// Returns the history of a chat that gets the reply from a server.
async fn history(server: Server, method: &str) -> String {
    let (running, remote) = start(server);
    let mut chat = GenerativeModel::new("m").backend(remote).start_chat();
    let message = chat.send_message("Hi");
    match method {
        STREAM => drop(message.stream().finish().await.expect("a reply")),
        _ => drop(message.into_future().await.expect("a reply")),
    }
    running.stop().await;
    json!(chat.history()).to_string()
}

#[tokio::test]
async fn hops_of_any_length_equal_one_hop() {
    let chunks = chunks(parts());
    for method in [STREAM, UNARY] {
        let mut expected = None;
        for tokens in [50, 1, 2, 3, 5, 8, 13, 25, 26] {
            let script = model(&chunks);
            let history = history(Server::new(script.clone()).hop_tokens(tokens), method).await;

            assert_eq!(
                expected.get_or_insert_with(|| history.clone()),
                &history,
                "{method}, {tokens} tokens"
            );
            let requests = chunks.len().div_ceil(tokens as usize);
            assert_eq!(script.requests().len(), requests, "{method}, {tokens}");
        }
        // The server adds the id of the call.
        let expected = expected.expect("a history");
        assert!(expected.contains("word 19ü"), "{expected}");
        assert!(expected.contains(r#""id":"call-"#), "{expected}");
    }
}

#[tokio::test]
async fn streams_that_are_cut_between_and_after_checkpoints_equal_one_hop() {
    let chunks = chunks(parts());
    let expected = history(Server::new(model(&chunks)).hop_tokens(50), STREAM).await;
    // No stream is cut after its last chunk, which the client reports.
    for (checkpoint, cut) in [(1, 3), (1, 5), (2, 3), (2, 5), (3, 3), (3, 4)] {
        let script = model(&chunks);
        let server = Server::new(script.clone())
            .hop_tokens(9)
            .checkpoint_tokens(checkpoint)
            .faults(format!("cut={cut}").parse().expect("faults"));

        let history = history(server, STREAM).await;

        assert_eq!(history, expected, "{checkpoint}, {cut}");
        assert!(script.requests().len() > 3, "{checkpoint}, {cut}");
    }
}

#[tokio::test]
async fn a_stream_without_checkpoints_that_is_cut_in_its_first_hop_is_unfinished() {
    let server = Server::new(words(&["a", "b", "c"])).hop_tokens(9);
    let (running, remote) = start(server.faults("cut=2".parse().expect("faults")));
    let mut chat = GenerativeModel::new("m").backend(remote).start_chat();

    let error = chat.send_message("Hi").stream().finish().await;

    let error = error.expect_err("a lost connection");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(
        error.response().and_then(|it| it.text().ok()).as_deref(),
        Some("ab")
    );
    running.stop().await;
}

#[tokio::test]
async fn a_reply_ends_with_a_token_and_the_counts_of_its_hop() {
    let script = words(&["Once ", "upon ", "a ", "time"]);
    let router = Server::new(script.clone()).hop_tokens(3).into_router();

    let first = ask(&router, UNARY, "Hi", None).await.json();
    let second = ask(&router, UNARY, "Hi", token(&first).as_deref())
        .await
        .json();

    assert_eq!(text(&first), "Once upon a ");
    assert_eq!(first["candidates"][0]["finishReason"], "CONTINUATION");
    assert_eq!(
        first["usageMetadata"],
        json!({"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10})
    );
    assert_eq!(text(&second), "time");
    assert_eq!(second["candidates"][0]["finishReason"], "STOP");
    assert_eq!(token(&second), None);
    assert_eq!(
        second["usageMetadata"],
        json!({"promptTokenCount": 7, "candidatesTokenCount": 1, "totalTokenCount": 8})
    );
    for request in script.requests() {
        assert_eq!(request.continuation_token, None);
        assert_eq!(request.generation_config.and_then(|it| it.seed), Some(0));
    }
}

#[tokio::test]
async fn checkpoints_are_in_streams_alone() {
    let script = words(&["a", "b", "c", "d", "e"]);
    let router = Server::new(script).checkpoint_tokens(2).into_router();

    let stream = ask(&router, STREAM, "Hi", None).await.json();
    let unary = ask(&router, UNARY, "Hi", None).await.json();

    let stream = stream.as_array().expect("chunks");
    let has_token: Vec<_> = stream.iter().map(|chunk| token(chunk).is_some()).collect();
    assert_eq!(has_token, [false, true, false, true, false]);
    for (at, rest) in [(1, "cde"), (3, "e")] {
        let reply = ask(&router, UNARY, "Hi", token(&stream[at]).as_deref()).await;
        assert_eq!(text(&reply.json()), rest);
    }
    assert_eq!((text(&unary).as_str(), token(&unary)), ("abcde", None));

    // A backend that sends no finish reason.
    let mut chunks = chunks(["a", "b"].map(Part::text).into());
    chunks[1].candidates[0].finish_reason = None;
    let router = Server::new(model(&chunks)).checkpoint_tokens(2);
    let unary = ask(&router.into_router(), UNARY, "Hi", None).await.json();
    assert_eq!((text(&unary).as_str(), token(&unary)), ("ab", None));
}

#[tokio::test]
async fn tokens_are_counted_as_the_backend_reports_them_or_one_for_each_chunk() {
    for (reported, expected) in [(Some(3), "ab"), (Some(0), "abcdef"), (None, "abcdef")] {
        let mut chunks = chunks(["a", "b", "c", "d", "e", "f", "g"].map(Part::text).into());
        for (number, chunk) in (1..).zip(&mut chunks) {
            let usage = chunk.usage_metadata.as_mut().expect("token counts");
            usage.candidates_token_count = reported.map(|count| count * number);
        }
        let router = Server::new(model(&chunks)).hop_tokens(6).into_router();

        let reply = ask(&router, UNARY, "Hi", None).await.json();

        assert_eq!(text(&reply), expected, "{reported:?}");
    }
}

#[tokio::test]
async fn a_hop_has_content() {
    let router = Server::new(words(&["", "", "a", "b"])).hop_tokens(1);

    let reply = ask(&router.into_router(), UNARY, "Hi", None).await.json();

    assert_eq!(text(&reply), "a");
    assert!(token(&reply).is_some());
}

#[tokio::test]
async fn a_reply_with_several_candidates_has_one_hop() {
    let router = Server::new(words(&["a", "b"])).hop_tokens(1).into_router();
    for (count, expected) in [(1, "a"), (2, "ab")] {
        let contents = json!([{"parts": [{"text": "Hi"}]}]);
        let body = json!({"contents": contents, "generationConfig": {"candidateCount": count}});
        let request = post("/v1beta/models/m:generateContent", body.to_string());

        let reply = send(&router, request).await.json();

        assert_eq!(text(&reply), expected, "{count}");
        assert_eq!(token(&reply).is_some(), count == 1, "{count}");
    }
}

#[tokio::test]
async fn a_hop_continues_in_the_middle_of_a_longer_chunk() {
    let parts = |texts: &[&str]| texts.iter().copied().map(Part::text).collect();
    let script = Scripted::default()
        .then_stream(chunks(parts(&["Once ", "upon ", "a ", "time"])))
        .then_stream(chunks(parts(&["Once upon a", " ti", "me"])))
        .then_stream(chunks(parts(&["Once upon "])));
    let router = Server::new(script).hop_tokens(2).into_router();

    let first = ask(&router, UNARY, "Hi", None).await.json();
    let second = ask(&router, UNARY, "Hi", token(&first).as_deref()).await;

    assert_eq!(text(&first), "Once upon ");
    assert_eq!(text(&second.json()), "a ti");
    // A reply that ends where the hop begins.
    let third = ask(&router, UNARY, "Hi", token(&first).as_deref()).await;
    let third = third.json();
    assert_eq!((text(&third).as_str(), token(&third)), ("", None));
    assert_eq!(third["candidates"][0]["finishReason"], "STOP");
}

#[tokio::test]
async fn a_token_is_valid_for_its_request_alone() {
    let router = Server::new(words(&["a", "b"])).hop_tokens(1).into_router();
    let reply = ask(&router, UNARY, "Hi", None).await.json();
    let token = token(&reply).expect("a token");
    let altered = token.replace(&token[60..62], "//");

    for (message, token, reason) in [
        ("Hi!", &token, "belongs to another request"),
        ("Hi", &altered, "was altered"),
        ("Hi", &"more".to_owned(), "was altered"),
    ] {
        for method in [UNARY, STREAM] {
            let error = ask(&router, method, message, Some(token)).await.error();

            assert_eq!(error["code"], 400);
            assert_eq!(error["status"], "INVALID_ARGUMENT");
            let message = error["message"].as_str().expect("a message");
            assert!(message.contains(reason), "{message}");
        }
    }
    assert_eq!(ask(&router, UNARY, "Hi", Some(&token)).await.code(), 200);
}

#[tokio::test]
async fn a_token_is_refused_once_the_conversation_has_another_message() {
    let router = Server::new(words(&["a", "b"])).hop_tokens(1).into_router();
    let first = ask(&router, UNARY, "Hi", None).await.json();
    let contents = [("user", "Hi"), ("model", "a"), ("user", "Go on")];
    let contents = contents.map(|(role, text)| json!({"role": role, "parts": [{"text": text}]}));
    let body = json!({"contents": contents, "continuationToken": token(&first)});

    let response = send(
        &router,
        post("/v1beta/models/m:generateContent", body.to_string()),
    )
    .await;

    let message = response.error()["message"].to_string();
    assert!(message.contains("belongs to another request"), "{message}");
}

#[tokio::test]
async fn a_token_is_valid_after_a_restart_with_the_same_key() {
    let server = || Server::new(words(&["a", "b"])).hop_tokens(1);
    let router = server().continuation_key("k").into_router();
    let reply = ask(&router, UNARY, "Hi", None).await.json();
    let token = token(&reply);

    let router = server().continuation_key("k").into_router();
    let again = ask(&router, UNARY, "Hi", token.as_deref()).await;
    let other = ask(&server().into_router(), UNARY, "Hi", token.as_deref()).await;

    assert_eq!(text(&again.json()), "b");
    assert_eq!(other.code(), 400);
}

#[tokio::test]
async fn a_reply_that_differs_from_what_was_sent_is_not_continued() {
    for other in [&["x", "b", "c"][..], &["a"], &["a", "x", "c"], &["", ""]] {
        let texts = |texts: &[&str]| chunks(texts.iter().copied().map(Part::text).collect());
        let script = Scripted::default()
            .then_stream(texts(&["a", "b", "c"]))
            .then_stream(texts(other));
        let router = Server::new(script).hop_tokens(2).into_router();

        let first = ask(&router, UNARY, "Hi", None).await.json();
        let error = ask(&router, STREAM, "Hi", token(&first).as_deref()).await;

        let message = error.error()["message"].to_string();
        assert!(message.contains("cannot be continued"), "{message}");
    }
}

#[tokio::test]
async fn the_backend_stops_at_the_end_of_a_hop() {
    let (backend, mut events) = Endless::new(100);
    let router = Server::new(backend).hop_tokens(3).into_router();
    let body = json!({"contents": [{"parts": [{"text": "Hi"}]}]}).to_string();
    let request = post("/v1beta/models/m:streamGenerateContent?alt=sse", body);
    let response = router.oneshot(request).await.expect("a response");
    let mut body = response.into_body();
    for _ in 0..3 {
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
    }

    assert_eq!(events.recv().await, Some(Event::Started));
    assert_eq!(events.recv().await, Some(Event::Dropped));
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn without_hops_the_token_of_the_backend_is_passed_on() {
    let script = words(&["a"]);
    let router = Server::new(script.clone()).into_router();

    ask(&router, UNARY, "Hi", Some("t")).await;

    assert_eq!(
        script.requests()[0].continuation_token.as_deref(),
        Some("t")
    );
}
