//! A service that stores one upload, and whose connections and responses fail as planned.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::json;

/// Fault of a request, in the order of the requests.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// The connection breaks when this many bytes of the body have arrived, which are stored.
    CutAfter(usize),
    /// The connection breaks when the whole body has arrived. It is stored.
    LoseResponse,
    /// The response has this code, and the body is not stored.
    Code(u16),
    /// The response has this upload status.
    Status(&'static str),
    /// The response reports that this many bytes were received.
    Received(usize),
    /// The response does not report a number of received bytes, but this text.
    ReceivedText(&'static str),
    /// The first byte of the body is stored as another one.
    Corrupt,
    /// The file has to be processed after its upload.
    Processing,
    /// There is no response. No later request is read.
    Silence,
}

/// A request to the stand-in: its command, its offset, and the length of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) command: String,
    pub(super) offset: Option<usize>,
    pub(super) length: usize,
}

#[derive(Debug, Default)]
struct State {
    faults: VecDeque<Fault>,
    /// Every request after the planned ones has this fault.
    rest: Option<Fault>,
    stored: Vec<u8>,
    asked: Vec<Asked>,
    properties: Vec<u8>,
    /// Host in the URL of the upload, instead of the own one.
    host: Option<String>,
}

/// The service. It ends with the test.
pub(super) struct StandIn {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl StandIn {
    pub(super) fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self::start(State {
            faults: faults.into_iter().collect(),
            ..State::default()
        })
    }

    /// Every request has this fault, but the first one.
    pub(super) fn always(fault: Fault) -> Self {
        Self::start(State {
            faults: [Fault::None].into(),
            rest: Some(fault),
            ..State::default()
        })
    }

    /// Sends the upload to another host.
    pub(super) fn directing_to(host: &str) -> Self {
        Self::start(State {
            host: Some(host.to_owned()),
            ..State::default()
        })
    }

    fn start(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                // Tests break connections on purpose.
                let _ = serve(&connection, &shared);
            }
        });
        Self { address, state }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn stored(&self) -> Vec<u8> {
        self.state.lock().expect("no panic").stored.clone()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state.lock().expect("no panic").asked.clone()
    }

    /// Returns the body of the last start.
    pub(super) fn properties(&self) -> serde_json::Value {
        let state = self.state.lock().expect("no panic");
        serde_json::from_slice(&state.properties).expect("JSON")
    }
}

/// Handles one request of a connection, and closes it.
fn serve(connection: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let head = head(&mut reader)?;
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned())
    };
    let number = |name: &str| header(name).and_then(|value| value.parse::<usize>().ok());
    let asked = Asked {
        command: header("x-goog-upload-command").unwrap_or_default(),
        offset: number("x-goog-upload-offset"),
        length: number("content-length").unwrap_or_default(),
    };
    let mut state = state.lock().expect("no panic");
    state.asked.push(asked.clone());
    let rest = state.rest;
    let fault = state.faults.pop_front().or(rest).unwrap_or(Fault::None);
    let mut body = vec![0; asked.length];
    if let Fault::CutAfter(count) = fault {
        let count = count.min(asked.length);
        reader.read_exact(&mut body[..count])?;
        state.stored.extend_from_slice(&body[..count]);
        return Ok(());
    }
    reader.read_exact(&mut body)?;
    if matches!(fault, Fault::Silence) {
        drop(state);
        loop {
            thread::park();
        }
    }
    if let Fault::Code(code) = fault {
        return respond(connection, &format!("{code} Error"), "", "{}");
    }
    if asked.command == "start" {
        state.properties = body;
        if matches!(fault, Fault::LoseResponse) {
            return Ok(());
        }
        let own = connection.local_addr()?.to_string();
        let host = state.host.clone().unwrap_or(own);
        let url = format!("x-goog-upload-url: http://{host}/upload/v1beta/files?upload_id=1\r\n");
        return respond(connection, "200 OK", &url, "{}");
    }
    if matches!(fault, Fault::Corrupt) {
        body[0] ^= 1;
    }
    state.stored.extend_from_slice(&body);
    if matches!(fault, Fault::LoseResponse) {
        return Ok(());
    }
    let is_final = asked.command.ends_with("finalize") || is_complete(&state);
    let stored = state.stored.len().to_string();
    let (status, received) = match fault {
        Fault::Status(status) => (status, stored),
        Fault::Received(count) => ("active", count.to_string()),
        Fault::ReceivedText(text) => ("active", text.to_owned()),
        _ if is_final => ("final", stored),
        _ => ("active", stored),
    };
    let headers =
        format!("x-goog-upload-status: {status}\r\nx-goog-upload-size-received: {received}\r\n");
    let processing = match fault {
        Fault::Processing => "PROCESSING",
        _ => "ACTIVE",
    };
    let file = json!({"file": {"name": "files/abc", "state": processing, "uri": "https://h/files/abc", "mimeType": "text/plain",
                               "sizeBytes": state.stored.len().to_string(),
                               "sha256Hash": STANDARD.encode(digest(&SHA256, &state.stored))}});
    respond(connection, "200 OK", &headers, &file.to_string())
}

/// Returns whether the last piece was received, whose response may have been lost.
fn is_complete(state: &State) -> bool {
    state.asked.iter().any(|asked| {
        let end = asked.offset.unwrap_or_default() + asked.length;
        asked.command.ends_with("finalize") && end == state.stored.len()
    })
}

fn head(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

fn respond(
    mut connection: &TcpStream,
    status: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    connection.write_all(format!("{head}{body}").as_bytes())
}
