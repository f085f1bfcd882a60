//! Exchanges that other projects recorded with the Gemini API and Vertex AI: read without loss, and played through
//! `Remote`.
//!
//! The recordings are not part of the repository. They are read from `../shared/recorded`, or from the folder in
//! `RECORDED_DIR`; without them the tests print that they are skipped. Each test prints its counts.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde::Deserialize;
use serde_json::Value;

mod chats;
mod compare;
mod messages;
mod server;

/// Recorded exchange.
#[derive(Debug, Deserialize)]
struct Exchange {
    id: String,
    method: String,
    path: String,
    request: Value,
    status: u16,
    content_type: String,
    body: String,
}

impl Exchange {
    /// Returns the method of a model, such as `generateContent`, or the HTTP method and the collection.
    fn kind(&self) -> String {
        let path = self.path.trim_start_matches("/upload");
        let mut segments = path.trim_start_matches('/').split('/').skip(1);
        match self.path.rsplit_once(':') {
            Some((_, method)) => method.to_owned(),
            None => format!("{} {}", self.method, segments.next().unwrap_or_default()),
        }
    }

    /// Returns the JSON values of the body: one, the elements of an array, or the events of a stream.
    fn values(&self) -> Vec<Value> {
        let json = |text: &str| serde_json::from_str(text).expect("a recorded body is JSON");
        if self.body.trim_start().starts_with("data:") {
            let events = self
                .body
                .lines()
                .filter_map(|line| line.strip_prefix("data:"));
            return events.map(|event| json(event.trim())).collect();
        }
        match self.body.trim() {
            "" => Vec::new(),
            body => match json(body) {
                Value::Array(values) => values,
                value => vec![value],
            },
        }
    }
}

/// Reads all exchanges with the Gemini API and Vertex AI.
fn exchanges() -> Vec<Exchange> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recorded");
    let folder = env::var_os("RECORDED_DIR").map_or(beside, PathBuf::from);
    let Ok(entries) = fs::read_dir(&folder) else {
        print("skipped: the recorded exchanges are not here (RECORDED_DIR)");
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with("-gemini.jsonl") || name.ends_with("-vertex.jsonl")
        })
        .collect();
    files.sort();
    let texts = files
        .iter()
        .map(|file| fs::read_to_string(file).expect("a text"));
    let texts: Vec<String> = texts.collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let read = lines.map(|line| serde_json::from_str(line).expect("an exchange"));
    read.collect()
}

/// Checks that were made, and what they found.
#[derive(Debug, Default)]
struct Report {
    exchanges: usize,
    checks: usize,
    /// Known differences by their reason.
    explained: BTreeMap<&'static str, usize>,
    deviations: Vec<String>,
}

impl Report {
    fn check(&mut self, id: &str, what: &str, outcome: Result<(), String>) {
        self.checks += 1;
        if let Err(difference) = outcome {
            let mut line = format!("{id}: {what}: {difference}");
            line.truncate(line.floor_char_boundary(600));
            self.deviations.push(line);
        }
    }

    fn explain(&mut self, reason: &'static str) {
        *self.explained.entry(reason).or_default() += 1;
    }

    /// Prints the counts, and fails if there is a deviation.
    fn finish(self, name: &str) {
        print(&format!(
            "{name}: {} exchanges, {} checks, {} deviations",
            self.exchanges,
            self.checks,
            self.deviations.len()
        ));
        for (reason, count) in &self.explained {
            print(&format!("  {count} × {reason}"));
        }
        assert!(self.deviations.is_empty(), "{}", self.deviations.join("\n"));
    }
}

/// Prints a line directly, since the test harness captures what `eprintln!` prints.
fn print(line: &str) {
    writeln!(io::stderr(), "{line}").expect("stderr is open");
}
