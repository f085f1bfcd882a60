//! A server that plays a script on each connection: half answers, wrong lengths, resets, silence.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use socket2::SockRef;

use super::trace;
use crate::schema::{assert_count_request_is_valid, assert_request_is_valid};

/// One thing the server does.
pub(crate) enum Act {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes repeatedly, the given number of times.
    Repeat(Vec<u8>, usize),
    /// Sends bytes whenever the test gives a sign, until it drops its end.
    OnCue(Vec<u8>, Receiver<()>),
    /// Notifies the test that this step was reached.
    Tell(Sender<()>),
    /// Waits until the client has gone.
    Silence,
    /// Resets the connection. Without it the connection is closed.
    Reset,
}

/// A request as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// Returns a header, by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(found, _)| found == name);
        header.map(|(_, value)| value.as_str())
    }

    /// Returns the body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a request is JSON")
    }
}

/// A server on loopback that stops with the test.
pub(crate) struct Server {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Plays one script a connection, in order; then it refuses connections.
    pub(crate) fn play(scripts: impl IntoIterator<Item = Vec<Act>>) -> Self {
        let mut scripts: Vec<_> = scripts.into_iter().collect();
        scripts.reverse();
        let count = scripts.len();
        Self::answer_with(count, move |_| scripts.pop().unwrap_or_default())
    }

    /// Plays the script that a function makes for each request, on this many connections.
    pub(crate) fn answer_with(
        connections: usize,
        mut script: impl FnMut(&Received) -> Vec<Act> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let address = listener.local_addr().expect("an address");
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = received.clone();
        thread::spawn(move || {
            for _ in 0..connections {
                let Ok((connection, _)) = listener.accept() else {
                    return;
                };
                // The client may disconnect before the script ends.
                let _ = serve(connection, &mut script, &log);
            }
        });
        Self { address, received }
    }

    /// Returns the same response on each of the given number of connections.
    pub(crate) fn always(times: usize, answer: &str) -> Self {
        Self::play((0..times).map(|_| vec![Act::Send(answer.into())]))
    }

    /// Returns the address of the server.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received
            .lock()
            .expect("no panic in the server")
            .clone()
    }
}

impl Drop for Server {
    /// Every sent request is one that the API knows, and no key was traced.
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        assert_eq!(trace::leaks(), [""; 0], "a key was traced");
        for request in self.received() {
            // `POST /v1beta/models/m:countTokens HTTP/1.1`
            match request.line.split([':', '?', ' ']).nth(2) {
                Some("generateContent" | "streamGenerateContent") => {
                    assert_request_is_valid(&request.json());
                }
                Some("countTokens") => assert_count_request_is_valid(&request.json()),
                _ => {}
            }
        }
    }
}

/// Returns an address at which nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// Returns a whole answer: a head with the right length, and the body.
pub(crate) fn answer(status: &str, kind: &str, body: &str) -> String {
    with_headers(status, &[("content-type", kind)], body)
}

/// Returns a whole answer with these headers.
pub(crate) fn with_headers(status: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
    for (name, value) in headers {
        answer.push_str(&format!("{name}: {value}\r\n"));
    }
    answer.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    answer
}

/// The head of an event stream that ends with its connection.
pub(crate) const STREAM: &str =
    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n";

/// Returns an event with this text, and with its finish reason if any.
pub(crate) fn event(text: &str, finish: Option<&str>) -> String {
    format!("data: {}\r\n\r\n", reply(text, finish))
}

/// Returns a reply with this text, and with its finish reason if any.
pub(crate) fn reply(text: &str, finish: Option<&str>) -> Value {
    let mut candidate = serde_json::json!({
        "content": {"role": "model", "parts": [{"text": text}]},
    });
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    serde_json::json!({ "candidates": [candidate] })
}

/// Returns an error as the service sends it.
pub(crate) fn error(code: u16, status: &str, details: Value) -> String {
    let error = serde_json::json!({
        "code": code, "status": status, "message": "why", "details": details,
    });
    let body = serde_json::json!({ "error": error }).to_string();
    answer(&format!("{code} {status}"), "application/json", &body)
}

fn serve(
    connection: TcpStream,
    script: &mut impl FnMut(&Received) -> Vec<Act>,
    log: &Mutex<Vec<Received>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let request = receive(&mut reader)?;
    let script = script(&request);
    log.lock().expect("no panic in the server").push(request);
    let mut writer = &connection;
    for act in script {
        match act {
            Act::Send(bytes) => writer.write_all(&bytes)?,
            Act::Repeat(bytes, times) => (0..times).try_for_each(|_| writer.write_all(&bytes))?,
            Act::OnCue(bytes, cue) => cue.iter().try_for_each(|()| writer.write_all(&bytes))?,
            Act::Tell(test) => {
                // The test may have dropped its receiver.
                let _ = test.send(());
            }
            Act::Silence => {
                connection.set_read_timeout(Some(Duration::from_secs(60)))?;
                // Ends with the client, cleanly or not.
                let _ = reader.read(&mut [0]);
            }
            Act::Reset => {
                SockRef::from(&connection).set_linger(Some(Duration::ZERO))?;
                return Ok(());
            }
        }
    }
    connection.shutdown(std::net::Shutdown::Write)?;
    // A connection that is closed with bytes unread would be reset.
    reader.read_to_end(&mut Vec::new()).map(drop)
}

fn receive(reader: &mut impl BufRead) -> std::io::Result<Received> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut received = Received {
        line: line.trim_end().to_owned(),
        headers,
        body: Vec::new(),
    };
    let length = received.header("content-length").map_or(0, |length| {
        length.parse().expect("a request has a right length")
    });
    received.body.resize(length, 0);
    reader.read_exact(&mut received.body)?;
    Ok(received)
}

/// Gives a sign whenever it is asked to, and the end that waits for it.
pub(crate) fn cue() -> (Sender<()>, Receiver<()>) {
    channel()
}
