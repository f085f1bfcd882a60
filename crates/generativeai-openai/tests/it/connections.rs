//! Tests of connections that cannot be established, break, or never respond. The tests of `Remote` cover the HTTP
//! client in detail. These check that this backend uses that client, with its own paths and its own streams.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use generativeai::{Error, ErrorKind, GenerativeModel, RequestOptions, Retry};
use generativeai_openai::{OpenAi, OpenAiBuilder};
use generativeai_test_support::StoppedTime;
use generativeai_test_support::http2::{Answer, Http2Server, Script, WINDOW};
use generativeai_test_support::tls::{Authority, TlsListener, listen};
use h2::Reason;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{CANARY, Ending, completion, event, raw, stream};

/// Returns a model whose client retries without waiting.
fn model(url: &str, set: impl FnOnce(OpenAiBuilder) -> OpenAiBuilder) -> GenerativeModel {
    let retry = Retry::default().initial(Duration::ZERO);
    let options = RequestOptions::default().retry(retry);
    let builder = OpenAi::builder().base_url(url).api_key(CANARY);
    let client = set(builder.request_options(options))
        .build()
        .expect("good settings");
    GenerativeModel::new("m").backend(client)
}

/// Streams a reply. Returns its text, or the error and the text before it.
async fn streamed(model: &GenerativeModel) -> Result<String, (Error, String)> {
    answered(model, "Hi").await
}

/// Sends a message and streams its reply, like [`streamed`].
async fn answered(model: &GenerativeModel, message: &str) -> Result<String, (Error, String)> {
    let mut chat = model.start_chat();
    let reply = chat.send_message(message).stream().finish().await;
    match reply {
        Ok(reply) => Ok(reply.text().expect("a text")),
        Err(error) => {
            assert!(chat.history().is_empty() && chat.unfinished().is_some());
            let shown = format!("{error} {error:#?} {chat:#?}");
            assert!(!shown.contains(CANARY), "{shown}");
            let before = error.response().and_then(|reply| reply.text().ok());
            Err((error, before.unwrap_or_default()))
        }
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n";

fn begun(text: &str) -> String {
    format!("{HEAD}\r\n{}", event(json!({ "content": text }), None))
}

fn whole() -> String {
    format!("{HEAD}\r\n{}", stream("Hello"))
}

/// Fault 2 of tests/faults.md.
#[tokio::test]
async fn an_unknown_host_is_retried_and_then_named() {
    // A label of 64 letters is too long for DNS, so the lookup fails without network access.
    let host = format!("{}.localhost", "x".repeat(64));

    let (error, _) = streamed(&model(&format!("http://{host}:1/v1"), |it| it))
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(error.to_string(), format!("no connection to `{host}:1`"));
    assert_eq!(error.attempts().len(), 4);
}

/// Fault 3 of tests/faults.md.
#[tokio::test]
async fn an_invalid_certificate_fails_at_once_with_the_reason() {
    let authority = Authority::new("Ours");
    let unrelated = Authority::new("Unrelated").pem();
    for (config, pem, why) in [
        (
            authority.config("elsewhere.example", [2000, 2200]),
            authority.pem(),
            "not valid for name",
        ),
        (
            authority.config("127.0.0.1", [2000, 2001]),
            authority.pem(),
            "expired",
        ),
        (
            authority.config("127.0.0.1", [2199, 2200]),
            authority.pem(),
            "not valid yet",
        ),
        (authority.valid_config(), unrelated, "UnknownIssuer"),
    ] {
        let (listener, url) = TlsListener::bind(config, "http/1.1").await;
        tokio::spawn(async move { while listener.accept().await.is_err() {} });

        let model = model(&format!("{url}/v1"), |it| it.root_certificate(pem));
        let (error, _) = streamed(&model).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
        assert!(format!("{error:#}").contains(why), "{error:#}");
        assert_eq!(error.attempts().len(), 1);
    }
}

/// Fault 3 of tests/faults.md.
#[tokio::test]
async fn a_handshake_that_stalls_ends_with_the_connect_timeout() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        // A dropped connection would be closed, and the handshake would fail at once.
        let mut held = Vec::new();
        while let Ok(connection) = listener.accept().await {
            held.push(connection);
        }
    });
    let retry = Retry::default().initial(Duration::ZERO);
    let options = RequestOptions::default()
        .retry(retry)
        .connect_timeout(Duration::from_millis(20));
    let model = model(&format!("https://{address}/v1"), |it| {
        it.request_options(options)
    });

    let (error, _) = streamed(&model).await.unwrap_err();

    assert!(
        error.kind() == ErrorKind::Unreachable && error.is_timeout(),
        "{error:?}"
    );
    assert_eq!(error.attempts().len(), 4);
}

/// Faults 4, 5 and 6.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_completes_an_event_is_timed_out() {
    for (bytes, ending, before) in [
        (String::new(), Ending::Silent, ""),
        (format!("{HEAD}\r\n"), Ending::Silent, ""),
        (begun("Hel"), Ending::Silent, "Hel"),
        (begun("Hel"), Ending::Trickling, "Hel"),
    ] {
        let (url, connections) = raw(vec![(bytes, ending.clone())]).await;

        let (error, text) = streamed(&model(&url, |it| it)).await.unwrap_err();

        assert!(error.is_timeout(), "{ending:?}: {error:?}");
        // A paused clock advances while the client waits for the network: the timeout may come before the first event.
        assert!(before.starts_with(&text), "{text}");
        assert_eq!(
            connections.load(Ordering::Relaxed),
            1,
            "no second attempt doubles the load"
        );
    }
}

/// Fault 7 of tests/faults.md.
#[tokio::test]
async fn a_reset_is_retried_before_the_first_event_only() {
    for head in [String::new(), format!("{HEAD}\r\n")] {
        let (url, connections) = raw(vec![(head, Ending::Reset), (whole(), Ending::Closed)]).await;

        assert_eq!(streamed(&model(&url, |it| it)).await.unwrap(), "Hello");
        assert_eq!(connections.load(Ordering::Relaxed), 2);
    }
    for rest in ["", "data: {\"choi"] {
        let is_read = Arc::new(Notify::new());
        let ending = Ending::ResetOnce(Arc::clone(&is_read));
        let (url, connections) = raw(vec![(begun("Hel") + rest, ending)]).await;
        let mut chat = model(&url, |it| it).start_chat();

        let mut reply = chat.send_message("Hi").stream();
        let first = reply.next().await.expect("a chunk").unwrap();
        is_read.notify_one();
        let error = reply.next().await.expect("an end").unwrap_err();
        drop(reply);

        assert_eq!(first.text().unwrap(), "Hel");
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
        let unfinished = chat.unfinished().expect("an unfinished turn");
        assert_eq!(unfinished.received.as_ref().unwrap().text().unwrap(), "Hel");
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }
}

/// Faults 8, 9 and 10.
#[tokio::test]
async fn a_body_that_is_cut_is_an_error_with_the_beginning() {
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let begun_event = event(json!({"content": "Hel"}), None);
    for bytes in [
        begun("Hel"),
        begun("Hel") + "data: {\"choi",
        format!(
            "{HEAD}transfer-encoding: chunked\r\n\r\n{}",
            chunk(&begun_event)
        ),
        format!(
            "{HEAD}transfer-encoding: chunked\r\n\r\n{}zz\r\n",
            chunk(&begun_event)
        ),
        format!("{HEAD}content-length: 9999\r\n\r\n{begun_event}"),
    ] {
        let (url, connections) = raw(vec![(bytes.clone(), Ending::Closed)]).await;

        let (error, text) = streamed(&model(&url, |it| it)).await.unwrap_err();

        let kinds = [
            ErrorKind::Truncated,
            ErrorKind::Unreachable,
            ErrorKind::Decode,
        ];
        assert!(kinds.contains(&error.kind()), "{bytes}: {error:?}");
        assert_eq!(text, "Hel", "{bytes}");
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }
}

/// Faults 14 and 25, and data that is not JSON.
#[tokio::test]
async fn a_body_that_is_not_an_event_stream_is_an_error_that_describes_it() {
    let deep = format!("{HEAD}\r\ndata: {}\n\n", "[".repeat(1_000));
    let large = format!("{HEAD}\r\ndata: {}\n\n", "x".repeat(5_000));
    let packed = format!("{HEAD}content-encoding: gzip\r\n\r\nxxxx");
    let no_json = format!("{HEAD}\r\ndata: {{\"choices\": \u{fffd}}}\n\n");
    for (bytes, kind) in [
        (deep, ErrorKind::Decode),
        (large, ErrorKind::Limit),
        (packed, ErrorKind::Decode),
        (no_json, ErrorKind::Decode),
    ] {
        let (url, _) = raw(vec![(bytes, Ending::Closed)]).await;

        let model = model(&url, |it| it.response_limit(2_000));
        let (error, _) = streamed(&model).await.unwrap_err();

        assert_eq!(error.kind(), kind, "{error:?}");
    }
}

/// Fault 22 of tests/faults.md.
#[tokio::test]
async fn a_dead_server_is_not_flooded_with_retries() {
    let error = "HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let (url, connections) = raw(vec![(error.to_owned(), Ending::Closed)]).await;
    let model = model(&url, |it| it.retry_budget(10));

    for _ in 0..50 {
        streamed(&model).await.unwrap_err();
    }

    assert_eq!(
        connections.load(Ordering::Relaxed),
        60,
        "50 first attempts and 10 retries"
    );
}

/// Returns a server over HTTP/2, and a model that uses it.
async fn http2(scripts: Vec<Script>, window: u32) -> (Http2Server, GenerativeModel) {
    let server = Http2Server::play(scripts, window).await;
    let model = model(&format!("{}/v1", server.url), |it| {
        it.root_certificate(&server.pem)
    });
    (server, model)
}

/// Returns a stream with the texts of a request, one after the other.
fn echo(body: &[u8]) -> String {
    let request: Value = serde_json::from_slice(body).expect("JSON");
    let messages = request["messages"].as_array().expect("messages");
    let texts = messages
        .iter()
        .map(|message| message["content"].as_str().expect("a text"));
    stream(&texts.collect::<String>())
}

/// Fault 24 of tests/faults.md.
#[tokio::test]
async fn a_stream_of_http2_that_is_reset_or_a_connection_that_ends_is_replaced() {
    let hello = || Answer::Whole(stream("Hello"));
    let last = || Answer::Last(stream("Hello"));
    for (scripts, replies) in [
        (
            vec![vec![Answer::Reset(Reason::REFUSED_STREAM), hello()]],
            1,
        ),
        (
            vec![vec![Answer::Reset(Reason::INTERNAL_ERROR), hello()]],
            1,
        ),
        (
            vec![vec![Answer::GoAway(Reason::NO_ERROR)], vec![hello()]],
            1,
        ),
        (
            vec![vec![hello(), Answer::Reset(Reason::CANCEL), hello()]],
            2,
        ),
        (vec![vec![last()], vec![hello()]], 2),
    ] {
        let (_server, model) = http2(scripts.clone(), WINDOW).await;

        for _ in 0..replies {
            let reply = streamed(&model).await;
            assert_eq!(reply.unwrap(), "Hello", "{scripts:?}");
        }
    }
}

/// Fault 24 of tests/faults.md.
#[tokio::test]
async fn a_stream_of_http2_that_is_reset_after_a_chunk_is_an_error_with_the_beginning() {
    let part = Answer::Part(event(json!({"content": "Hel"}), None));
    let (server, model) = http2(vec![vec![part]], WINDOW).await;
    let mut chat = model.start_chat();

    let mut reply = chat.send_message("Hi").stream();
    reply.next().await.expect("a chunk").unwrap();
    server.part_read.send(()).expect("the server waits");
    let error = reply.next().await.expect("an end").unwrap_err();
    drop(reply);

    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    let unfinished = chat.unfinished().expect("an unfinished turn");
    assert_eq!(unfinished.received.as_ref().unwrap().text().unwrap(), "Hel");
}

/// Fault 24 of tests/faults.md.
#[tokio::test]
async fn a_small_window_delays_a_request_and_loses_nothing() {
    let (_server, model) = http2(vec![vec![Answer::Echo(echo)]], 500).await;
    let message = "a long message ".repeat(1_000);

    let reply = model.generate_content(message.as_str()).stream().finish();

    assert_eq!(reply.await.unwrap().text().unwrap(), message);
}

/// Fault 24 of tests/faults.md.
#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_no_bytes_is_timed_out() {
    let time = StoppedTime::start();
    // A window of 0 never opens. A client that has not read the settings yet sends up to 65,535 bytes, the default
    // window of HTTP/2, so the message is longer.
    let never = Answer::Whole(stream("never"));
    let (mut server, model) = http2(vec![vec![never]], 0).await;
    let message = "x".repeat(100_000);

    let pass = async {
        server.accepted.recv().await.expect("a request");
        time.release();
    };
    let (reply, ()) = tokio::join!(answered(&model, &message), pass);

    let (error, text) = reply.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert_eq!(text, "");
}

/// Fault 24 of tests/faults.md.
#[tokio::test]
async fn a_pooled_connection_that_the_server_closed_is_replaced() {
    let body = completion("Hi").to_string();
    // Without `connection: close` the client keeps the connection, which the server then closes.
    let kept = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (url, connections) = raw(vec![(kept, Ending::Closed)]).await;
    let model = model(&url, |it| it);

    for _ in 0..3 {
        let reply = model.generate_content("Hi").await.unwrap();
        assert_eq!(reply.text().unwrap(), "Hi");
    }

    assert!(connections.load(Ordering::Relaxed) >= 3);
}
