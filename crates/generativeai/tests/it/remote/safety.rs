//! The API key is sent to one address and appears nowhere else.

use std::sync::{Arc, Mutex};

use generativeai::ErrorKind;

use super::*;
use crate::support::server::{STREAM, answer, error, event, with_headers};
use crate::support::{Act, Server};

#[tokio::test]
async fn a_redirect_is_an_error_that_names_the_other_host() {
    for code in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let other = Server::always(1, "");
        let target = format!("{}/v1beta/models/m:generateContent", other.url());
        let server = Server::always(2, &with_headers(code, &[("location", &target)], ""));

        let error = whole(&client(&server).0).await.expect_err(code);

        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("`127.0.0.1`"), "{error}");
        assert_eq!(server.received().len(), 1, "{code}");
        assert!(other.received().is_empty(), "{code}");
    }
}

#[tokio::test]
async fn a_redirect_to_the_same_host_is_not_followed() {
    let server = Server::always(
        3,
        &with_headers("307 Loop", &[("location", "/again?key=x")], ""),
    );

    let error = whole(&client(&server).0).await.expect_err("a loop");

    assert_eq!(error.http_code(), Some(307));
    let message = "307: the service redirects to `/again`, and redirects are not followed: check the path of the base URL";
    assert_eq!(error.to_string(), message);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_key_that_the_service_repeats_is_redacted_in_errors() {
    let status = format!(
        r#"{{"error":{{"code":400,"message":"API key {CANARY} not valid","details":[
            {{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}},
            {{"detail":"Invalid API key: {CANARY}"}}]}}}}"#
    );
    let page = format!("<p>{CANARY}</p>");
    let wrong_type = format!(r#"{{"candidates":"{CANARY}"}}"#);
    for (head, body) in [
        ("400 Bad Request", &status),
        ("200 OK", &status),
        ("502 Bad Gateway", &page),
        ("200 OK", &page),
        ("200 OK", &wrong_type),
    ] {
        let server = Server::always(4, &answer(head, "text/plain", body));
        let (remote, _) = client(&server);

        // The client of the tests fails if an error contains the key.
        let error = whole(&remote).await.expect_err(head);
        assert!(format!("{error:#?}").contains("[key]"), "{error:?}");
        assert!(streamed(&remote).await.1.is_some());
    }
}

#[tokio::test]
async fn a_chat_with_a_failed_turn_neither_prints_nor_saves_the_key() {
    let refused = error(
        400,
        "INVALID_ARGUMENT",
        serde_json::json!([{"key": CANARY}]),
    );
    let cut = format!("{STREAM}{}", event(&format!("your key is {CANARY}"), None));
    let page = answer("403 Forbidden", "text/html", CANARY);
    let garbled = answer("200 OK", "text/plain", &format!("{{{CANARY}"));
    for (body, of_the_model) in [
        (refused, false),
        (cut, true),
        (page, false),
        (garbled, false),
    ] {
        let server = Server::always(4, &body);
        let remote = client(&server).0;
        let model = GenerativeModel::new("m").backend(remote.clone());
        let mut chat = model.start_chat();

        let sent = chat.send_message("Hello").stream().finish().await;
        canary::checked(sent.expect_err("a failure"));

        let shown = format!("{remote:?} {chat:?} {chat:#?} {:?}", chat.unfinished());
        assert!(!shown.contains(CANARY), "{shown}");
        // The words of the model itself are kept unchanged.
        let saved = serde_json::to_string(&chat).expect("a chat can be saved");
        assert_eq!(saved.contains(CANARY), of_the_model, "{saved}");
    }
}

#[tokio::test]
async fn an_error_that_is_not_json_is_shown_as_an_excerpt() {
    let page = "<b>\r\nBad\u{1b}[2J Gateway".to_owned() + &" so bad".repeat(10_000);
    for (body, shown) in [
        (page.as_str(), "403: <b> Bad [2J Gateway so bad so bad"),
        ("", "403: empty response"),
        (r#"{"reason":"none"}"#, r#"403: {"reason":"none"}"#),
        (
            r#"[{"error":{"code":403,"message":"in a list"}}]"#,
            "403: in a list",
        ),
        (r#"{"error":"only words"}"#, "403: only words"),
    ] {
        let server = Server::always(1, &answer("403 Forbidden", "text/html", body));

        let error = whole(&client(&server).0).await.expect_err(body);

        assert!(error.to_string().starts_with(shown), "{error}");
        assert!(error.to_string().chars().count() <= 210, "{error}");
        assert!(!error.to_string().contains(char::is_control), "{error}");
        assert_eq!(error.kind(), ErrorKind::Authentication);
    }
}

#[tokio::test]
async fn only_the_beginning_of_a_huge_error_is_read() {
    let head = "HTTP/1.1 403 Forbidden\r\ncontent-length: 104857600\r\n\r\n";
    // Less than announced, then silence: reading to the end would never finish.
    let server = Server::play([vec![
        Act::Send(head.into()),
        Act::Repeat(vec![b'x'; 1 << 16], 32),
        Act::Silence,
    ]]);

    let error = whole(&client(&server).0).await.expect_err("forbidden");

    assert_eq!(error.http_code(), Some(403));
    assert!(error.to_string().len() < 300, "{error}");
}

#[test]
fn a_request_without_a_runtime_is_an_error_not_a_panic() {
    let remote = built(builder("http://127.0.0.1:1"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());

    let mut reply = std::pin::pin!(whole(&remote));

    match reply.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(error)) => assert!(error.to_string().contains("tokio")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_search_for_keys_in_traces_finds_them() {
    let (key, leaks) = ("canary-of-this-test", Arc::<Mutex<Vec<_>>>::default());
    let guard = trace::Guard {
        key,
        leaks: leaks.clone(),
    };
    tracing::subscriber::with_default(guard, || {
        tracing::trace!(target: "anyone", header = ?[key], "an event");
        let span = tracing::trace_span!("a span", url = key, late = tracing::field::Empty);
        span.record("late", key);
        tracing::trace!("the message has {key} in it");
        tracing::trace!(frame = ?key.as_bytes(), "a list of bytes");
        tracing::trace!(frame = %"6361 63616e6172792D6f662d746869732d74657374", "their digits");
        tracing::trace!("nothing");
    });

    let found = leaks.lock().expect("no panic under the lock");
    assert_eq!(found.len(), 6, "{found:?}");
}
