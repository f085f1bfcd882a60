//! Serving well-behaved and hostile connections.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use generativeai::testing::Scripted;
use generativeai_server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{Endless, Event};

/// A running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

impl Running {
    pub(crate) fn start(server: Server, listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap_or_default() };
        Self {
            address,
            stop,
            ended: tokio::spawn(server.serve(listener, stopped)),
        }
    }

    /// Drops the server in mid-work.
    pub(crate) async fn kill(self) {
        self.ended.abort();
        let ended = self.ended.await;
        assert!(ended.is_err_and(|error| error.is_cancelled()));
    }

    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        self.ended.await.expect("no panic").expect("a good end");
    }
}

/// Serves on a free port of loopback.
pub(crate) fn start(server: Server) -> Running {
    Running::start(
        server,
        TcpListener::bind(("127.0.0.1", 0)).expect("a free port"),
    )
}

fn replies(count: usize) -> Scripted {
    (0..count).fold(Scripted::default(), |script, _| script.then_text("Hi!"))
}

/// Sends bytes and reads until the connection ends.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // The server may have closed its side already.
    let _ = stream.write_all(bytes).await;
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response).await;
    String::from_utf8_lossy(&response).into_owned()
}

async fn is_serving(address: SocketAddr) -> bool {
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    exchange(address, request).await.starts_with("HTTP/1.1 200")
}

const POST: &str = "POST /v1beta/models/m:generateContent HTTP/1.1\r\nhost: localhost\r\n";

#[tokio::test]
async fn slow_headers_and_bodies_time_out() {
    let server = Server::new(replies(1))
        .header_timeout(Duration::from_millis(100))
        .body_timeout(Duration::from_millis(100));
    let running = start(server);

    let head = exchange(running.address, b"GET / HTTP/1.1\r\nhost: loc").await;
    let body = exchange(
        running.address,
        format!("{POST}content-length: 10\r\n\r\n{{").as_bytes(),
    )
    .await;

    assert_eq!(head, "");
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    assert!(body.contains(r#""status":"DEADLINE_EXCEEDED""#), "{body}");
    assert!(is_serving(running.address).await);
    running.stop().await;
}

#[tokio::test]
async fn a_huge_body_is_rejected_without_reading_it() {
    let running = start(Server::new(replies(1)).body_limit(100_000));
    let with_length = format!("{POST}content-length: 1000000000\r\nexpect: 100-continue\r\n\r\n");
    let chunk = format!("{:x}\r\n{}\r\n", 50_000, " ".repeat(50_000));
    let chunked = format!(
        "{POST}transfer-encoding: chunked\r\n\r\n{}",
        chunk.repeat(3)
    );

    let with_length = exchange(running.address, with_length.as_bytes()).await;
    let chunked = exchange(running.address, format!("{chunked}0\r\n\r\n").as_bytes()).await;

    for response in [with_length, chunked] {
        assert!(response.starts_with("HTTP/1.1 413"), "{response}");
        assert!(response.contains(r#"{"error":{"code":413,"#), "{response}");
    }
    running.stop().await;
}

#[tokio::test]
async fn ten_thousand_headers_are_rejected_in_json() {
    let running = start(Server::new(replies(1)));
    let headers: String = (0..10_000)
        .map(|count| format!("x-{count}: 1\r\n"))
        .collect();

    let response = exchange(
        running.address,
        format!("GET /v1beta/models HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").as_bytes(),
    )
    .await;

    assert!(response.starts_with("HTTP/1.1 431"), "{response}");
    assert!(response.contains(r#"{"error":{"code":431,"#), "{response}");
    running.stop().await;
}

#[tokio::test]
async fn hosts_and_paths_of_attackers_are_rejected() {
    let running = start(Server::new(replies(1)));
    let close = "connection: close\r\n\r\n";
    for (request, code) in [
        ("GET / HTTP/1.1\r\nhost: evil.example\r\n", 403),
        ("GET / HTTP/1.1\r\n", 400),
        (
            "GET http://evil.example/ HTTP/1.1\r\nhost: localhost\r\n",
            403,
        ),
        (
            "GET /v1beta/models/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nhost: localhost\r\n",
            404,
        ),
        (
            "GET /v1beta/models/%2e%2e HTTP/1.1\r\nhost: localhost\r\n",
            400,
        ),
        ("GET /../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n", 404),
        (
            "OPTIONS /v1beta/models HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\n",
            403,
        ),
    ] {
        let response = exchange(running.address, format!("{request}{close}").as_bytes()).await;

        assert!(
            response.starts_with(&format!("HTTP/1.1 {code}")),
            "{request}: {response}"
        );
        assert!(
            response.contains(&format!(r#"{{"error":{{"code":{code},"#)),
            "{request}: {response}"
        );
    }
    assert!(
        exchange(running.address, b"\x16\x03\x01 not HTTP\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 400")
    );
    running.stop().await;
}

#[tokio::test]
async fn a_thousand_idle_and_half_open_connections_do_not_block_others() {
    let running = start(Server::new(replies(1)));
    // As many as the machine allows, but enough for the test to mean something.
    let mut idle = Vec::new();
    while idle.len() < 1_000 {
        let Ok(mut stream) = TcpStream::connect(running.address).await else {
            break;
        };
        match idle.len() % 3 {
            0 => {}
            1 => stream.write_all(b"GET / HTTP/1.1\r\n").await.expect("sent"),
            _ => stream.shutdown().await.expect("half closed"),
        }
        idle.push(stream);
    }
    assert!(idle.len() >= 400, "{}", idle.len());
    drop(idle.split_off(idle.len() - 50));

    let body = r#"{"contents":[{"parts":[{"text":"Hello"}]}]}"#;
    let request = format!(
        "{POST}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let response = exchange(running.address, request.as_bytes()).await;

    assert!(response.contains("Hi!"), "{response}");
    drop(idle);
    running.stop().await;
}

#[tokio::test]
async fn a_stopping_server_lets_responses_complete_and_accepts_no_more() {
    let (backend, mut events) = Endless::new(1);
    let running = start(Server::new(backend).drain_timeout(Duration::from_millis(100)));
    let address = running.address;
    let body = r#"{"contents":[]}"#;
    let request = format!(
        "POST /v1beta/models/m:streamGenerateContent HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut idle = TcpStream::connect(address).await.expect("a connection");
    let response = tokio::spawn(async move { exchange(address, request.as_bytes()).await });
    assert_eq!(events.recv().await, Some(Event::Started));

    running.stop().await;

    assert_eq!(events.recv().await, Some(Event::Dropped));
    assert!(response.await.expect("no panic").contains("ha "));
    assert_eq!(idle.read(&mut [0; 1]).await.expect("an end"), 0);
    assert!(TcpStream::connect(address).await.is_err());
}
