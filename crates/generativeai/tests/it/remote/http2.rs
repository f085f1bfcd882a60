//! HTTP/2: shared connections, and connections that end, stall or go stale.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use generativeai::ErrorKind;
use generativeai_test_support::http2::{Answer, Http2Server, Script, WINDOW, begin, send_whole};
use generativeai_test_support::tls::{Authority, TlsListener};
use h2::{Reason, server as h2_server};
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::support::server::event;

/// The server, and its client.
struct Fixture {
    remote: Searched,
    retries: Retries,
    server: Http2Server,
}

async fn server(scripts: Vec<Script>, window: u32) -> Fixture {
    let server = Http2Server::play(scripts, window).await;
    let (remote, retries) = immediate(builder(&server.url).root_certificate(&server.pem));
    Fixture {
        remote,
        retries,
        server,
    }
}

fn text(text: &str) -> Answer {
    Answer::Whole(event(text, Some("STOP")))
}

/// Returns a stream with the concatenated texts of a request.
fn echo(body: &[u8]) -> String {
    let request: Value = serde_json::from_slice(body).expect("JSON");
    let contents = request["contents"].as_array().expect("contents");
    let texts = contents
        .iter()
        .map(|content| content["parts"][0]["text"].as_str().expect("a text"));
    event(&texts.collect::<String>(), Some("STOP"))
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let script = vec![text("1"), text("2"), text("3")];
    let fixture = server(vec![script], WINDOW).await;

    for expected in ["1", "2", "3"] {
        let (texts, error) = streamed(&fixture.remote).await;
        assert_eq!((texts, error.is_none()), (vec![expected.to_owned()], true));
    }
    assert_eq!(fixture.retries.count(), 0);
}

#[tokio::test]
async fn one_of_the_connections_opened_at_the_same_time_is_kept() {
    let authority = Authority::new("Ours");
    let (listener, url) = TlsListener::bind(authority.valid_config(), "h2").await;
    let (opened, open) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (count_opened, count_open) = (opened.clone(), open.clone());
    tokio::spawn(async move {
        loop {
            let connection = listener.accept().await;
            let (opened, open) = (count_opened.clone(), count_open.clone());
            tokio::spawn(async move {
                // The client may drop connections that it does not need at any time.
                let Ok(connection) = connection else { return };
                let Ok(mut connection) = h2_server::handshake(connection).await else {
                    return;
                };
                opened.fetch_add(1, Ordering::Relaxed);
                open.fetch_add(1, Ordering::Relaxed);
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    send_whole(&mut respond, event("Hello!", Some("STOP")));
                }
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    let remote = built(builder(&url).root_certificate(authority.pem()));

    let three = tokio::join!(streamed(&remote), streamed(&remote), streamed(&remote));
    for (texts, error) in [three.0, three.1, three.2] {
        assert_eq!((texts, error.is_none()), (vec!["Hello!".to_owned()], true));
    }
    while open.load(Ordering::Relaxed) != 1 {
        tokio::task::yield_now().await;
    }
    let before = opened.load(Ordering::Relaxed);

    let (texts, error) = streamed(&remote).await;
    assert_eq!((texts, error.is_none()), (vec!["Hello!".to_owned()], true));
    assert_eq!(opened.load(Ordering::Relaxed), before);
}

#[tokio::test]
async fn dropping_a_stream_resets_it_and_leaves_its_connection_to_others() {
    let authority = Authority::new("Ours");
    let (listener, url) = TlsListener::bind(authority.valid_config(), "h2").await;
    let (reset, mut is_reset) = unbounded_channel();
    tokio::spawn(async move {
        let connection = listener.accept().await.expect("a client that trusts us");
        let mut connection = h2_server::handshake(connection).await.expect("HTTP/2");
        let first = connection.accept().await.expect("a request");
        let (_, mut respond) = first.expect("a request");
        let mut stream = begin(&mut respond);
        let part = event("so far", None).into();
        stream.send_data(part, false).expect("an open stream");
        tokio::select! {
            _ = connection.accept() => panic!("no request is expected now"),
            reason = poll_fn(|cx| stream.poll_reset(cx)) => {
                reset.send(reason.expect("a reset")).expect("a test that waits");
            }
        }
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            send_whole(&mut respond, event("Hello!", Some("STOP")));
        }
    });
    let remote = built(builder(&url).root_certificate(authority.pem()));

    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());
    next(&mut chunks).await.expect("a chunk").expect("a chunk");
    drop(chunks);

    assert_eq!(is_reset.recv().await, Some(Reason::CANCEL));
    let (texts, error) = streamed(&remote).await;
    assert_eq!((texts, error.is_none()), (vec!["Hello!".to_owned()], true));
}

#[tokio::test]
async fn a_body_of_many_pieces_passes_a_small_window() {
    let fixture = server(vec![vec![Answer::Echo(echo); 20]], 500).await;
    let mut chat = chat(&fixture.remote);

    let mut all = String::new();
    for turn in 0..20 {
        let message = turn.to_string().repeat(300);
        all.push_str(&message);
        let reply = chat.send_message(message).stream().finish().await;
        let text = reply.expect("a reply").text().expect("a text");
        assert_eq!(text, all, "{turn}");
        if turn < 8 {
            all.push_str(&text);
        } else {
            chat.rewind();
            all.truncate(all.len() - turn.to_string().len() * 300);
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_before_its_first_event_is_retried() {
    for reason in [
        Reason::REFUSED_STREAM,
        Reason::INTERNAL_ERROR,
        Reason::ENHANCE_YOUR_CALM,
        Reason::CANCEL,
    ] {
        let script = vec![Answer::Reset(reason), text("Hello!")];
        let fixture = server(vec![script], WINDOW).await;

        let (texts, error) = streamed(&fixture.remote).await;

        assert!(error.is_none(), "{reason}: {error:?}");
        assert_eq!(texts, ["Hello!"], "{reason}");
        assert_eq!(fixture.retries.count(), 1, "{reason}");
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_after_an_event_ends_with_an_error_and_is_kept() {
    let fixture = server(vec![vec![Answer::Part(event("so far", None))]], WINDOW).await;
    let mut chat = chat(&fixture.remote);

    let mut stream = chat.send_message("Hello").stream();
    stream.next().await.expect("a chunk").expect("a chunk");
    fixture.server.part_read.send(()).expect("the server waits");
    let error = stream.next().await.expect("an end").expect_err("a reset");
    drop(stream);

    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert_eq!((kept(&chat).as_str(), chat.history().len()), ("so far", 0));
    assert_eq!(fixture.retries.count(), 0);
}

#[tokio::test]
async fn a_connection_that_ends_with_goaway_is_replaced() {
    for reason in [Reason::NO_ERROR, Reason::ENHANCE_YOUR_CALM] {
        let scripts = vec![vec![Answer::GoAway(reason)], vec![text("Hello!")]];
        let fixture = server(scripts, WINDOW).await;

        let (texts, error) = streamed(&fixture.remote).await;

        assert!(error.is_none(), "{reason}: {error:?}");
        assert_eq!(texts, ["Hello!"], "{reason}");
        assert_eq!(fixture.retries.count(), 1, "{reason}");
    }
}

#[tokio::test]
async fn a_connection_that_is_shut_down_gracefully_is_replaced_without_a_retry() {
    let scripts = vec![
        vec![Answer::Last(event("1", Some("STOP")))],
        vec![text("2")],
    ];
    let fixture = server(scripts, WINDOW).await;

    for expected in ["1", "2"] {
        let (texts, error) = streamed(&fixture.remote).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(texts, [expected]);
    }
    assert_eq!(fixture.retries.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_no_bytes_is_timed_out() {
    let time = StoppedTime::start();
    // The window stays closed. A client that has not read the settings yet sends up to 65,535 bytes, so the message is
    // longer than that.
    let mut fixture = server(vec![vec![text("never")]], 0).await;
    let mut chat = chat(&fixture.remote);
    let message = "x".repeat(100_000);

    let sending = chat.send_message(message.as_str()).stream().finish();
    let pass = async {
        fixture.server.accepted.recv().await.expect("a request");
        time.release();
    };
    let (outcome, ()) = tokio::join!(sending, pass);

    let error = outcome.expect_err("the window is closed");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert_eq!(chat.history().len(), 0);
}
