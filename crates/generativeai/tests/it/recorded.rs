//! Recorded replies of the service: read, stored in a history, and sent again.
//!
//! The recordings are not part of the repository. They are read from `../shared/mock-responses`, or from
//! the folder in `MOCK_RESPONSES_DIR`; without them the tests print that they are skipped.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{ChatSession, ErrorKind, GenerativeModel, Remote, Result};
use serde_json::{Value, json};

use crate::support::mode::Mode;
use crate::support::server::{STREAM, answer, reply};
use crate::support::{Act, Retries, Server};

#[derive(Clone)]
struct Recording {
    name: String,
    body: String,
}

/// Reads the recordings whose names have this beginning and ending.
fn recordings(beginning: &str, ending: &str) -> Vec<Recording> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/mock-responses");
    let folder = env::var_os("MOCK_RESPONSES_DIR").map_or(beside, PathBuf::from);
    let Ok(entries) = fs::read_dir(&folder) else {
        // Directly, since the test harness captures what `eprintln!` prints.
        let note = "skipped: the recordings of the real service are not here (MOCK_RESPONSES_DIR)";
        writeln!(io::stderr(), "{note}").expect("stderr is open");
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let wanted = name.starts_with(beginning) && name.ends_with(ending);
            let body = wanted.then(|| fs::read_to_string(&path).expect("a text"))?;
            Some(Recording { name, body })
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(
        !found.is_empty(),
        "no recording is called {beginning}…{ending}"
    );
    found
}

fn chat(server: &Server) -> ChatSession {
    let remote = Remote::builder()
        .base_url(server.url())
        .api_key("k")
        .request_options(Retries::default().immediate());
    GenerativeModel::new("m")
        .backend(remote.build().expect("good settings"))
        .start_chat()
}

/// Parses the events of a recorded stream.
fn events(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).expect("JSON"))
        .collect()
}

/// Returns all parts of a recording, in order.
fn parts(values: &[Value]) -> Vec<Value> {
    let parts = |value: &Value| {
        value["candidates"][0]["content"]["parts"]
            .as_array()
            .cloned()
    };
    values.iter().filter_map(parts).flatten().collect()
}

/// Returns the data of parts by kind: merging must not lose or change any of it.
fn data(parts: &[Value]) -> Value {
    let text = |thought: bool| -> String {
        let of = parts
            .iter()
            .filter(|part| (part["thought"] == true) == thought);
        of.filter_map(|part| part["text"].as_str()).collect()
    };
    let all = |path: &str| -> String {
        parts
            .iter()
            .filter_map(|part| part.pointer(path)?.as_str())
            .collect()
    };
    let each = |name: &str| -> Vec<Value> {
        parts
            .iter()
            .filter_map(|part| part.get(name).cloned())
            .collect()
    };
    json!({
        "text": text(false),
        "thoughts": text(true),
        "code": all("/executableCode/code"),
        "results": all("/codeExecutionResult/output"),
        "signatures": each("thoughtSignature"),
        "calls": each("functionCall"),
        "data": each("inlineData"),
    })
}

/// Returns the parts of the first reply in the second request.
fn sent_again(server: &Server) -> Vec<Value> {
    let request = server.received().last().expect("a second request").json();
    request["contents"][1]["parts"]
        .as_array()
        .expect("parts")
        .clone()
}

/// Saves and loads the chat, sends a second message, and checks that the request has the whole first reply.
async fn check_second_turn(name: &str, server: &Server, chat: ChatSession, recorded: &[Value]) {
    let saved = serde_json::to_string(&chat).expect("a chat is JSON");
    let loaded: ChatSession = serde_json::from_str(&saved).expect("a chat");
    let remote = Remote::builder()
        .base_url(server.url())
        .api_key("k")
        .build();
    let mut chat = loaded.backend(remote.expect("good settings"));
    chat.send_message("And then?")
        .await
        .expect("a second reply");
    assert_eq!(data(&sent_again(server)), data(&parts(recorded)), "{name}");
}

/// Returns the last value of a member of the candidate in a recording.
fn last_of<'v>(recorded: &'v [Value], member: &str) -> Option<&'v Value> {
    recorded
        .iter()
        .rev()
        .find_map(|value| value["candidates"][0].get(member))
}

fn check_whole(name: &str, whole: &GenerateContentResponse, recorded: &[Value]) {
    let candidate = serde_json::to_value(&whole.candidates[0]).expect("JSON");
    for member in [
        "groundingMetadata",
        "finishReason",
        "finishMessage",
        "avgLogprobs",
    ] {
        assert_eq!(
            candidate.get(member),
            last_of(recorded, member),
            "{member} of {name}"
        );
    }
    let usage = recorded
        .iter()
        .rev()
        .find_map(|value| value.get("usageMetadata"));
    let read = serde_json::to_value(&whole.usage_metadata).expect("JSON");
    assert_eq!(&read, usage.unwrap_or(&Value::Null), "usage of {name}");
    let cited = |value: &Value| {
        value["candidates"][0]
            .pointer("/citationMetadata/citationSources")
            .cloned()
    };
    let sources: Vec<Value> = recorded
        .iter()
        .filter_map(cited)
        .flat_map(as_list)
        .collect();
    let read = candidate
        .pointer("/citationMetadata/citationSources")
        .cloned();
    assert_eq!(
        read.map(as_list).unwrap_or_default(),
        sources,
        "citations of {name}"
    );
}

fn as_list(value: Value) -> Vec<Value> {
    serde_json::from_value(value).expect("a list")
}

fn second() -> Act {
    let body = reply("Then that.", Some("STOP")).to_string();
    Act::Send(answer("200 OK", "application/json", &body).into())
}

#[tokio::test]
async fn a_recorded_stream_is_complete_after_a_round_trip_through_the_history() {
    for Recording { name, body } in recordings("streaming-success", ".txt") {
        let recorded = events(&body);
        let first = Act::Send(format!("{STREAM}{body}").into());
        let server = Server::play([vec![first], vec![second()]]);
        let mut chat = chat(&server);

        let whole = chat.send_message("Go").stream().finish().await;

        let whole = whole.unwrap_or_else(|error| panic!("{name}: {error:#?}"));
        check_whole(&name, &whole, &recorded);
        check_second_turn(&name, &server, chat, &recorded).await;
    }
}

#[tokio::test]
async fn a_recorded_reply_is_complete_after_a_round_trip_through_the_history() {
    for Recording { name, body } in recordings("unary-success", ".json") {
        let recorded = [serde_json::from_str::<Value>(&body).expect("JSON")];
        let first = Act::Send(answer("200 OK", "application/json", &body).into());
        let server = Server::play([vec![first], vec![second()]]);
        let mut chat = chat(&server);

        let whole = chat.send_message("Go").await;

        let whole = whole.unwrap_or_else(|error| panic!("{name}: {error:#?}"));
        assert_eq!(
            serde_json::to_value(&whole).expect("JSON"),
            recorded[0],
            "{name}"
        );
        check_second_turn(&name, &server, chat, &recorded).await;
    }
}

/// Kind of each recorded failure, and a word of the service that the error must contain.
const FAILURES: [(&str, ErrorKind, &str); 12] = [
    (
        "streaming-failure-image-rejected.txt",
        ErrorKind::Request,
        "invalid argument",
    ),
    (
        "streaming-failure-prompt-blocked-safety.txt",
        ErrorKind::Blocked,
        "SAFETY",
    ),
    (
        "streaming-failure-recitation-no-content.txt",
        ErrorKind::Stopped,
        "RECITATION",
    ),
    (
        "unary-failure-api-key.json",
        ErrorKind::Authentication,
        "API key not valid",
    ),
    (
        "unary-failure-api-key.txt",
        ErrorKind::Authentication,
        "API key not valid",
    ),
    (
        "unary-failure-finish-reason-safety.json",
        ErrorKind::Stopped,
        "SAFETY",
    ),
    (
        "unary-failure-finish-reason-safety.txt",
        ErrorKind::Stopped,
        "SAFETY",
    ),
    (
        "unary-failure-generativelanguage-api-not-enabled.json",
        ErrorKind::Authentication,
        "it is disabled",
    ),
    (
        "unary-failure-only-prompt-feedback.json",
        ErrorKind::Blocked,
        "Message",
    ),
    (
        "unary-failure-unknown-model.json",
        ErrorKind::NotFound,
        "is not found",
    ),
    (
        "unary-failure-unknown-model.txt",
        ErrorKind::NotFound,
        "is not found",
    ),
    (
        "unary-failure-with-message-no-content.json",
        ErrorKind::Stopped,
        "internal error",
    ),
];

/// Returns the HTTP status of a recorded body: the code of its error.
fn status(body: &str) -> String {
    let read: Option<Value> = serde_json::from_str(body).ok();
    let code = read.and_then(|body| body.pointer("/error/code")?.as_i64());
    code.map_or_else(|| "200 OK".to_owned(), |code| format!("{code} Error"))
}

async fn ask(server: &Server, mode: Mode) -> Result<GenerateContentResponse> {
    let mut chat = chat(server);
    let outcome = mode.send(&mut chat, "Go").await;
    assert!(
        chat.history().is_empty(),
        "a failed turn does not change the history"
    );
    assert!(chat.unfinished().is_some());
    outcome
}

#[tokio::test]
async fn a_recorded_failure_is_an_error_that_names_the_cause() {
    let all = [
        recordings("streaming-failure", ""),
        recordings("unary-failure", ""),
    ]
    .concat();
    for Recording { name, body } in &all {
        let (_, kind, word) = *FAILURES
            .iter()
            .find(|(file, ..)| file == name)
            .unwrap_or_else(|| panic!("{name} is not in the table"));
        let (mode, form) = match name.starts_with("streaming") {
            true => (Mode::Streamed, "text/event-stream"),
            false => (Mode::Awaited, "application/json"),
        };
        let server = Server::always(1, &answer(&status(body), form, body));

        let error = ask(&server, mode).await.expect_err(name);

        assert_eq!(error.kind(), kind, "{name}: {error:?}");
        let told = format!("{error} {:?}", error.status());
        assert!(told.contains(word), "{name}: {told}");
        let answered = error.response().is_some() || error.status().is_some();
        assert!(
            answered,
            "{name}: the error contains the response of the service"
        );
    }
}
