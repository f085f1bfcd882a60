//! A server that plays recorded bodies in pieces.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde_json::Value;

/// Response to the next request.
pub(super) struct Script {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
    /// Size of the pieces of the body.
    pub(super) piece: usize,
    /// Number of bytes of the body after which the connection is closed.
    pub(super) cut: Option<usize>,
}

/// Server on loopback that answers each request with the next script.
pub(super) struct Player {
    pub(super) url: String,
    scripts: Sender<Script>,
    bodies: Receiver<Value>,
}

impl Player {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (scripts, next) = channel::<Script>();
        let (received, bodies) = channel();
        thread::spawn(move || {
            for script in next {
                let Ok((connection, _)) = listener.accept() else {
                    return;
                };
                // The client may close the connection before the end of the body.
                if let Ok(body) = serve(&connection, &script) {
                    received.send(body).ok();
                }
            }
        });
        Self {
            url,
            scripts,
            bodies,
        }
    }

    pub(super) fn play(&self, script: Script) {
        self.scripts.send(script).expect("the server runs");
    }

    /// Returns the body of the last request. Its response was sent.
    pub(super) fn last_request(&self) -> Value {
        self.bodies.recv().expect("a request")
    }
}

/// Reads a request and sends the response, each piece as one HTTP chunk.
fn serve(mut connection: &TcpStream, script: &Script) -> std::io::Result<Value> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().expect("a number");
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = serde_json::from_slice(&body).expect("a request is JSON");
    let mut sent = format!(
        "HTTP/1.1 {} X\r\nconnection: close\r\ntransfer-encoding: chunked\r\ncontent-type: {}\r\n\r\n",
        script.status, script.content_type
    )
    .into_bytes();
    let body = &script.body[..script.cut.unwrap_or(script.body.len())];
    for piece in body.chunks(script.piece) {
        sent.extend(format!("{:x}\r\n", piece.len()).bytes());
        sent.extend_from_slice(piece);
        sent.extend(b"\r\n");
    }
    if script.cut.is_none() {
        sent.extend(b"0\r\n\r\n");
    }
    connection.write_all(&sent)?;
    Ok(request)
}
