//! Work stops when the client disconnects.

use std::net::TcpListener;

use generativeai_server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::serve::Running;
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

fn listener() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).expect("a free port")
}

#[tokio::test]
async fn a_client_that_disconnects_in_mid_stream_stops_the_work() {
    let (backend, mut events) = Endless::new(1);
    let tokens = backend.tokens.clone();
    let running = Running::start(Server::new(backend).max_concurrent(1), listener());
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
    let running = Running::start(Server::new(backend), listener());
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
    let server = Server::new(backend).write_timeout(std::time::Duration::from_millis(50));
    let running = Running::start(server, listener());

    let stream = post(&running, "streamGenerateContent?alt=sse").await;

    assert_eq!(events.recv().await, Some(Event::Started));
    assert_eq!(events.recv().await, Some(Event::Dropped));
    drop(stream);
    running.stop().await;
}
