//! A stand-in for the Gemini API on this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::support::genai;

/// A service that gives every request the same answer.
pub(crate) struct Service {
    pub(crate) address: String,
    requests: Receiver<String>,
}

/// What a request is answered with.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Chunks of text, the last of which ends the reply.
    Texts(Vec<&'static str>),
    /// One chunk of text, and then nothing more for as long as the client stays.
    Hangs(&'static str),
    /// A code and a body.
    Fails(u16, &'static str),
}

impl Service {
    /// Starts a service.
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, requests) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, sender) = (answer.clone(), sender.clone());
                thread::spawn(move || {
                    let request = read(&stream);
                    // The test may be over by now.
                    let _ = sender.send(request);
                    let _ = reply(stream, &answer);
                });
            }
        });
        Self { address, requests }
    }

    /// The next request that came: its head and body.
    pub(crate) fn request(&self) -> String {
        self.requests.recv().expect("a request")
    }

    /// The program, set up to ask this service.
    pub(crate) fn genai(&self, words: &[&str]) -> std::process::Command {
        let mut command = genai(words);
        command
            .env("GEMINI_API_KEY", "canary-key")
            .env("GOOGLE_GEMINI_BASE_URL", &self.address);
        command
    }
}

fn read(stream: &TcpStream) -> String {
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

fn reply(mut stream: TcpStream, answer: &Answer) -> std::io::Result<()> {
    const EVENTS: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    match answer {
        Answer::Texts(texts) => {
            stream.write_all(EVENTS.as_bytes())?;
            for (at, text) in texts.iter().enumerate() {
                stream.write_all(event(text, at + 1 == texts.len()).as_bytes())?;
            }
            Ok(())
        }
        Answer::Hangs(text) => {
            stream.write_all((EVENTS.to_owned() + &event(text, false)).as_bytes())?;
            // Ends when the client goes away.
            stream.read(&mut [0]).map(drop)
        }
        Answer::Fails(code, body) => {
            let head = format!(
                "HTTP/1.1 {code} No\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes())
        }
    }
}

/// A chunk of a reply; control characters are written as JSON wants them.
fn event(text: &str, last: bool) -> String {
    let escaped: String = text
        .chars()
        .map(|char| match char {
            '"' | '\\' => format!("\\{char}"),
            char if char.is_control() => format!("\\u{:04x}", u32::from(char)),
            char => char.to_string(),
        })
        .collect();
    let finish = if last {
        r#","finishReason":"STOP""#
    } else {
        ""
    };
    format!(
        "data: {{\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"text\":\"{escaped}\"}}]}}\
         {finish}}}]}}\r\n\r\n"
    )
}
