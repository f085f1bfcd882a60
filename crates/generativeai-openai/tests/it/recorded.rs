//! A test that reads recorded exchanges with real servers, each of them split into pieces of several sizes.
//!
//! The recordings are not part of the repository. They are read from `../shared/recorded`, or from the folder in
//! `RECORDED_DIR`. Without them the test prints that it is skipped.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::{env, fs, io};

use generativeai::protocol::embeddings::{BatchEmbedContentsRequest, EmbedContentRequest};
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Backend, ErrorKind, RequestOptions, Result};
use serde_json::{Value, json};

use crate::support::{Answer, Server};

/// Sizes of the pieces in which a body arrives.
const PIECES: [usize; 3] = [usize::MAX, 1_000, 17];

fn recordings() -> Vec<Value> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recorded");
    let folder = env::var_os("RECORDED_DIR").map_or(default, PathBuf::from);
    let Ok(entries) = fs::read_dir(&folder) else {
        print("skipped: the recordings of real servers are not here (RECORDED_DIR)");
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "jsonl")
    });
    let mut recordings = Vec::new();
    for file in files {
        for line in fs::read_to_string(file).unwrap().lines() {
            let recording: Value = serde_json::from_str(line).unwrap();
            let service = recording["service"].as_str();
            if matches!(service, Some("openai" | "llamacpp" | "ollama")) {
                recordings.push(recording);
            }
        }
    }
    recordings
}

/// Prints directly, since the test harness captures what `println!` prints.
fn print(line: &str) {
    let mut stderr = io::stderr();
    writeln!(stderr, "{line}").unwrap();
}

/// Returns the messages of a recorded body: each choice with its text, thoughts, calls and finish reason. They are read
/// from the JSON without the code under test.
fn expected(body: &str, is_stream: bool) -> BTreeMap<u64, Expected> {
    let values: Vec<Value> = match is_stream {
        false => vec![serde_json::from_str(body).unwrap()],
        true => body
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
            .collect(),
    };
    let mut choices: BTreeMap<u64, Expected> = BTreeMap::new();
    for choice in values
        .iter()
        .flat_map(|value| value["choices"].as_array().into_iter().flatten())
    {
        let index = choice["index"].as_u64().unwrap_or_default();
        let message = if is_stream {
            &choice["delta"]
        } else {
            &choice["message"]
        };
        let found = choices.entry(index).or_default();
        for (target, names) in [
            (&mut found.text, &["content", "refusal"][..]),
            (
                &mut found.thoughts,
                &["reasoning_content", "reasoning", "reasoning_text"][..],
            ),
        ] {
            let mut texts = names.iter().filter_map(|name| message[name].as_str());
            target.push_str(texts.find(|text| !text.is_empty()).unwrap_or_default());
        }
        if found.thoughts.is_empty() && !is_stream {
            let details = message["reasoning_details"]
                .as_array()
                .into_iter()
                .flatten();
            let texts = details.filter_map(|it| it["text"].as_str().or(it["summary"].as_str()));
            found.thoughts = texts.collect::<Vec<_>>().join("\n\n");
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
            match call["function"]["name"]
                .as_str()
                .filter(|name| !name.is_empty())
            {
                Some(name) => found.calls.push((name.to_owned(), arguments.to_owned())),
                None => {
                    let at = call["index"].as_u64().unwrap_or_default() as usize;
                    found.calls[at].1.push_str(arguments);
                }
            }
        }
        if let Some(call) = message["function_call"].as_object() {
            let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
            found.calls.push((text("name"), text("arguments")));
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            found.reason = Some(reason.to_owned());
        }
    }
    choices
}

#[derive(Debug, Default, PartialEq)]
struct Expected {
    text: String,
    thoughts: String,
    calls: Vec<(String, String)>,
    reason: Option<String>,
}

/// Compares a response with the recorded one. Returns the first difference.
fn difference(
    response: &GenerateContentResponse,
    choices: &BTreeMap<u64, Expected>,
) -> Option<String> {
    if response.candidates.len() != choices.len() {
        return Some(format!(
            "{} candidates, {} choices",
            response.candidates.len(),
            choices.len()
        ));
    }
    for (candidate, (index, expected)) in response.candidates.iter().zip(choices) {
        let parts = candidate.parts();
        let join = |thought: bool| -> String {
            parts
                .iter()
                .filter(|part| part.is_thought() == thought)
                .filter_map(|part| part.as_text())
                .collect()
        };
        if join(false) != expected.text {
            return Some(format!(
                "text of {index}: {:?}, {:?}",
                join(false),
                expected.text
            ));
        }
        if join(true) != expected.thoughts {
            return Some(format!(
                "thoughts of {index}: {:?}, {:?}",
                join(true),
                expected.thoughts
            ));
        }
        let calls: Vec<_> = parts
            .iter()
            .filter_map(|part| part.as_function_call())
            .collect();
        if calls.len() != expected.calls.len() {
            return Some(format!("{} calls, {:?}", calls.len(), expected.calls));
        }
        for (call, (name, arguments)) in calls.into_iter().zip(&expected.calls) {
            let whole: Option<Value> = match arguments.as_str() {
                "" | "null" if expected.reason.as_deref() != Some("length") => Some(json!({})),
                text => serde_json::from_str(text).ok().filter(Value::is_object),
            };
            if call.name() != name || call.is_complete() != whole.is_some() {
                return Some(format!("call {call:?}, {name} {arguments}"));
            }
            if call.is_complete() && Some(json!(call.args)) != whole {
                return Some(format!("arguments {:?}, {arguments}", call.args));
            }
        }
        if candidate.finish_reason.is_some() != expected.reason.is_some() {
            return Some(format!(
                "finish reason {:?}, {:?}",
                candidate.finish_reason, expected.reason
            ));
        }
    }
    None
}

fn is_stream(recording: &Value) -> bool {
    let content_type = recording["content_type"].as_str().unwrap();
    content_type.contains("event-stream")
}

/// Reads an exchange with the client. Embeddings and lists of models are checked here, and become an empty response.
async fn read(server: &Server, recording: &Value) -> Result<GenerateContentResponse> {
    let path = recording["path"].as_str().unwrap();
    let (client, options) = (server.client(), RequestOptions::default().without_retry());
    if path.ends_with("/models") {
        let models = client.list_models(None, options).await?;
        assert!(!models.models.is_empty());
        return Ok(GenerateContentResponse::default());
    }
    if path.ends_with("/embeddings") {
        let body = recording["body"].as_str().unwrap();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let texts = body["data"].as_array().map_or(1, Vec::len);
        let requests = vec![EmbedContentRequest::new("x").model("m"); texts];
        let batch = BatchEmbedContentsRequest::default().requests(requests);
        let response = client.batch_embed_contents(batch, options).await?;
        let mut embeddings = response.embeddings.iter();
        assert!(embeddings.all(|embedding| !embedding.values.is_empty()));
        return Ok(GenerateContentResponse::default());
    }
    let request = generativeai::protocol::request::GenerateContentRequest::default()
        .model("models/m")
        .contents("x");
    if !is_stream(recording) {
        return client.generate_content(request, options).await;
    }
    let mut stream = client.stream_generate_content(request, options);
    let mut whole = GenerateContentResponse::default();
    while let Some(chunk) = futures_util::StreamExt::next(&mut stream).await {
        match chunk {
            Ok(chunk) => whole.merge_chunk(&chunk),
            Err(error) => return Err(error.with_response(whole)),
        }
    }
    Ok(whole)
}

/// Reads a recorded exchange in pieces of one size. Returns the first difference.
async fn check(
    recording: &Value,
    server: &Server,
    prepared: &Mutex<Answer>,
    piece: usize,
) -> Option<String> {
    let body = recording["body"].as_str().unwrap();
    let path = recording["path"].as_str().unwrap();
    let status = recording["status"].as_u64().unwrap() as u16;
    let is_stream = is_stream(recording);
    let mut answer = if is_stream {
        Answer::stream(body)
    } else {
        Answer::error(status, body)
    };
    answer.status = status;
    answer.piece = piece;
    *prepared.lock().unwrap() = answer;
    // Some servers send an error in a field `error` of the event stream.
    let has_error = status >= 400
        || body.lines().any(|line| {
            let json = line
                .strip_prefix("data:")
                .or(line.strip_prefix("error:"))
                .unwrap_or(line);
            let json: Value = serde_json::from_str(json.trim()).unwrap_or_default();
            json.get("error").is_some_and(|error| !error.is_null())
        });
    match read(server, recording).await {
        Ok(_) if has_error => Some("an error was read as a reply".to_owned()),
        Err(error) if has_error => {
            let is_refusal = status >= 400 && error.http_code() == Some(status);
            let has_message = error
                .status()
                .is_some_and(|status| status.message.is_some());
            let is_error =
                (is_refusal || status < 400) && has_message && error.kind() != ErrorKind::Decode;
            (!is_error).then(|| format!("{error:?}"))
        }
        Ok(response) if path.ends_with("chat/completions") => {
            difference(&response, &expected(body, is_stream))
        }
        Ok(_) => None,
        Err(error) => Some(format!("{error:?}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_exchange_is_read_whole_at_every_split() {
    let prepared = Arc::new(Mutex::new(Answer::json("")));
    let answers = prepared.clone();
    let server = Server::start(move |_, _| answers.lock().unwrap().clone()).await;
    let (mut read, mut other) = (BTreeMap::new(), BTreeMap::new());
    let mut deviations = Vec::new();
    for recording in recordings() {
        let path = recording["path"].as_str().unwrap();
        // `/api/embeddings` is Ollama's own API, although its path ends like that of OpenAI's.
        let kind = ["chat/completions", "/embeddings", "/models"];
        let Some(kind) = kind
            .into_iter()
            .find(|kind| path.ends_with(kind))
            .filter(|_| !path.starts_with("/api/embed"))
        else {
            *other.entry(path.to_owned()).or_insert(0) += 1;
            continue;
        };
        *read
            .entry((recording["server"].as_str().unwrap().to_owned(), kind))
            .or_insert(0) += 1;
        for piece in PIECES {
            if let Some(found) = check(&recording, &server, &prepared, piece).await {
                deviations.push(format!("{} in pieces of {piece}: {found}", recording["id"]));
                break;
            }
        }
    }
    let exchanges: usize = read.values().sum();
    print(&format!(
        "{exchanges} exchanges read at {} splits: {read:?}; of other interfaces, not read: {other:?}",
        PIECES.len(),
    ));
    assert_eq!(deviations, [""; 0], "{} deviations", deviations.len());
}
