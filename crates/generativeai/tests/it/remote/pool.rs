//! The pool of HTTP/1.1 connections: which are reused, which are closed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use generativeai::ErrorKind;
use generativeai::protocol::content::{Blob, Content};
use generativeai_test_support::tls::listen;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::*;
use crate::support::server::{event, reply};

/// Reads one request and responds; the connection stays open.
async fn answer_one(connection: &mut TcpStream) {
    receive(connection).await;
    reply_to(connection).await;
}

async fn reply_to(connection: &mut TcpStream) {
    let body = reply("Hello!", Some("STOP")).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    let answer = format!("{head}{}\r\n\r\n{body}", body.len());
    connection
        .write_all(answer.as_bytes())
        .await
        .expect("a client that reads");
}

/// Reads one request. Its body ends with these brackets.
async fn receive(connection: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"]}]}") && !request.ends_with(b"}]}") {
        let mut piece = [0; 4096];
        let read = connection.read(&mut piece).await.expect("a request");
        assert!(read > 0, "a whole request");
        request.extend_from_slice(&piece[..read]);
    }
}

#[tokio::test]
async fn consecutive_requests_share_a_connection() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        for _ in 0..3 {
            answer_one(&mut connection).await;
        }
    });
    let remote = built(builder(&format!("http://{address}")));

    for _ in 0..3 {
        assert_eq!(whole(&remote).await.expect("a reply"), "Hello!");
    }
}

#[tokio::test]
async fn concurrent_requests_have_a_connection_each_and_return_it_to_the_pool() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut one, _) = listener.accept().await.expect("a connection");
        let (mut other, _) = listener.accept().await.expect("a connection");
        for _ in 0..2 {
            // Both requests are read before the first response is sent.
            receive(&mut one).await;
            receive(&mut other).await;
            reply_to(&mut one).await;
            reply_to(&mut other).await;
        }
    });
    let remote = built(builder(&format!("http://{address}")));

    for _ in 0..2 {
        let (one, other) = tokio::join!(whole(&remote), whole(&remote));
        let texts = [one, other].map(|text| text.expect("a reply"));
        assert_eq!(texts, ["Hello!", "Hello!"]);
    }
}

#[tokio::test]
async fn a_connection_whose_response_was_not_read_to_its_end_is_closed_at_once() {
    let (listener, address) = listen().await;
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        receive(&mut connection).await;
        let event = event("so far", None);
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let beginning = format!("{head}{:x}\r\n{event}\r\n", event.len());
        connection
            .write_all(beginning.as_bytes())
            .await
            .expect("a client that reads");
        let left = connection.read(&mut [0]).await;
        closed.send(left.unwrap_or(0)).expect("a test that waits");
        let (mut connection, _) = listener.accept().await.expect("a connection");
        answer_one(&mut connection).await;
    });
    let remote = built(builder(&format!("http://{address}")));

    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());
    let first = next(&mut chunks).await.expect("a chunk").expect("a chunk");
    drop(chunks);

    assert_eq!(first.text().expect("a text"), "so far");
    assert_eq!(is_closed.await.expect("a server"), 0);
    assert_eq!(whole(&remote).await.expect("another connection"), "Hello!");
}

#[tokio::test]
async fn a_response_to_a_partly_sent_request_is_read_and_its_connection_not_reused() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut hasty, _) = listener.accept().await.expect("a connection");
        let read = hasty.read(&mut [0; 1024]).await.expect("a request");
        assert!(read > 0, "the beginning of a request");
        let body = r#"{"error":{"code":413,"message":"too large","status":"INVALID_ARGUMENT"}}"#;
        let head = "HTTP/1.1 413 Payload Too Large\r\ncontent-length: ";
        hasty
            .write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes())
            .await
            .expect("a client that reads");
        // The server neither reads the rest nor closes the connection.
        let (mut other, _) = listener.accept().await.expect("another connection");
        answer_one(&mut other).await;
        drop(hasty);
    });
    let remote = built(builder(&format!("http://{address}")));
    let picture = Blob::from_base64("image/png", "QUJD".repeat(8 << 20));
    let request = hello().contents([Content::user(picture)]);
    let options = RequestOptions::default().timeout(Duration::from_secs(60));

    let answer = remote.generate_content(request, options).await;

    let error = answer.expect_err("too large");
    assert_eq!(
        (error.kind(), error.http_code()),
        (ErrorKind::Request, Some(413))
    );
    assert_eq!(whole(&remote).await.expect("a reply"), "Hello!");
}

#[tokio::test]
async fn a_pooled_connection_that_the_server_has_closed_is_replaced() {
    let (listener, address) = listen().await;
    let (closed, mut is_closed) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        // The first connection is closed between two requests, the second one within a request.
        let (mut connection, _) = listener.accept().await.expect("a connection");
        answer_one(&mut connection).await;
        drop(connection);
        closed.send(()).await.expect("a test that waits");
        let (mut connection, _) = listener.accept().await.expect("a connection");
        answer_one(&mut connection).await;
        receive(&mut connection).await;
        drop(connection);
        let (mut connection, _) = listener.accept().await.expect("a connection");
        answer_one(&mut connection).await;
    });
    let (remote, _) = immediate(builder(&format!("http://{address}")));

    assert_eq!(whole(&remote).await.expect("a reply"), "Hello!");
    is_closed.recv().await.expect("a server");
    assert_eq!(whole(&remote).await.expect("a new connection"), "Hello!");
    assert_eq!(whole(&remote).await.expect("another attempt"), "Hello!");
}

#[tokio::test]
async fn any_number_of_closed_connections_is_skipped_within_one_attempt() {
    const MANY: usize = 20;
    let (listener, address) = listen().await;
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut connections = Vec::new();
        for _ in 0..MANY {
            let (mut connection, _) = listener.accept().await.expect("a connection");
            receive(&mut connection).await;
            connections.push(connection);
        }
        for connection in &mut connections {
            reply_to(connection).await;
        }
        drop(connections);
        closed.send(()).expect("a test that waits");
        let (mut connection, _) = listener.accept().await.expect("a connection");
        answer_one(&mut connection).await;
    });
    let (remote, _) = immediate(builder(&format!("http://{address}")));

    let mut replies = JoinSet::new();
    for _ in 0..MANY {
        let remote = remote.clone();
        replies.spawn(async move { whole(&remote).await });
    }
    for reply in replies.join_all().await {
        assert_eq!(reply.expect("a reply"), "Hello!");
    }
    is_closed.await.expect("a server");
    let options = RequestOptions::default().without_retry();

    let reply = remote.generate_content(hello(), options).await;

    assert_eq!(
        reply.and_then(|reply| reply.text()).expect("a reply"),
        "Hello!"
    );
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Serves requests on a separate thread; returns the address and the number of connections.
fn serve() -> (SocketAddr, Arc<AtomicUsize>) {
    let (known, address) = mpsc::channel();
    let count = Arc::new(AtomicUsize::new(0));
    let connections = Arc::clone(&count);
    thread::spawn(move || {
        runtime().block_on(async move {
            let (listener, address) = listen().await;
            known.send(address).expect("a test that waits");
            while let Ok((mut connection, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    while connection.peek(&mut [0]).await.is_ok_and(|read| read > 0) {
                        answer_one(&mut connection).await;
                    }
                });
            }
        });
    });
    (address.recv().expect("a server"), count)
}

#[test]
fn a_client_can_be_shared_by_runtimes_that_run_one_at_a_time() {
    let (address, connections) = serve();
    let remote = built(builder(&format!("http://{address}")));
    let ask = || {
        let options = RequestOptions::default().timeout(Duration::from_secs(10));
        remote.generate_content(hello(), options.without_retry())
    };
    let runtimes = [runtime(), runtime(), runtime()];

    for runtime in runtimes.iter().cycle().take(6) {
        let reply = runtime.block_on(ask()).and_then(|reply| reply.text());
        assert_eq!(reply.expect("a reply"), "Hello!");
    }

    assert_eq!(connections.load(Ordering::Relaxed), runtimes.len());
}

#[test]
fn a_client_can_be_shared_by_many_short_lived_runtimes() {
    let (address, connections) = serve();
    let remote = built(builder(&format!("http://{address}")));
    let long_lived = runtime();

    for _ in 0..40 {
        for runtime in [&long_lived, &runtime()] {
            let reply = runtime.block_on(whole(&remote));
            assert_eq!(reply.expect("a reply"), "Hello!");
        }
    }

    // One for each short-lived runtime, and one that the other runtime keeps using.
    assert_eq!(connections.load(Ordering::Relaxed), 41);
}

#[test]
fn a_client_can_be_shared_by_runtimes_that_run_at_the_same_time() {
    let (address, connections) = serve();
    let remote = built(builder(&format!("http://{address}")));

    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                runtime().block_on(async {
                    for _ in 0..20 {
                        let reply = whole(&remote).await;
                        assert_eq!(reply.expect("a reply"), "Hello!");
                    }
                });
            });
        }
    });

    assert_eq!(connections.load(Ordering::Relaxed), 2);
}
