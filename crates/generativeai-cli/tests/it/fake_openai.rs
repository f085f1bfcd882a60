//! A fake OpenAI-compatible server with two models and numbered replies.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::fake_service::{read, whole};
use super::support::{Ran, genai, ran};

const MODELS: &str = r#"{"data":[{"id":"Qwen/Qwen3-4B"},{"id":"qwen3:4b"}]}"#;
const EMBEDDING: &str = r#"{"data":[{"index":0,"embedding":[0.5,-1.0]}]}"#;

pub(crate) struct FakeOpenAi {
    /// Base URL, with the version.
    pub(crate) url: String,
    requests: Receiver<String>,
}

impl FakeOpenAi {
    /// Starts a server.
    pub(crate) fn start() -> Self {
        Self::answering(|number| Ok(format!("reply {number}")))
    }

    /// Starts a server that refuses each reply.
    pub(crate) fn refusing(code: u16, body: &'static str) -> Self {
        Self::answering(move |_| Err((code, body)))
    }

    fn answering(
        answer: impl Fn(usize) -> Result<String, (u16, &'static str)> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let (sender, requests) = channel();
        thread::spawn(move || {
            let mut number = 0;
            for stream in listener.incoming().flatten() {
                let request = read(&stream);
                // An error means that the client has closed the connection.
                let _ = match request.split(' ').nth(1).unwrap_or_default() {
                    "/v1/models" => whole(stream, 200, MODELS),
                    "/v1/embeddings" => whole(stream, 200, EMBEDDING),
                    "/v1/chat/completions" => {
                        number += 1;
                        match answer(number) {
                            Ok(text) => reply(stream, &request, &text),
                            Err((code, body)) => whole(stream, code, body),
                        }
                    }
                    _ => whole(stream, 404, r#"{"detail":"Not Found"}"#),
                };
                // Nobody receives it if the test is over.
                let _ = sender.send(request);
            }
        });
        Self { url, requests }
    }

    /// Returns the next received request: head and body.
    pub(crate) fn request(&self) -> String {
        self.requests.recv().expect("a request")
    }

    /// Returns the program, configured to use this server.
    pub(crate) fn genai(&self, words: &[&str]) -> Command {
        let mut command = genai(words);
        command
            .env("GENAI_OFFLINE", "0")
            .env("OPENAI_API_KEY", "canary-key")
            .env("OPENAI_BASE_URL", &self.url);
        command
    }

    /// Runs the program, configured to use this server.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        ran(self.genai(words).output())
    }
}

/// Answers a request with a text, in two chunks if the request is for a stream.
fn reply(mut stream: TcpStream, request: &str, text: &str) -> std::io::Result<()> {
    let usage = r#""usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}"#;
    if !request.contains(r#""stream":true"#) {
        let message = format!(r#"{{"role":"assistant","content":"{text}"}}"#);
        let choice = format!(r#"{{"index":0,"message":{message},"finish_reason":"stop"}}"#);
        let body = format!(r#"{{"model":"Qwen/Qwen3-4B","choices":[{choice}],{usage}}}"#);
        return whole(stream, 200, &body);
    }
    let (one, two) = text.split_at(text.len() / 2);
    let delta = |text: &str, finish: &str| {
        let delta = format!(r#"{{"content":"{text}"}}"#);
        let choice = format!(r#"{{"index":0,"delta":{delta},"finish_reason":{finish}}}"#);
        format!("data: {{\"model\":\"Qwen/Qwen3-4B\",\"choices\":[{choice}]}}\n\n")
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        .to_owned();
    let end = format!("data: {{\"choices\":[],{usage}}}\n\ndata: [DONE]\n\n");
    let body = delta(one, "null") + &delta(two, "\"stop\"") + &end;
    stream.write_all((head + &body).as_bytes())
}
