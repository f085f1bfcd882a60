//! A fake Hugging Face hub.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use sha2::{Digest, Sha256};

/// Behaviour of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Correct.
    Fair,
    /// The hub ignores ranges.
    IgnoresRange,
    /// The hub breaks every transfer at this position of the file.
    SendsThatFar(usize),
    /// The hub breaks the first transfer at this position.
    BreaksOnce(usize),
    /// The hub sends another range than was requested.
    OtherPart,
    /// The hub sends a modified file.
    OtherBytes,
    /// The hub sends a longer file.
    MoreBytes,
    /// The hub reports no SHA-256.
    NoHash,
    /// The hub redirects to another repository.
    Moved,
    /// The hub redirects to an address without TLS.
    Insecure,
    /// The hub responds with this status.
    Code(u16),
}

/// A hub with one file.
pub(crate) struct Hub {
    pub(crate) address: String,
    state: Arc<State>,
}

struct State {
    manner: Mutex<Manner>,
    file: Vec<u8>,
    requests: Mutex<Vec<String>>,
    count: AtomicUsize,
}

impl Hub {
    /// Starts a hub with a file.
    pub(crate) fn start(manner: Manner, file: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(State {
            manner: Mutex::new(manner),
            file: file.to_owned(),
            requests: Mutex::default(),
            count: AtomicUsize::new(0),
        });
        let served = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = served.clone();
                // The client may close the connection.
                thread::spawn(move || drop(state.serve(stream)));
            }
        });
        Self { address, state }
    }

    /// Changes the behaviour.
    pub(crate) fn behave(&self, manner: Manner) {
        *self.state.manner.lock().expect("no panic") = manner;
    }

    /// Returns the number of requests of any kind.
    pub(crate) fn requests(&self) -> usize {
        self.state.count.load(Ordering::Relaxed)
    }

    /// Returns the `Range` headers of the requests for the file; empty without one.
    pub(crate) fn ranges(&self) -> Vec<String> {
        self.state.requests.lock().expect("no panic").clone()
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let mut range = String::new();
        for line in lines {
            let line = line?.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("range: ") {
                value.clone_into(&mut range);
            }
            if line.is_empty() {
                break;
            }
        }
        let manner = *self.manner.lock().expect("no panic");
        if request.starts_with("HEAD") {
            stream.write_all(self.announcement(&request, manner).as_bytes())
        } else {
            self.requests.lock().expect("no panic").push(range.clone());
            self.send(&mut stream, &range, manner)
        }
    }

    fn announcement(&self, request: &str, manner: Manner) -> String {
        let end = "content-length: 0\r\nconnection: close\r\n\r\n";
        if let Manner::Code(code) = manner {
            return format!("HTTP/1.1 {code} No\r\n{end}");
        }
        if manner == Manner::Moved && !request.contains("/new/") {
            let path = request.split(' ').nth(1).expect("a path");
            return format!("HTTP/1.1 307 Moved\r\nlocation: /new{path}\r\n{end}");
        }
        let hash = Sha256::digest(&self.file);
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let digits = if manner == Manner::NoHash {
            "abc"
        } else {
            &digits
        };
        let place = match manner {
            Manner::Insecure => "http://example.com/bytes",
            _ => "/bytes",
        };
        let bytes = self.file.len();
        format!(
            "HTTP/1.1 302 Found\r\nx-linked-etag: \"{digits}\"\r\nx-linked-size: {bytes}\r\n\
             location: {place}\r\n{end}"
        )
    }

    fn send(&self, stream: &mut TcpStream, range: &str, manner: Manner) -> std::io::Result<()> {
        let from = range
            .strip_prefix("bytes=")
            .and_then(|range| range.strip_suffix('-'));
        let from = from.map_or(0, |from| from.parse().expect("a number"));
        let total = self.file.len();
        let (from, named) = match manner {
            Manner::IgnoresRange => (0, 0),
            Manner::OtherPart => (from, from + 1),
            _ => (from, from),
        };
        let mut body = self.file[from.min(total)..].to_vec();
        match manner {
            Manner::OtherBytes => body[0] ^= 1,
            Manner::MoreBytes => body.push(b'!'),
            _ => {}
        }
        let head = if from == 0 {
            "HTTP/1.1 200 OK\r\n".to_owned()
        } else {
            let last = total - 1;
            format!(
                "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {named}-{last}/{total}\r\n"
            )
        };
        let length = body.len();
        match manner {
            Manner::SendsThatFar(most) => body.truncate(most.saturating_sub(from)),
            Manner::BreaksOnce(at) if from == 0 => body.truncate(at),
            _ => {}
        }
        let head = format!("{head}content-length: {length}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)
    }
}
