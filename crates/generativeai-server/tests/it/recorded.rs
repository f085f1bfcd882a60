//! Requests that other projects sent to the Gemini API and Vertex AI: the server reads each of them.
//!
//! They are read from `../shared/recorded`, or from the folder in `RECORDED_DIR`; without them the test prints that it
//! is skipped.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use axum::http::Request;
use generativeai::testing::Scripted;
use generativeai_server::router;
use serde_json::Value;

use crate::support::{post, send};

/// Reads the recorded exchanges.
fn exchanges() -> Vec<Value> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recorded");
    let folder = env::var_os("RECORDED_DIR").map_or(default, PathBuf::from);
    let Ok(entries) = fs::read_dir(folder) else {
        print("skipped: the recorded exchanges are not here (RECORDED_DIR)");
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let files = paths.filter(|path| {
        let name = path.to_string_lossy();
        name.ends_with("-gemini.jsonl") || name.ends_with("-vertex.jsonl")
    });
    let texts: Vec<String> = files
        .map(|file| fs::read_to_string(file).expect("a text"))
        .collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .map(|line| serde_json::from_str(line).expect("an exchange"))
        .collect()
}

/// Prints directly, since the test harness captures what `eprintln!` prints.
fn print(line: &str) {
    writeln!(io::stderr(), "{line}").expect("stderr is open");
}

#[tokio::test]
async fn every_recorded_request_is_read() {
    let (mut count, mut refused) = (0, Vec::new());
    for exchange in exchanges() {
        let path = exchange["path"].as_str().expect("a path");
        let method = path.rsplit_once(':').map_or("", |(_, method)| method);
        if !matches!(
            method,
            "generateContent" | "streamGenerateContent" | "countTokens"
        ) {
            continue;
        }
        count += 1;
        let script = Scripted::always("ok");
        let path = format!("/v1beta/models/m:{method}");
        let response = send(
            &router(script.clone()),
            post(&path, exchange["request"].to_string()),
        )
        .await;
        if response.code() != 200 {
            refused.push(format!("{}: {}", exchange["id"], response.text()));
        } else if method != "countTokens" {
            let sent = exchange["request"]["contents"]
                .as_array()
                .map_or(1, Vec::len);
            assert_eq!(
                script.requests()[0].contents.len(),
                sent,
                "{}",
                exchange["id"]
            );
        }
    }
    print(&format!(
        "recorded requests: {count} requests, {} refused",
        refused.len()
    ));
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// Row 41 of tests/field.md: methods of Vertex AI, caches, uploads without a folder for files, and methods that the
/// backend does not support.
#[tokio::test]
async fn every_recorded_request_that_is_not_served_gets_an_answer_in_words_that_is_not_retried() {
    let mut count = 0;
    for exchange in exchanges() {
        let text = |name: &str| exchange[name].as_str().expect("a text");
        let path = text("path");
        if path.ends_with("enerateContent") || path.ends_with("countTokens") {
            continue;
        }
        count += 1;
        let request = Request::builder()
            .method(text("method"))
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(exchange["request"].to_string().into())
            .expect("a request");

        let response = send(&router(Scripted::always("ok")), request).await;

        assert_eq!(response.error()["code"], 404, "{path}");
    }
    print(&format!("recorded requests that are not served: {count}"));
}
