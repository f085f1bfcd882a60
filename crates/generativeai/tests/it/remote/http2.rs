//! HTTP/2: shared connections, and connections that end, stall or go stale.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use generativeai::ErrorKind;
use h2::server::{self, Connection, SendResponse};
use h2::{Reason, SendStream};
use http::{Request, Response};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::server::TlsStream;

use super::*;
use crate::support::server::event;
use crate::support::tls::{Authority, TlsListener};

type Http2 = Connection<TlsStream<TcpStream>, Bytes>;

/// Responses to the requests of one connection, in order; then the connection is closed.
type Script = Vec<Answer>;

/// Response to one request.
#[derive(Clone, Debug)]
enum Answer {
    /// A complete stream with this text.
    Text(&'static str),
    /// As `Text`; then the server accepts no more requests on this connection (GOAWAY).
    LastText(&'static str),
    /// One event of a stream; the stream is reset once the test has read it.
    Part(&'static str),
    /// As `Text`, with the texts of the request.
    Echo,
    /// The stream is reset.
    Reset(Reason),
    /// The connection ends with the stream open.
    GoAway(Reason),
}

/// A server that plays one script a connection, and its client.
struct Fixture {
    remote: Searched,
    retries: Retries,
    /// Receives a message for each request that the server has accepted.
    accepted: UnboundedReceiver<()>,
    /// Tells the server that the test has read a part.
    part_read: UnboundedSender<()>,
}

/// Starts a server whose flow-control windows for requests have this size.
async fn server(scripts: Vec<Script>, window: u32) -> Fixture {
    let authority = Authority::new("Ours");
    let (listener, url) = TlsListener::bind(authority.good(), "h2").await;
    let (part_read, mut is_part_read) = unbounded_channel();
    let (accept, accepted) = unbounded_channel();
    tokio::spawn(async move {
        for script in scripts {
            let connection = listener.accept().await.expect("a client that trusts us");
            let mut builder = server::Builder::new();
            builder.initial_window_size(window);
            let connection = builder.handshake(connection).await.expect("HTTP/2");
            play(connection, script, &accept, &mut is_part_read).await;
        }
    });
    let (remote, retries) = immediate(builder(&url).root_certificate(authority.pem()));
    Fixture {
        remote,
        retries,
        accepted,
        part_read,
    }
}

async fn play(
    mut connection: Http2,
    script: Script,
    accepted: &UnboundedSender<()>,
    part_read: &mut UnboundedReceiver<()>,
) {
    for answer in script {
        let Some(request) = connection.accept().await else {
            return;
        };
        let (request, mut respond) = request.expect("a request");
        // Most tests do not listen.
        let _ = accepted.send(());
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
                // The connection is driven until the test has read the part.
                tokio::select! {
                    _ = connection.accept() => panic!("no request is expected now"),
                    _ = part_read.recv() => stream.send_reset(Reason::INTERNAL_ERROR),
                }
            }
            Answer::Echo => {
                let body = body_of(request, &mut connection).await;
                whole_text(&mut respond, &texts_of(&body));
            }
            Answer::Reset(reason) => respond.send_reset(reason),
            Answer::GoAway(reason) => connection.abrupt_shutdown(reason),
        }
    }
    // Flushes, until the client closes the connection.
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        respond.send_reset(Reason::REFUSED_STREAM);
    }
}

/// Reads the body of a request while driving the connection, and checks its announced length.
async fn body_of(request: Request<h2::RecvStream>, connection: &mut Http2) -> Vec<u8> {
    let length = request.headers().get("content-length").cloned();
    let mut body = request.into_body();
    let reading = async move {
        let mut all = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece.expect("a whole request");
            let freed = body.flow_control().release_capacity(piece.len());
            freed.expect("data within the window");
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

/// Returns the concatenated texts of a request.
fn texts_of(body: &[u8]) -> String {
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
    let fixture = server(vec![script], WINDOW).await;

    for expected in ["1", "2", "3"] {
        let (texts, error) = streamed(&fixture.remote).await;
        assert_eq!((texts, error.is_none()), (vec![expected.to_owned()], true));
    }
    assert_eq!(fixture.retries.count(), 0);
}

#[tokio::test]
async fn of_connections_opened_at_the_same_time_one_is_kept() {
    let authority = Authority::new("Ours");
    let (listener, url) = TlsListener::bind(authority.good(), "h2").await;
    let (opened, open) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (count_opened, count_open) = (opened.clone(), open.clone());
    tokio::spawn(async move {
        loop {
            let connection = listener.accept().await;
            let (opened, open) = (count_opened.clone(), count_open.clone());
            tokio::spawn(async move {
                // The client may drop connections that it does not need at any time.
                let Ok(connection) = connection else { return };
                let Ok(mut connection) = server::handshake(connection).await else {
                    return;
                };
                opened.fetch_add(1, Ordering::Relaxed);
                open.fetch_add(1, Ordering::Relaxed);
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    whole_text(&mut respond, "Hello!");
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
    let (listener, url) = TlsListener::bind(authority.good(), "h2").await;
    let (reset, mut is_reset) = unbounded_channel();
    tokio::spawn(async move {
        let connection = listener.accept().await.expect("a client that trusts us");
        let mut connection = server::handshake(connection).await.expect("HTTP/2");
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
            whole_text(&mut respond, "Hello!");
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
    let fixture = server(vec![vec![Answer::Echo; 20]], 500).await;
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
        let script = vec![Answer::Reset(reason), Answer::Text("Hello!")];
        let fixture = server(vec![script], WINDOW).await;

        let (texts, error) = streamed(&fixture.remote).await;

        assert!(error.is_none(), "{reason}: {error:?}");
        assert_eq!(texts, ["Hello!"], "{reason}");
        assert_eq!(fixture.retries.count(), 1, "{reason}");
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_after_an_event_ends_with_an_error_and_is_kept() {
    let fixture = server(vec![vec![Answer::Part("so far")]], WINDOW).await;
    let mut chat = chat(&fixture.remote);

    let mut stream = chat.send_message("Hello").stream();
    stream.next().await.expect("a chunk").expect("a chunk");
    fixture.part_read.send(()).expect("the server waits");
    let error = stream.next().await.expect("an end").expect_err("a reset");
    drop(stream);

    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert_eq!((kept(&chat).as_str(), chat.history().len()), ("so far", 0));
    assert_eq!(fixture.retries.count(), 0);
}

#[tokio::test]
async fn a_connection_that_ends_with_goaway_is_replaced() {
    for reason in [Reason::NO_ERROR, Reason::ENHANCE_YOUR_CALM] {
        let scripts = vec![vec![Answer::GoAway(reason)], vec![Answer::Text("Hello!")]];
        let fixture = server(scripts, WINDOW).await;

        let (texts, error) = streamed(&fixture.remote).await;

        assert!(error.is_none(), "{reason}: {error:?}");
        assert_eq!(texts, ["Hello!"], "{reason}");
        assert_eq!(fixture.retries.count(), 1, "{reason}");
    }
}

#[tokio::test]
async fn a_connection_that_is_shut_down_gracefully_is_replaced_without_a_retry() {
    let scripts = vec![vec![Answer::LastText("1")], vec![Answer::Text("2")]];
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
    // The request is never read completely, because the window for its body stays closed.
    let mut fixture = server(vec![vec![Answer::Text("never")]], 0).await;
    let mut chat = chat(&fixture.remote);

    let sending = chat.send_message("Hello").stream().finish();
    let pass = async {
        fixture.accepted.recv().await.expect("a request");
        time.release();
    };
    let (outcome, ()) = tokio::join!(sending, pass);

    let error = outcome.expect_err("the window is closed");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert_eq!(chat.history().len(), 0);
}
