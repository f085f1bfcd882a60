//! `genai serve` after a crash of its engine process, and the engine after the server was killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::serve::Serving;
use crate::support::{assert_contains, genai, ran};

/// Returns the child processes of a process.
fn children(parent: u32) -> Vec<String> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let ids = std::fs::read_to_string(path).expect("the process runs");
    ids.split_whitespace().map(str::to_owned).collect()
}

fn kill(id: &str) {
    let killed = Command::new("kill").args(["-KILL", id]).status();
    assert!(killed.expect("kill runs").success());
}

/// Requests a reply that takes minutes, and reads its first event. The schema forces the model to a long reply.
fn long_reply(serving: &Serving) -> BufReader<TcpStream> {
    let body = r#"{"contents":[{"parts":[{"text":"Tell me a very long story."}]}],
        "generationConfig":{"responseMimeType":"application/json","maxOutputTokens":7000,
        "responseJsonSchema":{"type":"array","minItems":2000,"items":{"type":"boolean"}}}}"#;
    let path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
    let mut stream = TcpStream::connect(&serving.address).expect("a connection");
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line.clear();
        assert!(answer.read_line(&mut line).expect("text") > 0, "no event");
    }
    answer
}

#[test]
fn a_crash_between_requests_does_not_affect_the_next() {
    let serving = Serving::start(&[]);
    let before = children(serving.child.id());
    assert_eq!(before.len(), 1, "{before:?}");

    kill(&before[0]);

    // The client retries after the time that the server reports.
    let answered = ran(serving.ask("any-key").output());
    assert_eq!(answered.code, Some(0), "{answered:?}");
    assert!(!answered.stdout.trim().is_empty(), "{answered:?}");
    let after = children(serving.child.id());
    assert!(after.len() == 1 && after != before, "{before:?} {after:?}");
}

#[test]
fn a_crash_during_a_stream_ends_it_with_an_error() {
    let serving = Serving::start(&[]);
    let mut answer = long_reply(&serving);

    kill(&children(serving.child.id())[0]);

    let mut rest = String::new();
    answer.read_to_string(&mut rest).expect("text");
    let error = rest.lines().find(|line| line.starts_with(r#"{"error":"#));
    let error = error.unwrap_or_else(|| panic!("no error at the end: {rest}"));
    for text in [
        r#""code":503"#,
        "UNAVAILABLE",
        "RetryInfo",
        "the engine crashed",
    ] {
        assert_contains(error, text);
    }
    let answered = ran(serving.ask("any-key").output());
    assert_eq!(answered.code, Some(0), "{answered:?}");
}

#[test]
fn the_engine_exits_with_the_server_even_if_that_is_killed() {
    let mut command = genai(&["serve", "--port", "0"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stderr = child.stderr.take().expect("it complains");
    while children(child.id()).is_empty() {
        std::thread::yield_now();
    }

    child.kill().expect("it runs");

    child.wait().expect("it has ended");
    let mut output = String::new();
    // Both processes hold the other end of the pipe, so it ends only when both have exited.
    stderr.read_to_string(&mut output).expect("text");
    assert!(!output.contains("panicked"), "{output}");
}

#[test]
fn the_model_can_run_in_the_process_of_the_server() {
    let serving = Serving::start(&["--in-process"]);

    let answered = ran(serving.ask("any-key").output());

    assert_eq!(answered.code, Some(0), "{answered:?}");
    assert!(children(serving.child.id()).is_empty());
}

#[test]
fn the_engine_needs_a_server_and_an_invalid_model_is_reported_once() {
    let engine = crate::support::run(&["engine", "--model", "any.gguf"]);
    engine.assert_refused(1, &["started by `genai serve`"]);

    let none = crate::support::run(&["serve", "--port", "0", "--model", "no/such.gguf"]);

    none.assert_refused(1, &["cannot open the model no/such.gguf"]);
    assert_eq!(none.stderr.matches("genai: ").count(), 1, "{none:?}");
}
