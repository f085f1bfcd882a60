//! HTTP/2 connections that end, stall or go stale.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use generativeai::ErrorKind;
use h2::server::{self, Connection, SendResponse};
use h2::{Reason, SendStream};
use http::{Request, Response};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::*;
use crate::support::server::event;
use crate::support::tls::{Authority, TlsListener};

type Http2 = Connection<TlsStream<TcpStream>, Bytes>;

/// What is done with the requests of one connection, in order; then the connection is closed.
type Script = Vec<Answer>;

/// What is done with one request.
#[derive(Clone, Debug)]
enum Answer {
    /// A whole stream of this text.
    Text(&'static str),
    /// As `Text`; then the server takes no more requests on this connection.
    LastText(&'static str),
    /// One event of a stream; the stream is reset once the test has read it.
    Part(&'static str),
    /// As `Text`: all that the contents of the request say, if its body is as long as it says.
    Said,
    /// The stream is reset.
    Reset(Reason),
    /// The connection ends with the stream open.
    GoAway(Reason),
}

/// Plays one script a connection, with windows of so many bytes for what clients send. Gives the
/// client of the server, and how the test says that it has read a part.
async fn server(scripts: Vec<Script>, window: u32) -> (Searched, TestClock, Sign) {
    let authority = Authority::new("Ours");
    let (listener, url) = TlsListener::bind(authority.good(), "h2").await;
    let (sign, mut read) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        for script in scripts {
            let connection = listener.accept().await.expect("a client that trusts us");
            let mut builder = server::Builder::new();
            builder.initial_window_size(window);
            let connection = builder.handshake(connection).await.expect("HTTP/2");
            play(connection, script, &mut read).await;
        }
    });
    let clock = TestClock::new();
    let remote = builder(&url)
        .root_certificate(authority.pem())
        .clock(clock.clone());
    (built(remote), clock, sign)
}

type Sign = tokio::sync::mpsc::UnboundedSender<()>;

async fn play(
    mut connection: Http2,
    script: Script,
    read: &mut tokio::sync::mpsc::UnboundedReceiver<()>,
) {
    for answer in script {
        let Some(request) = connection.accept().await else {
            return;
        };
        let (request, mut respond) = request.expect("a request");
        match answer {
            Answer::Text(text) => {
                body_of(request, &mut connection).await;
                whole_text(&mut respond, text);
            }
            Answer::LastText(text) => {
                body_of(request, &mut connection).await;
                whole_text(&mut respond, text);
                connection.graceful_shutdown();
            }
            Answer::Part(text) => {
                body_of(request, &mut connection).await;
                let mut stream = begin(&mut respond);
                stream
                    .send_data(event(text, None).into(), false)
                    .expect("an open stream");
                // The connection is driven on until the test has read.
                tokio::select! {
                    _ = connection.accept() => panic!("no request is expected now"),
                    _ = read.recv() => stream.send_reset(Reason::INTERNAL_ERROR),
                }
            }
            Answer::Said => {
                let body = body_of(request, &mut connection).await;
                whole_text(&mut respond, &said(&body));
            }
            Answer::Reset(reason) => respond.send_reset(reason),
            Answer::GoAway(reason) => connection.abrupt_shutdown(reason),
        }
    }
    // Sends what is left, until the client has gone or the connection is shut down.
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        respond.send_reset(Reason::REFUSED_STREAM);
    }
}

/// Reads a request to its end while the connection is driven.
async fn body_of(request: Request<h2::RecvStream>, connection: &mut Http2) -> Vec<u8> {
    let length = request.headers().get("content-length").cloned();
    let mut body = request.into_body();
    let reading = async move {
        let mut all = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece.expect("a whole request");
            let freed = body.flow_control().release_capacity(piece.len());
            freed.expect("what came was taken from the window");
            all.extend_from_slice(&piece);
        }
        let length = length.expect("a length");
        assert_eq!(length.to_str().expect("digits"), all.len().to_string());
        all
    };
    tokio::pin!(reading);
    tokio::select! {
        all = &mut reading => all,
        closed = poll_fn(|cx| connection.poll_closed(cx)) => {
            panic!("the client left within its request: {closed:?}")
        }
    }
}

/// What the contents of a request say, one after the other.
fn said(body: &[u8]) -> String {
    let request: Value = serde_json::from_slice(body).expect("JSON");
    let contents = request["contents"].as_array().expect("contents");
    let texts = contents
        .iter()
        .map(|content| content["parts"][0]["text"].as_str().expect("a text"));
    texts.collect()
}

fn begin(respond: &mut SendResponse<Bytes>) -> SendStream<Bytes> {
    let head = Response::builder().header("content-type", "text/event-stream");
    let head = head.body(()).expect("a head");
    respond.send_response(head, false).expect("an open stream")
}

fn whole_text(respond: &mut SendResponse<Bytes>, text: &str) {
    let data = event(text, Some("STOP")).into();
    begin(respond)
        .send_data(data, true)
        .expect("an open stream");
}

const WINDOW: u32 = 65_535;

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let script = vec![Answer::Text("1"), Answer::Text("2"), Answer::Text("3")];
    let (remote, clock, _sign) = server(vec![script], WINDOW).await;

    for expected in ["1", "2", "3"] {
        let (texts, error) = streamed(&remote).await;
        assert_eq!((texts, error.is_none()), (vec![expected.to_owned()], true));
    }
    assert_eq!(clock.slept().len(), 0);
}

#[tokio::test]
async fn of_connections_that_were_made_at_once_one_is_kept() {
    let authority = Authority::new("Ours");
    let (listener, url) = TlsListener::bind(authority.good(), "h2").await;
    let (end, mut ended) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        for _ in 0..3 {
            let connection = listener.accept().await.expect("a client that trusts us");
            let end = end.clone();
            tokio::spawn(async move {
                let mut connection = server::handshake(connection).await.expect("HTTP/2");
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    whole_text(&mut respond, "Hello!");
                }
                end.send(()).expect("a test that waits");
            });
        }
    });
    let remote = built(builder(&url).root_certificate(authority.pem()));

    let three = tokio::join!(streamed(&remote), streamed(&remote), streamed(&remote));
    for (texts, error) in [three.0, three.1, three.2] {
        assert_eq!((texts, error.is_none()), (vec!["Hello!".to_owned()], true));
    }
    for _ in 0..2 {
        let end = timeout(Duration::from_secs(10), ended.recv()).await;
        assert_eq!(end, Ok(Some(())), "the end of a connection");
    }

    let (texts, error) = streamed(&remote).await;
    assert_eq!((texts, error.is_none()), (vec!["Hello!".to_owned()], true));
    assert!(ended.try_recv().is_err());
}

#[tokio::test]
async fn a_body_of_many_pieces_goes_through_a_small_window() {
    let (remote, _, _sign) = server(vec![vec![Answer::Said; 20]], 500).await;
    let mut chat = chat(&remote);

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
async fn a_stream_that_is_reset_before_its_first_event_is_tried_again() {
    for reason in [
        Reason::REFUSED_STREAM,
        Reason::INTERNAL_ERROR,
        Reason::ENHANCE_YOUR_CALM,
        Reason::CANCEL,
    ] {
        let script = vec![Answer::Reset(reason), Answer::Text("Hello!")];
        let (remote, clock, _sign) = server(vec![script], WINDOW).await;

        let (texts, error) = streamed(&remote).await;

        assert!(error.is_none(), "{reason}: {error:?}");
        assert_eq!(texts, ["Hello!"], "{reason}");
        assert_eq!(clock.slept().len(), 1, "{reason}");
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_after_an_event_ends_there_and_is_kept() {
    let (remote, clock, sign) = server(vec![vec![Answer::Part("so far")]], WINDOW).await;
    let mut chat = chat(&remote);

    let mut stream = chat.send_message("Hello").stream();
    stream.next().await.expect("a chunk").expect("a chunk");
    sign.send(()).expect("the server waits for it");
    let error = stream.next().await.expect("an end").expect_err("a reset");
    drop(stream);

    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert_eq!((kept(&chat).as_str(), chat.history().len()), ("so far", 0));
    assert_eq!(clock.slept().len(), 0);
}

#[tokio::test]
async fn a_connection_that_goes_away_is_replaced_by_another() {
    for reason in [Reason::NO_ERROR, Reason::ENHANCE_YOUR_CALM] {
        let scripts = vec![vec![Answer::GoAway(reason)], vec![Answer::Text("Hello!")]];
        let (remote, clock, _sign) = server(scripts, WINDOW).await;

        let (texts, error) = streamed(&remote).await;

        assert!(error.is_none(), "{reason}: {error:?}");
        assert_eq!(texts, ["Hello!"], "{reason}");
        assert_eq!(clock.slept().len(), 1, "{reason}");
    }
}

#[tokio::test]
async fn a_server_that_takes_leave_is_asked_on_a_new_connection() {
    let scripts = vec![vec![Answer::LastText("1")], vec![Answer::Text("2")]];
    let (remote, _, _sign) = server(scripts, WINDOW).await;

    for expected in ["1", "2"] {
        let (texts, error) = streamed(&remote).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(texts, [expected]);
    }
}

#[tokio::test]
async fn a_server_that_takes_no_bytes_is_given_up() {
    // The request is never read to its end, since the window for its body stays shut.
    let (remote, clock, _sign) = server(vec![vec![Answer::Text("never")]], 0).await;
    let mut chat = chat(&remote);
    let options = RequestOptions::default().without_retry();

    let sending = async {
        chat.send_message("Hello")
            .request_options(options)
            .stream()
            .finish()
            .await
    };
    let (outcome, ()) = tokio::join!(sending, clock.pass());

    let error = outcome.expect_err("the window is shut");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert_eq!(chat.history().len(), 0);
}
