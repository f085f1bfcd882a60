//! The scripted server: the subset of HTTP/1.1 that the scenarios need, on loopback.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::scenario::Scenario;
use crate::script::{Answer, Body, End, Script};

/// Server that sends the responses of a scenario, and records the requests.
#[derive(Clone)]
pub(crate) struct Server {
    address: String,
    state: Arc<Mutex<State>>,
}

struct State {
    script: Script,
    requests: Vec<Value>,
    headers: Vec<String>,
}

impl Server {
    /// Starts a server, which ends with the runtime.
    pub(crate) async fn start(scenario: &Scenario) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let state = State {
            script: Script::new(scenario),
            requests: Vec::new(),
            headers: scenario
                .record_headers
                .iter()
                .map(|name| name.to_lowercase())
                .collect(),
        };
        let server = Self {
            address,
            state: Arc::new(Mutex::new(state)),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let server = serving.clone();
                // A client may disconnect within a response.
                tokio::spawn(async move { server.serve(connection).await.unwrap_or_default() });
            }
        });
        Ok(server)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the requests so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .requests
            .clone()
    }

    async fn serve(&self, connection: TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut connection = BufReader::new(connection);
        while let Some(request) = read_request(&mut connection).await? {
            let (path, query) = request
                .target
                .split_once('?')
                .unwrap_or((&request.target, ""));
            let streamed = path.ends_with(":streamGenerateContent");
            let answer = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                let asked = request.recorded(path, &state.headers);
                state.requests.push(asked);
                state.script.next(streamed)
            };
            if answer.delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(answer.delay_ms)).await;
            }
            let (bytes, keep_alive) = written(&answer, query.contains("alt=sse"));
            connection.get_mut().write_all(&bytes).await?;
            if !keep_alive {
                return connection.get_mut().shutdown().await;
            }
        }
        Ok(())
    }
}

/// Request on the wire.
struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn recorded(&self, path: &str, headers: &[String]) -> Value {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        let mut request = json!({"method": self.method, "path": path, "body": body});
        let kept = self
            .headers
            .iter()
            .filter(|(name, _)| headers.contains(name));
        for (name, value) in kept {
            request["headers"][name] = value.as_str().into();
        }
        request
    }
}

async fn read_request(connection: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if connection.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    Ok(Some(Request {
        method,
        target,
        headers,
        body,
    }))
}

/// Returns the bytes of a response, and whether the connection stays open.
fn written(answer: &Answer, sse: bool) -> (Vec<u8>, bool) {
    let (body, keep_alive) = match &answer.body {
        Body::Dropped => return (Vec::new(), false),
        Body::Whole(text) => (
            format!("Content-Length: {}\r\n\r\n{text}", text.len()),
            true,
        ),
        Body::Chunks { chunks, end } => {
            // A stream of events cannot end within an event: only an array stays open.
            let pieces = if sse && *end != End::Open {
                events(chunks)
            } else {
                array(chunks, *end)
            };
            let mut body = String::from("Transfer-Encoding: chunked\r\n\r\n");
            for piece in pieces {
                body.push_str(&format!("{:x}\r\n{piece}\r\n", piece.len()));
            }
            if *end != End::Cut {
                body.push_str("0\r\n\r\n");
            }
            (body, *end != End::Cut)
        }
    };
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", answer.status);
    if !answer
        .headers
        .iter()
        .any(|(name, _)| name == "Content-Type")
    {
        let kind = if sse && answer.status == 200 {
            "text/event-stream"
        } else {
            "application/json"
        };
        head.push_str(&format!("Content-Type: {kind}\r\n"));
    }
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    ((head + &body).into_bytes(), keep_alive)
}

fn events(chunks: &[String]) -> Vec<String> {
    let event = |chunk: &String| {
        let data: Vec<String> = chunk
            .lines()
            .map(|line| format!("data: {line}\r\n"))
            .collect();
        format!("{}\r\n", data.concat())
    };
    chunks.iter().map(event).collect()
}

fn array(chunks: &[String], end: End) -> Vec<String> {
    let mut pieces: Vec<String> = vec!["[".to_owned()];
    for (at, chunk) in chunks.iter().enumerate() {
        let comma = if at > 0 { ",\r\n" } else { "" };
        pieces.push(format!("{comma}{chunk}"));
    }
    if end == End::Proper {
        pieces.push("]".to_owned());
    }
    pieces
}
