//! The Files API over real connections: uploads in all protocols, limits, expiry, restarts.

mod attachments;
mod resumable;
mod sdk;
mod stored;
mod used;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use generativeai::testing::Scripted;
use generativeai_server::{FileStorage, Server};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::serve::Running;

/// A running server with files, its folder and its clock.
struct Site {
    running: Running,
    folder: TempDir,
    /// Offset of the clock of the files, in seconds.
    ahead: Arc<AtomicU64>,
}

/// A response: its code, its headers, and its body.
#[derive(Debug)]
struct Response {
    code: u16,
    head: String,
    body: String,
}

impl Response {
    fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        values.next().map_or("", |(_, value)| value)
    }

    /// Returns the code, and the status of the upload.
    fn upload_status(&self) -> (u16, &str) {
        (self.code, self.header("x-goog-upload-status"))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Returns the message of an error, whose code must be this one.
    fn error(&self, code: u16) -> String {
        assert_eq!(self.code, code, "{self:?}");
        let error = self.json()["error"].clone();
        assert_eq!(error["code"], code, "{error}");
        error["message"].as_str().expect("a message").to_owned()
    }
}

impl Site {
    fn start() -> Self {
        Self::with(|files| files, Scripted::default())
    }

    fn with(settings: impl Fn(FileStorage) -> FileStorage, script: Scripted) -> Self {
        let folder = TempDir::new().expect("a folder");
        let ahead = Arc::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let running = run(listener, &folder, (&ahead, settings, script));
        Self {
            running,
            folder,
            ahead,
        }
    }

    /// Stops the server as a kill does, and starts it again with the same folder.
    async fn restart(self, script: Scripted) -> Self {
        let address = self.running.address;
        self.running.kill().await;
        let listener = TcpListener::bind(address).expect("the same port");
        let running = run(listener, &self.folder, (&self.ahead, |files| files, script));
        Self { running, ..self }
    }

    fn advance(&self, time: Duration) {
        self.ahead.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// Sends a request, and reads the whole response.
    async fn send(
        &self,
        request: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Response {
        let body = body.as_ref();
        let length = body.len();
        self.cut(request, headers, (body, length))
            .await
            .expect("a response")
    }

    /// Sends a request with this content length. If the body is shorter, closes the client's side of the connection
    /// after it. Returns `None` if there is no response.
    async fn cut(
        &self,
        request: &str,
        headers: &[(&str, &str)],
        (body, length): (&[u8], usize),
    ) -> Option<Response> {
        let mut stream = self.open(request, headers, (body, length)).await;
        if body.len() < length {
            stream.shutdown().await.expect("an end");
        }
        response(&mut stream).await
    }

    /// Sends a request with this content length, whose body may be shorter, and returns its connection.
    async fn open(
        &self,
        request: &str,
        headers: &[(&str, &str)],
        (body, length): (&[u8], usize),
    ) -> TcpStream {
        let mut stream = TcpStream::connect(self.address())
            .await
            .expect("a connection");
        let path = request.replace(&format!("http://{}", self.address()), "");
        let mut head = format!(
            "{path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.address()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {length}\r\n\r\n"));
        stream.write_all(head.as_bytes()).await.expect("sent");
        // The server may have closed its side already.
        let _ = stream.write_all(body).await;
        stream
    }

    /// Starts a resumable upload of text, and returns its URL.
    async fn begin(&self, length: usize, properties: Value) -> String {
        let response = self.try_begin(length, properties).await;
        assert_eq!(response.upload_status(), (200, "active"), "{response:?}");
        response.header("x-goog-upload-url").to_owned()
    }

    async fn try_begin(&self, length: usize, properties: Value) -> Response {
        let headers = [
            ("x-goog-upload-protocol", "resumable"),
            ("x-goog-upload-command", "start"),
            ("x-goog-upload-header-content-type", "text/plain"),
            ("x-goog-upload-header-content-length", &length.to_string()),
            ("content-type", "application/json"),
        ];
        let body = json!({"file": properties}).to_string();
        self.send("POST /upload/v1beta/files", &headers, body).await
    }

    /// Sends a piece of an upload.
    async fn piece(&self, url: &str, (command, offset): (&str, usize), bytes: &[u8]) -> Response {
        let offset = offset.to_string();
        let headers = [
            ("x-goog-upload-command", command),
            ("x-goog-upload-offset", &offset),
        ];
        self.send(&format!("POST {url}"), &headers, bytes).await
    }

    async fn query(&self, url: &str) -> Response {
        let headers = [("x-goog-upload-command", "query")];
        self.send(&format!("POST {url}"), &headers, "").await
    }

    /// Uploads a file in one piece.
    async fn upload(&self, bytes: &[u8], properties: Value) -> Value {
        let url = self.begin(bytes.len(), properties).await;
        let done = self.piece(&url, ("upload, finalize", 0), bytes).await;
        assert_eq!(done.upload_status(), (200, "final"), "{done:?}");
        done.json()["file"].clone()
    }

    async fn get(&self, path: &str) -> Response {
        self.send(&format!("GET {path}"), &[], "").await
    }

    /// Returns the number of files on the first page of the list.
    async fn count(&self) -> usize {
        let list = self.get("/v1beta/files").await.json();
        list["files"].as_array().map_or(0, Vec::len)
    }

    /// Asks the model about a file.
    async fn ask(&self, file: &Value) -> Response {
        let data = json!({"fileData": {"fileUri": file["uri"], "mimeType": file["mimeType"]}});
        let body = json!({"contents": [{"parts": [{"text": "What is this?"}, data]}]});
        let path = "POST /v1beta/models/m:generateContent";
        self.send(
            path,
            &[("content-type", "application/json")],
            body.to_string(),
        )
        .await
    }
}

fn run(
    listener: TcpListener,
    folder: &TempDir,
    (ahead, settings, script): (
        &Arc<AtomicU64>,
        impl Fn(FileStorage) -> FileStorage,
        Scripted,
    ),
) -> Running {
    let ahead = ahead.clone();
    let now = move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::SeqCst));
    let files = FileStorage::open(folder.path())
        .expect("a folder")
        .clock(now);
    let server = Server::new(script)
        .files(settings(files))
        .body_limit(100_000);
    Running::start(server, listener)
}

async fn response(stream: &mut TcpStream) -> Option<Response> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().expect("a code");
    let (head, body) = (head.to_owned(), body.to_owned());
    Some(Response { code, head, body })
}

/// Returns a text of this length. Its pieces differ, so that swapped ones are noticed.
fn text(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| b'a' + u8::try_from(at * 7 / 3 % 26).expect("small"))
        .collect()
}
