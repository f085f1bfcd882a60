//! A fake Gemini API, with prepared answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::support::{Ran, genai, ran};

/// A service with prepared answers.
pub(crate) struct Service {
    pub(crate) address: String,
    requests: Receiver<String>,
    /// Each message lets one gated reply pass.
    gate: Sender<()>,
    /// A message for each gated reply whose end the program has read.
    ends: Receiver<()>,
    /// Number of started uploads.
    uploads: Arc<AtomicUsize>,
}

/// The answer to a request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Chunks of text; the last one ends the reply.
    Texts(Vec<&'static str>),
    /// Text that ends with `CONTINUATION`, and its continuation token.
    Hop(&'static str, &'static str),
    /// A call of this function with the name Ada, and this text after its result.
    Calls(&'static str, &'static str),
    /// A call of this function with these arguments, as JSON, and this text after its result.
    CallsWith(&'static str, &'static str, &'static str),
    /// Text, and the number of tokens of its request.
    Counted(&'static str, i32),
    /// One chunk of text. Then the stream stays open.
    Hangs(&'static str),
    /// One chunk of text. A second one follows once the test opens the gate, and ends the reply.
    Paused(&'static str, &'static str),
    /// One chunk of text and other bytes. Then the stream ends without a finish reason.
    Breaks(&'static str, &'static str),
    /// Text, once the test opens the gate.
    Gated(&'static str),
    /// Nothing. The connection stays open. Uploads stop after the first piece.
    Silent,
    /// A status code and a body.
    Fails(u16, &'static str),
    /// One answer for each request; the last one is repeated.
    Each(Vec<Answer>),
}

/// The answer to every request for a token count.
const COUNT: &str = r#"{"totalTokens":258}"#;

/// The head of a stream of events.
const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// The description of each model whose name begins with `gemini-`, and the list of models.
const MODEL: &str = r#"{"name":"models/gemini-y","inputTokenLimit":300}"#;
const MODELS: &str = r#"{"models":[{"name":"models/gemini-y","inputTokenLimit":300}]}"#;
const NO_MODEL: &str = r#"{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}"#;

impl Service {
    /// Starts a service.
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, requests) = channel();
        let (gate, opened) = channel();
        let opened = Arc::new(Mutex::new(opened));
        let (ended, ends) = channel();
        let is_single = !matches!(answer, Answer::Each(_));
        let uploads = Arc::new(AtomicUsize::new(0));
        let (own, started) = (address.clone(), Arc::clone(&uploads));
        thread::spawn(move || {
            let (mut number, mut stalled) = (0, Vec::new());
            for stream in listener.incoming().flatten() {
                let request = read(&stream);
                if request.contains(":countTokens") {
                    let _ = whole(stream, 200, COUNT);
                    continue;
                }
                if request.starts_with("GET ") {
                    let path = request.split(' ').nth(1).unwrap_or_default();
                    let _ = match path.split_once("/models/") {
                        Some((_, name)) if name.starts_with("gemini-") => whole(stream, 200, MODEL),
                        Some(_) => whole(stream, 404, NO_MODEL),
                        None => whole(stream, 200, MODELS),
                    };
                    continue;
                }
                if request.starts_with("POST /upload/") {
                    let is_start = request.contains("x-goog-upload-command: start");
                    started.fetch_add(usize::from(is_start), SeqCst);
                    let is_first = is_start || request.contains("x-goog-upload-offset: 0\r\n");
                    if is_first || !matches!(answer, Answer::Silent) {
                        let _ = receive(stream, &own, &request);
                    } else {
                        stalled.push(stream);
                    }
                    continue;
                }
                let answer = match &answer {
                    Answer::Each(answers) => answers[number.min(answers.len() - 1)].clone(),
                    answer => answer.clone(),
                };
                number += 1;
                let answered = is_single && request.contains("functionResponse");
                // Nobody receives it if the test is over.
                let _ = sender.send(request);
                let opened = Arc::clone(&opened);
                let ended = ended.clone();
                thread::spawn(move || {
                    let _ = match answer {
                        Answer::Calls(_, text) | Answer::CallsWith(_, _, text) if answered => {
                            reply(stream, &Answer::Texts(vec![text]))
                        }
                        Answer::Gated(text) => {
                            // An error means that the test is over.
                            let _ = opened.lock().expect("no panic").recv();
                            let client = stream.try_clone();
                            let replied = reply(stream, &Answer::Texts(vec![text]));
                            // Nobody receives it if the test is over.
                            let _ = client.and_then(wait_until_read).map(|()| ended.send(()));
                            replied
                        }
                        Answer::Paused(first, second) => {
                            let first = EVENTS.to_owned() + &event(first, false);
                            let _ = (&stream).write_all(first.as_bytes());
                            // An error means that the test is over.
                            let _ = opened.lock().expect("no panic").recv();
                            (&stream).write_all(event(second, true).as_bytes())
                        }
                        answer => reply(stream, &answer),
                    };
                });
            }
        });
        Self {
            address,
            requests,
            gate,
            ends,
            uploads,
        }
    }

    /// Returns the number of started uploads.
    pub(crate) fn uploads(&self) -> usize {
        self.uploads.load(SeqCst)
    }

    /// Answers one request with a gated reply.
    pub(crate) fn open_gate(&self) {
        self.gate.send(()).expect("it serves");
    }

    /// Waits until the program has read the end of a gated reply.
    pub(crate) fn wait_until_read(&self) {
        self.ends.recv().expect("a reply was sent");
    }

    /// Returns the next received request: head and body.
    pub(crate) fn request(&self) -> String {
        self.requests.recv().expect("a request")
    }

    /// Returns the program, configured to use this service.
    pub(crate) fn genai(&self, words: &[&str]) -> std::process::Command {
        let mut command = genai(words);
        command
            .env("GENAI_OFFLINE", "0")
            .env("GEMINI_API_KEY", "canary-key")
            .env("GOOGLE_GEMINI_BASE_URL", &self.address);
        command
    }

    /// Runs the program, configured to use this service.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        ran(self.genai(words).output())
    }
}

/// Answers the start or a piece of an upload.
fn receive(mut stream: TcpStream, address: &str, request: &str) -> std::io::Result<()> {
    let status = match request.contains("finalize") {
        true => "final",
        false => "active",
    };
    let file = format!(
        r#"{{"file":{{"name":"files/film","uri":"{address}/v1beta/files/film","mimeType":"video/mp4"}}}}"#
    );
    let answer = format!(
        "HTTP/1.1 200 OK\r\nx-goog-upload-url: {address}/upload/v1beta/files?upload_id=1\r\n\
         x-goog-upload-status: {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{file}",
        file.len()
    );
    stream.write_all(answer.as_bytes())
}

/// Ends the body of a reply. Returns when the client has closed the connection, which it does after reading the end.
fn wait_until_read(mut stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.read(&mut [0]).map(drop)
}

/// Reads a request: its head and its body.
pub(crate) fn read(stream: &TcpStream) -> String {
    let mut stream = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let start = request.len();
        stream.read_line(&mut request).expect("a head");
        let line = request[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("a body");
    request + &String::from_utf8(body).expect("text")
}

/// Sends an answer as a stream of events.
fn reply(mut stream: TcpStream, answer: &Answer) -> std::io::Result<()> {
    match answer {
        Answer::Texts(texts) => {
            stream.write_all(EVENTS.as_bytes())?;
            for (at, text) in texts.iter().enumerate() {
                stream.write_all(event(text, at + 1 == texts.len()).as_bytes())?;
            }
            Ok(())
        }
        Answer::Counted(text, tokens) => {
            let usage = format!(r#""usageMetadata":{{"promptTokenCount":{tokens}}},"candidates""#);
            let event = event(text, true).replacen(r#""candidates""#, &usage, 1);
            stream.write_all((EVENTS.to_owned() + &event).as_bytes())
        }
        Answer::Hop(text, token) => {
            let end = format!(r#","finishReason":"CONTINUATION","continuationToken":"{token}""#);
            stream.write_all((EVENTS.to_owned() + &event_with(text, &end)).as_bytes())
        }
        Answer::Calls(name, text) => {
            reply(stream, &Answer::CallsWith(name, r#"{"name":"Ada"}"#, text))
        }
        Answer::CallsWith(name, arguments, _) => {
            let call = format!(
                "data: {{\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"functionCall\":\
                 {{\"name\":\"{name}\",\"args\":{arguments}}}}}]}},\"finishReason\":\"STOP\"}}]}}\r\n\r\n"
            );
            stream.write_all((EVENTS.to_owned() + &call).as_bytes())
        }
        Answer::Hangs(text) => {
            stream.write_all((EVENTS.to_owned() + &event(text, false)).as_bytes())?;
            // Returns when the client closes the connection.
            stream.read(&mut [0]).map(drop)
        }
        // Returns when the client closes the connection.
        Answer::Silent => stream.read(&mut [0]).map(drop),
        Answer::Breaks(text, rest) => {
            stream.write_all((EVENTS.to_owned() + &event(text, false) + rest).as_bytes())
        }
        Answer::Fails(code, body) => whole(stream, *code, body),
        Answer::Gated(_) | Answer::Paused(..) | Answer::Each(_) => {
            unreachable!("resolved by the caller")
        }
    }
}

/// Sends a JSON body with a status code.
pub(crate) fn whole(mut stream: TcpStream, code: u16, body: &str) -> std::io::Result<()> {
    let answer = format!(
        "HTTP/1.1 {code} So\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes())
}

/// Returns a chunk of a reply.
fn event(text: &str, last: bool) -> String {
    event_with(
        text,
        if last {
            r#","finishReason":"STOP""#
        } else {
            ""
        },
    )
}

/// Returns a chunk of a reply with these members of its candidate. Control characters are escaped as JSON requires.
fn event_with(text: &str, members: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|char| match char {
            '"' | '\\' => format!("\\{char}"),
            char if char.is_control() => format!("\\u{:04x}", u32::from(char)),
            char => char.to_string(),
        })
        .collect();
    format!(
        "data: {{\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"text\":\"{escaped}\"}}]}}\
         {members}}}]}}\r\n\r\n"
    )
}
