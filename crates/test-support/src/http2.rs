//! An HTTP/2 server that responds to each connection according to a script.
//!
//! It uses `h2` directly, since tests need what a server framework hides: resets, GOAWAY, and window sizes.

use std::future::poll_fn;

use bytes::Bytes;
use h2::server::{self, Connection, SendResponse};
use h2::{Reason, SendStream};
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::server::TlsStream;

use super::tls::{Authority, TlsListener};

type Http2 = Connection<TlsStream<TcpStream>, Bytes>;

/// Responses to the requests of one connection, in order. Requests after the last one are refused.
pub type Script = Vec<Answer>;

/// Response to one request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Sends these events and ends the stream.
    Whole(String),
    /// Like `Whole`, but then accepts no more requests on this connection (GOAWAY).
    Last(String),
    /// Sends these events, and resets the stream once the test has read them.
    Part(String),
    /// Like `Whole`, with events that the function creates from the body of the request.
    Echo(fn(&[u8]) -> String),
    /// Resets the stream.
    Reset(Reason),
    /// Closes the connection while the stream is open.
    GoAway(Reason),
}

/// An HTTP/2 server with one script for each connection.
#[derive(Debug)]
pub struct Http2Server {
    /// Base URL.
    pub url: String,
    /// Certificate that a client must trust.
    pub pem: String,
    /// Receives a message for each request that the server has accepted.
    pub accepted: UnboundedReceiver<()>,
    /// Sends the server a message once the test has read the events of a `Part`.
    pub part_read: UnboundedSender<()>,
}

impl Http2Server {
    /// Starts a server. `window` is the size in bytes of its flow-control windows for request bodies.
    pub async fn play(scripts: Vec<Script>, window: u32) -> Self {
        let authority = Authority::new("Ours");
        let (listener, url) = TlsListener::bind(authority.valid_config(), "h2").await;
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
        Self {
            url,
            pem: authority.pem(),
            accepted,
            part_read,
        }
    }
}

/// Answers the requests of one connection according to its script.
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
        // Most tests drop the receiver.
        let _ = accepted.send(());
        match answer {
            Answer::Whole(events) => {
                body_of(request, &mut connection).await;
                send_whole(&mut respond, events);
            }
            Answer::Last(events) => {
                body_of(request, &mut connection).await;
                send_whole(&mut respond, events);
                connection.graceful_shutdown();
            }
            Answer::Part(events) => {
                body_of(request, &mut connection).await;
                let mut stream = begin(&mut respond);
                stream
                    .send_data(events.into(), false)
                    .expect("an open stream");
                // A reset discards the frames of its stream that are not sent yet, and only polling the connection
                // sends frames. So the connection is polled until the test has read the events.
                tokio::select! {
                    _ = connection.accept() => panic!("no request is expected now"),
                    _ = part_read.recv() => stream.send_reset(Reason::INTERNAL_ERROR),
                }
            }
            Answer::Echo(events_for) => {
                let body = body_of(request, &mut connection).await;
                send_whole(&mut respond, events_for(&body));
            }
            Answer::Reset(reason) => respond.send_reset(reason),
            Answer::GoAway(reason) => connection.abrupt_shutdown(reason),
        }
    }
    // Frames are still in the buffer of the connection. Polling it until the client closes it sends them.
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        respond.send_reset(Reason::REFUSED_STREAM);
    }
}

/// Reads the body of a request while driving the connection, and checks its announced length.
async fn body_of(request: Request<h2::RecvStream>, connection: &mut Http2) -> Vec<u8> {
    let length = request.headers().get("content-length").cloned();
    let mut body = request.into_body();
    // The body arrives only while the connection is polled, so both run together.
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
            panic!("the client closed the connection during its request: {closed:?}")
        }
    }
}

/// Sends the head of a stream.
pub fn begin(respond: &mut SendResponse<Bytes>) -> SendStream<Bytes> {
    let head = Response::builder().header("content-type", "text/event-stream");
    let head = head.body(()).expect("a head");
    respond.send_response(head, false).expect("an open stream")
}

/// Sends a complete stream.
pub fn send_whole(respond: &mut SendResponse<Bytes>, events: String) {
    begin(respond)
        .send_data(events.into(), true)
        .expect("an open stream");
}

/// Default size of a flow-control window (RFC 9113, section 6.9.2).
pub const WINDOW: u32 = 65_535;
