//! `genai serve`, with `genai chat` as its client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fake_service::{Answer, Service};
use crate::interrupts::ignores_hangup;
use crate::support::{SHORT, assert_contains, genai, ran, run};

/// A server with the embedded model, which is killed at the end of the test.
pub(crate) struct Serving {
    pub(crate) child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl Serving {
    pub(crate) fn start(words: &[&str]) -> Self {
        let mut command = genai(&["serve", "--port", "0"]);
        command.args(words);
        Self::start_with(command)
    }

    /// Starts a server with a command line that picks a free port.
    pub(crate) fn start_with(mut command: Command) -> Self {
        let command = command.stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it prints"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let address = line
            .trim_end()
            .strip_prefix("listening on http://")
            .expect("the address");
        Self {
            address: address.to_owned(),
            child,
            stdout,
        }
    }

    pub(crate) fn ask(&self, key: &str) -> Command {
        let mut command = genai(&["chat", "--model", "gemini-2.5-flash"]);
        command.env("GOOGLE_GEMINI_BASE_URL", format!("http://{}", self.address));
        command
            .env("GEMINI_API_KEY", key)
            .args(SHORT)
            .args(["--", "Say hello."]);
        command
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        answer
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_program_can_use_its_own_server() {
    let serving = Serving::start(&["--api-key", "s3cret"]);

    let answered = ran(serving.ask("s3cret").output());
    let refused = ran(serving.ask("wrong").output());

    assert_eq!(answered.code, Some(0), "{answered:?}");
    assert!(!answered.stdout.trim().is_empty(), "{answered:?}");
    refused.assert_refused(1, &["API key not valid", "check the key"]);
    assert!(serving.get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(serving.get("/").contains("<!doctype html>"));
}

#[test]
fn the_server_computes_the_embeddings_of_the_embedded_model() {
    let serving = Serving::start(&[]);
    let mut embed = genai(&["embed", "Hello"]);
    embed
        .env(
            "GOOGLE_GEMINI_BASE_URL",
            format!("http://{}", serving.address),
        )
        .env("GEMINI_API_KEY", "any");

    let served = ran(embed.output());
    let direct = run(&["embed", "--model", "local", "Hello"]);

    assert_eq!(served.code, Some(0), "{served:?}");
    assert_eq!(served.stdout, direct.stdout);
    let vector: Vec<f64> = serde_json::from_str(&served.stdout).expect("numbers");
    assert_eq!(vector.len(), 576);
    assert!(serving.get("/v1beta/models").contains(r#""embedContent""#));
}

#[test]
fn uploaded_files_are_stored_in_a_folder_that_one_server_uses() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("text");
    let serving = Serving::start(&["--files", path]);
    let mut stream = TcpStream::connect(&serving.address).expect("a connection");
    let head = "POST /upload/v1beta/files?uploadType=media HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                content-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");

    assert_contains(&answer, r#""state":"ACTIVE""#);
    assert!(serving.get("/v1beta/files").contains(r#""sizeBytes":"5""#));
    let files = std::fs::read_dir(folder.path().join("files")).expect("a folder");
    assert_eq!(files.count(), 1);
    let files = |words: &[&str]| {
        let mut command = genai(&[&["files"], words].concat());
        let url = format!("http://{}", serving.address);
        ran(command.env("GOOGLE_GEMINI_BASE_URL", url).output())
    };
    let source = folder.path().join("a film.txt");
    std::fs::write(&source, "hello").expect("written");
    let uploaded = files(&["upload", source.to_str().expect("text")]);
    assert_eq!(uploaded.code, Some(0), "{uploaded:?}");
    let shown = "uploading: 5 of 5 B";
    uploaded.assert_reported(shown);
    let uri = uploaded.stdout.trim_end();
    let name = uri.split_once("/v1beta/").expect("a path").1.to_owned();
    let listed = files(&["list"]).stdout;
    let line = listed.lines().next().expect("a line");
    assert!(
        line.starts_with(&format!("{name}\t5\ttext/plain\t")),
        "{listed}"
    );
    assert!(line.ends_with("\ta film.txt"), "{listed}");
    assert_eq!(files(&["rm", &name]).code, Some(0));
    let missing = files(&["rm", &name]);
    missing.assert_refused(1, &[&name]);
    for once in [&*name, "48 hours", "upload"] {
        assert_eq!(missing.stderr.matches(once).count(), 1, "{missing:?}");
    }
    files(&["upload", path]).assert_refused(1, &[path, "is a folder"]);
    run(&["serve", "--port", "0", "--files", path])
        .assert_refused(1, &["another server uses the folder", path]);
}

#[test]
fn sigterm_and_sighup_stop_the_server_with_success() {
    for signal in ["-TERM", "-HUP"] {
        if signal == "-HUP" && ignores_hangup() {
            continue;
        }
        let mut serving = Serving::start(&[]);

        let id = serving.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill runs").success());
        let mut rest = String::new();
        serving.stdout.read_to_string(&mut rest).expect("text");

        let status = serving.child.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{signal}");
        assert_eq!(rest, "");
    }
}

#[test]
fn a_second_ctrl_c_stops_the_server_before_the_running_replies() {
    assert_ctrl_c_stops_after(&["-INT"]);
}

/// When a terminal is closed, both its shell and the kernel may send SIGHUP.
#[test]
fn a_second_sighup_does_not_stop_the_server_before_the_running_replies() {
    if !ignores_hangup() {
        assert_ctrl_c_stops_after(&["-HUP", "-HUP"]);
    }
}

/// Asserts that a server completes its replies after these signals, and stops at once after another Ctrl-C.
fn assert_ctrl_c_stops_after(first: &[&str]) {
    let service = Service::start(Answer::Hangs("Once upon a time"));
    let mut command = service.genai(&["serve", "--port", "0", "--model", "gemini-x"]);
    command.stderr(Stdio::piped());
    let mut serving = Serving::start_with(command);
    let mut notes = BufReader::new(serving.child.stderr.take().expect("it prints"));
    let mut client = TcpStream::connect(&serving.address).expect("a connection");
    let body = r#"{"contents":[{"parts":[{"text":"Tell me a story"}]}]}"#;
    let head = format!(
        "POST /v1beta/models/gemini-x:streamGenerateContent?alt=sse HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(head.as_bytes()).expect("sent");
    let mut reply = BufReader::new(client);
    let mut next_line = |text: &str| {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(reply.read_line(&mut line).expect("text"), 0, "no {text}");
        }
    };
    next_line("Once upon a time");
    let id = serving.child.id().to_string();
    let send = |signal: &str| {
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill runs").success());
    };

    let started = Instant::now();
    first.iter().for_each(|signal| send(signal));
    let mut note = String::new();
    while !note.contains("finishing") {
        note.clear();
        assert_ne!(notes.read_line(&mut note).expect("text"), 0);
    }
    send("-INT");

    let expected = "(finishing the running replies, at most 10 s; Ctrl-C again stops now)\n";
    assert_eq!(note, expected);
    assert_eq!(serving.child.wait().expect("it ends").code(), Some(130));
    let mut last = String::new();
    notes.read_to_string(&mut last).expect("text");
    assert_eq!(last, "(stopped before the running replies were complete)\n");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_refused_origin_is_printed_once() {
    let mut command = genai(&["serve", "--port", "0", "--model", "gemini-x"]);
    command.env("GEMINI_API_KEY", "k").stderr(Stdio::piped());
    let mut serving = Serving::start_with(command);
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&serving.address).expect("a connection");
        let head = "GET /v1beta/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                    origin: http://page.example\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    serving.child.kill().expect("it runs");

    let mut notes = String::new();
    let mut stderr = serving.child.stderr.take().expect("it prints");
    stderr.read_to_string(&mut notes).expect("text");
    let note = "(refused: requests from pages of `http://page.example` are not allowed: ";
    assert_eq!(notes.matches(note).count(), 1, "{notes}");
}

#[test]
fn settings_that_the_model_ignores_are_printed_once() {
    for words in [&[][..], &["--in-process"]] {
        let mut command = genai(&["serve", "--port", "0"]);
        command.args(words).stderr(Stdio::piped());
        let mut serving = Serving::start_with(command);
        let body = r#"{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"maxOutputTokens":1},
            "safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_LOW_AND_ABOVE"}]}"#;
        for _ in 0..2 {
            let mut stream = TcpStream::connect(&serving.address).expect("a connection");
            write!(
                stream,
                "POST /v1beta/models/gemini-2.5-flash:generateContent HTTP/1.1\r\nhost: localhost\r\n\
                 connection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("text");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        let mut stderr = serving.child.stderr.take().expect("a pipe");
        drop(serving);
        let mut printed = String::new();
        stderr.read_to_string(&mut printed).expect("text");

        assert_eq!(
            printed.matches("ignored: safetySettings").count(),
            1,
            "{printed}"
        );
    }
}

#[test]
fn invalid_options_are_refused_before_a_model_is_loaded() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();

    run(&["serve", "--port", &port]).assert_refused(1, &["cannot listen on 127.0.0.1", "--port 0"]);
    run(&["serve", "--port", "0", "--fault", "418"]).assert_refused(2, &["invalid fault `418`"]);
    run(&["serve", "--port", "0", "--host", "nowhere"]).assert_refused(2, &["--host"]);
    for (option, range) in [
        ("--max-output-tokens", "1.."),
        ("--context", "256.."),
        ("--threads", "1.."),
    ] {
        run(&["serve", "--port", "0", option, "-1"]).assert_refused(2, &[option, range]);
    }
}
