//! A fake Hugging Face hub, from which models are downloaded in tests.
//!
//! Like the real hub, it answers a `HEAD` request with the size and the SHA-256 of the file and a redirect to its
//! bytes. A `GET` request may ask for a range, with which an interrupted download continues.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use sha2::{Digest, Sha256};

/// Behaviour of the hub, correct or faulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Sends the requested range.
    Correct,
    /// Sends the whole file, whatever range is requested.
    IgnoresRange,
    /// Breaks every transfer at this position of the file.
    BreaksAt(usize),
    /// Breaks the first transfer at this position.
    BreaksOnceAt(usize),
    /// Sends another range than was requested.
    SendsWrongRange,
    /// Sends a file with a modified byte.
    ModifiesFile,
    /// Sends a file that is a byte longer.
    ExtendsFile,
    /// Reports no SHA-256.
    OmitsHash,
    /// Redirects to another repository.
    Redirects,
    /// Redirects to an address without TLS.
    RedirectsToHttp,
    /// Responds with this status.
    Fails(u16),
}

/// A fake Hugging Face hub with one file.
#[derive(Debug)]
pub struct Hub {
    /// Base URL.
    pub address: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    behaviour: Mutex<Behaviour>,
    file: Vec<u8>,
    ranges: Mutex<Vec<String>>,
    requests: AtomicUsize,
}

impl Hub {
    /// Starts a hub with a file.
    pub fn start(behaviour: Behaviour, file: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(State {
            behaviour: Mutex::new(behaviour),
            file: file.to_owned(),
            ranges: Mutex::default(),
            requests: AtomicUsize::new(0),
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
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().expect("no panic") = behaviour;
    }

    /// Returns the number of requests, `HEAD` and `GET` together.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::Relaxed)
    }

    /// Returns the `Range` header of each request for the bytes. It is an empty string for a request without one.
    pub fn ranges(&self) -> Vec<String> {
        self.state.ranges.lock().expect("no panic").clone()
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        self.requests.fetch_add(1, Ordering::Relaxed);
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
        let behaviour = *self.behaviour.lock().expect("no panic");
        // Only requests for the bytes are recorded in `ranges`.
        if request.starts_with("HEAD") {
            stream.write_all(self.description(&request, behaviour).as_bytes())
        } else {
            self.ranges.lock().expect("no panic").push(range.clone());
            self.send(&mut stream, &range, behaviour)
        }
    }

    /// Returns the response to a `HEAD` request, which describes the file.
    fn description(&self, request: &str, behaviour: Behaviour) -> String {
        let end = "content-length: 0\r\nconnection: close\r\n\r\n";
        if let Behaviour::Fails(code) = behaviour {
            return format!("HTTP/1.1 {code} No\r\n{end}");
        }
        if behaviour == Behaviour::Redirects && !request.contains("/new/") {
            let path = request.split(' ').nth(1).expect("a path");
            return format!("HTTP/1.1 307 Moved\r\nlocation: /new{path}\r\n{end}");
        }
        let hash = Sha256::digest(&self.file);
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let digits = if behaviour == Behaviour::OmitsHash {
            "abc"
        } else {
            &digits
        };
        let place = match behaviour {
            Behaviour::RedirectsToHttp => "http://example.com/bytes",
            _ => "/bytes",
        };
        let bytes = self.file.len();
        format!(
            "HTTP/1.1 302 Found\r\nx-linked-etag: \"{digits}\"\r\nx-linked-size: {bytes}\r\n\
             location: {place}\r\n{end}"
        )
    }

    /// Sends the bytes of the file from the requested position.
    fn send(
        &self,
        stream: &mut TcpStream,
        range: &str,
        behaviour: Behaviour,
    ) -> std::io::Result<()> {
        let from = range
            .strip_prefix("bytes=")
            .and_then(|range| range.strip_suffix('-'));
        let from = from.map_or(0, |from| from.parse().expect("a number"));
        let total = self.file.len();
        let (from, named) = match behaviour {
            Behaviour::IgnoresRange => (0, 0),
            Behaviour::SendsWrongRange => (from, from + 1),
            _ => (from, from),
        };
        let mut body = self.file[from.min(total)..].to_vec();
        match behaviour {
            Behaviour::ModifiesFile => body[0] ^= 1,
            Behaviour::ExtendsFile => body.push(b'!'),
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
        // The announced length is that of the whole body, so that a client can notice a cut.
        let length = body.len();
        match behaviour {
            Behaviour::BreaksAt(most) => body.truncate(most.saturating_sub(from)),
            Behaviour::BreaksOnceAt(at) if from == 0 => body.truncate(at),
            _ => {}
        }
        let head = format!("{head}content-length: {length}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)
    }
}
