//! Work stops when the client disconnects.

use std::time::Duration;

use generativeai_server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::serve::{Running, start};
use crate::support::{Endless, Event};

const BODY: &str = r#"{"contents":[{"parts":[{"text":"Hello"}]}]}"#;

async fn post(running: &Running, method: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address)
        .await
        .expect("a connection");
    let head = format!(
        "POST /v1beta/models/m:{method} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

#[tokio::test]
async fn a_client_that_disconnects_in_mid_stream_stops_the_work() {
    let (backend, mut events) = Endless::new(1);
    let tokens = backend.tokens.clone();
    let running = start(Server::new(backend).max_concurrent(1));
    let mut stream = post(&running, "streamGenerateContent?alt=sse").await;
    assert_eq!(events.recv().await, Some(Event::Started));
    let mut bytes = [0; 1_024];
    assert!(stream.read(&mut bytes).await.expect("bytes") > 0);

    drop(stream);

    assert_eq!(events.recv().await, Some(Event::Dropped));
    tokens.add_permits(1);
    let mut next = post(&running, "streamGenerateContent?alt=sse").await;
    assert_eq!(events.recv().await, Some(Event::Started));
    assert!(next.read(&mut bytes).await.expect("bytes") > 0);
    drop(next);
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_disconnects_before_the_response_stops_the_work() {
    let (backend, mut events) = Endless::new(0);
    let running = start(Server::new(backend));
    for method in ["generateContent", "streamGenerateContent"] {
        let stream = post(&running, method).await;
        assert_eq!(events.recv().await, Some(Event::Started));

        drop(stream);

        assert_eq!(events.recv().await, Some(Event::Dropped));
    }
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    // Far more chunks than the buffers of the connection hold, so a write has to wait for the client.
    let (backend, mut events) = Endless::new(10_000_000);
    let server = Server::new(backend).write_timeout(Duration::from_millis(50));
    let running = start(server);

    let stream = post(&running, "streamGenerateContent?alt=sse").await;

    assert_eq!(events.recv().await, Some(Event::Started));
    assert_eq!(events.recv().await, Some(Event::Dropped));
    drop(stream);
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_pauses_is_served_without_an_effective_time_limit() {
    let (backend, mut events) = Endless::new(10_000_000);
    let server = Server::new(backend)
        .header_timeout(Duration::MAX)
        .write_timeout(Duration::MAX);
    let running = start(server);

    let stream = post(&running, "streamGenerateContent?alt=sse").await;

    assert_eq!(events.recv().await, Some(Event::Started));
    // Long enough to fill the buffers of the connection.
    let pause = tokio::time::timeout(Duration::from_millis(300), events.recv()).await;
    assert!(pause.is_err(), "{pause:?}");
    drop(stream);
    assert_eq!(events.recv().await, Some(Event::Dropped));
    running.stop().await;
}
