//! A stand-in for the Gemini API on this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::support::genai;

/// A service that gives every request the same answer.
pub(crate) struct Service {
    pub(crate) address: String,
    requests: Receiver<String>,
    gate: Sender<()>,
}

/// What a request is answered with.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Chunks of text, the last of which ends the reply.
    Texts(Vec<&'static str>),
    /// A call of a function with the name of Ada; and once it is answered, a text.
    Calls(&'static str, &'static str),
    /// One chunk of text, and then nothing more for as long as the client stays.
    Hangs(&'static str),
    /// Nothing until the test opens the gate, and then a text.
    Gated(&'static str),
    /// Nothing at all, for as long as the client stays.
    Silent,
    /// A code and a body.
    Fails(u16, &'static str),
    /// One after the other, the last of them again and again.
    Each(Vec<Answer>),
}

/// How many tokens everything has, if it is asked for.
const COUNT: &str = r#"{"totalTokens":258}"#;

impl Service {
    /// Starts a service.
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, requests) = channel();
        let (gate, opened) = channel();
        let opened = Arc::new(Mutex::new(opened));
        thread::spawn(move || {
            let mut number = 0;
            for stream in listener.incoming().flatten() {
                let request = read(&stream);
                if request.contains(":countTokens") {
                    let _ = whole(stream, 200, COUNT);
                    continue;
                }
                let answer = match &answer {
                    Answer::Each(answers) => answers[number.min(answers.len() - 1)].clone(),
                    answer => answer.clone(),
                };
                number += 1;
                let answered = request.contains("functionResponse");
                // The test may be over by now.
                let _ = sender.send(request);
                let opened = Arc::clone(&opened);
                thread::spawn(move || {
                    let _ = match answer {
                        Answer::Calls(_, text) if answered => {
                            reply(stream, &Answer::Texts(vec![text]))
                        }
                        Answer::Gated(text) => {
                            // A test that is over opens it no longer.
                            let _ = opened.lock().expect("no panic").recv();
                            reply(stream, &Answer::Texts(vec![text]))
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
        }
    }

    /// Lets one request be answered that waits at the gate.
    pub(crate) fn open_gate(&self) {
        self.gate.send(()).expect("it serves");
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
        Answer::Calls(name, _) => {
            let call = format!(
                "data: {{\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"functionCall\":\
                 {{\"name\":\"{name}\",\"args\":{{\"name\":\"Ada\"}}}}}}]}},\"finishReason\":\"STOP\"}}]}}\r\n\r\n"
            );
            stream.write_all((EVENTS.to_owned() + &call).as_bytes())
        }
        Answer::Hangs(text) => {
            stream.write_all((EVENTS.to_owned() + &event(text, false)).as_bytes())?;
            // Ends when the client goes away.
            stream.read(&mut [0]).map(drop)
        }
        // Ends when the client goes away.
        Answer::Silent => stream.read(&mut [0]).map(drop),
        Answer::Fails(code, body) => whole(stream, *code, body),
        Answer::Gated(_) | Answer::Each(_) => unreachable!("one of them was chosen"),
    }
}

fn whole(mut stream: TcpStream, code: u16, body: &str) -> std::io::Result<()> {
    let answer = format!(
        "HTTP/1.1 {code} So\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes())
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
