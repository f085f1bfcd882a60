//! Connections that break, and responses that are shorter than they announce.

use generativeai::ErrorKind;

use super::*;
use crate::support::server::{STREAM, answer, event, reply};
use crate::support::{Act, Server};

/// Sends this and resets the connection.
fn reset_after(sent: &str) -> Vec<Act> {
    vec![Act::Send(sent.into()), Act::Reset]
}

#[tokio::test]
async fn a_reset_before_the_first_byte_is_retried() {
    let good = format!("{STREAM}{}", event("Hello!", Some("STOP")));
    let server = Server::play([
        vec![Act::Reset],
        vec![Act::Send(Vec::new())],
        reset_after(STREAM),
        vec![Act::Send(good.into())],
    ]);
    let (remote, retries) = client(&server);

    let (texts, error) = streamed(&remote).await;

    assert_eq!((texts, error.is_none()), (vec!["Hello!".to_owned()], true));
    assert_eq!(retries.count(), 3);
    assert_eq!(server.received().len(), 4);
}

#[tokio::test]
async fn a_connection_that_is_lost_after_the_head_is_retried() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
    let good = answer(
        "200 OK",
        "application/json",
        &reply("Hello!", Some("STOP")).to_string(),
    );
    let server = Server::play([vec![Act::Send(head.into())], vec![Act::Send(good.into())]]);

    assert_eq!(whole(&client(&server).0).await.expect("a reply"), "Hello!");
}

#[tokio::test]
async fn a_reset_after_the_first_event_ends_the_stream_and_keeps_the_partial_reply() {
    for rest in ["", "data: {\"candid"] {
        let (sign, came) = std::sync::mpsc::channel();
        let server = Server::play([vec![
            Act::Send(format!("{STREAM}{}{rest}", event("so far", None)).into()),
            Act::OnCue(Vec::new(), came),
            Act::Reset,
        ]]);
        let mut chat = chat(&client(&server).0);

        let mut stream = chat.send_message("Hello").stream();
        let first = stream.next().await.expect("a chunk").expect("a chunk");
        drop(sign);
        let error = stream.next().await.expect("an end").expect_err("a break");
        drop(stream);

        assert_eq!(first.text().expect("a text"), "so far");
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(server.received().len(), 1);
        assert_eq!(kept(&chat), "so far");
        assert!(chat.history().is_empty());
    }
}

#[tokio::test]
async fn a_reset_within_the_first_event_is_not_retried() {
    let (told, sent) = std::sync::mpsc::channel();
    let (sign, came) = std::sync::mpsc::channel();
    let server = Server::play([
        vec![
            Act::Send(format!("{STREAM}data: {{\"candid").into()),
            Act::Tell(told),
            Act::OnCue(Vec::new(), came),
            Act::Reset,
        ],
        reset_after(STREAM),
    ]);
    let (remote, retries) = client(&server);

    let break_off = async {
        // The client sends its request and reads half an event.
        while server.received().is_empty() {
            tokio::task::yield_now().await;
        }
        sent.recv().expect("half an event was sent");
        settle().await;
        drop(sign);
    };
    let ((texts, error), ()) = tokio::join!(streamed(&remote), break_off);

    let error = error.expect("an error");
    assert!(texts.is_empty());
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!((error.attempts().len(), retries.count()), (1, 0));
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_response_shorter_than_announced_is_a_broken_connection() {
    let body = reply("lost", Some("STOP")).to_string();
    let length = body.len() + 1;
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
    let cut = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}");
    let unended = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n",
        body.len()
    );
    let nonsense = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\nxyz\r\n";
    for sent in [&long, &cut, &unended, nonsense] {
        let server = Server::always(2, sent);

        let error = whole(&client(&server).0).await.expect_err(sent);

        assert_eq!(error.kind(), ErrorKind::Unreachable, "{sent}");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(server.received().len(), 1, "{sent}");
    }
}

#[tokio::test]
async fn json_that_is_cut_without_a_length_is_truncated() {
    let body = reply("lost", Some("STOP")).to_string();
    for (head, cut, kind) in [
        ("", 1, ErrorKind::Truncated),
        ("", body.len() / 2, ErrorKind::Truncated),
        ("", body.len() - 1, ErrorKind::Truncated),
        ("content-length: 40\r\n", 40, ErrorKind::Decode),
    ] {
        let sent = format!("HTTP/1.1 200 OK\r\n{head}\r\n{}", &body[..cut]);

        let error = whole(&client(&Server::always(1, &sent)).0).await;

        let error = error.expect_err(&sent);
        assert_eq!(error.kind(), kind, "{sent}");
        assert_eq!(error.is_retryable(), head.is_empty());
    }
}

#[tokio::test]
async fn a_stream_whose_chunks_are_cut_keeps_its_events() {
    let event = event("so far", None);
    let sent = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{event}\r\n",
        event.len()
    );

    let (texts, error) = streamed(&client(&Server::always(1, &sent)).0).await;

    assert_eq!(texts, ["so far"]);
    assert_eq!(error.expect("an error").kind(), ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_response_that_is_not_http_is_unreachable() {
    for sent in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 xyz\r\n\r\n",
        "\0\0\0\0",
    ] {
        let server = Server::always(4, sent);
        let error = whole(&client(&server).0).await.expect_err(sent);
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{sent:?}");
    }
}

/// Returns an event with a token from which the reply continues.
pub(super) fn checkpoint(text: &str, token: &str) -> String {
    let mut reply = reply(text, None);
    reply["candidates"][0]["continuationToken"] = token.into();
    format!("data: {reply}\r\n\r\n")
}

#[tokio::test]
async fn a_stream_that_breaks_at_any_byte_after_a_checkpoint_is_resumed_from_it() {
    let events = format!("{}{}", event("upon ", None), checkpoint("a tïme", "second"));
    for cut in 0..=events.len() {
        let mut first = format!("{STREAM}{}", checkpoint("Once ", "first")).into_bytes();
        first.extend_from_slice(&events.as_bytes()[..cut]);
        // An event without its blank line counts if it is complete.
        let is_second = cut + 4 >= events.len();
        let rest = match is_second {
            true => event(".", Some("STOP")),
            false => format!("{}{}", event("upon a ", None), event("tïme.", Some("STOP"))),
        };
        let rest = format!("{STREAM}{rest}");
        let server = Server::play([vec![Act::Send(first)], vec![Act::Send(rest.into())]]);
        let mut chat = chat(&client(&server).0);

        let reply = chat.send_message("Hello").stream().finish().await;

        let reply = reply.unwrap_or_else(|error| panic!("{cut}: {error:#}"));
        assert_eq!(reply.text().expect("a text"), "Once upon a tïme.", "{cut}");
        let token = &server.received()[1].json()["continuationToken"];
        assert_eq!(token == "second", is_second, "{cut}: {token}");
    }
}
