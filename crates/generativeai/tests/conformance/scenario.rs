//! The recordings: where they are, and what one line of them holds.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

/// One recording: what was done, what the server answered, and what came of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// Whether the behaviour is an accident of the recorded program's language.
    #[serde(default)]
    pub(crate) python_specific: bool,
    #[serde(default)]
    pub(crate) model: Map<String, Value>,
    #[serde(default)]
    pub(crate) chat: Map<String, Value>,
    #[serde(default)]
    pub(crate) functions: HashMap<String, Value>,
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) server: Vec<Value>,
    #[serde(default)]
    pub(crate) server_repeat_last: bool,
    #[serde(default)]
    pub(crate) record_headers: Vec<String>,
    pub(crate) expect: Value,
}

/// One operation on a chat, a model or an answer.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Step {
    pub(crate) op: String,
    #[serde(flatten)]
    pub(crate) with: Map<String, Value>,
}

impl Step {
    pub(crate) fn get(&self, member: &str) -> Option<&Value> {
        self.with.get(member)
    }

    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.get(member)?.as_str()
    }

    pub(crate) fn flag(&self, member: &str) -> bool {
        self.get(member).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The chat it is done on.
    pub(crate) fn on(&self) -> &str {
        self.text("on").unwrap_or("main")
    }

    /// How many chunks are read: all if there is no number.
    pub(crate) fn how_many(&self, member: &str) -> Option<usize> {
        match self.get(member)? {
            Value::String(word) => (word == "none").then_some(0),
            number => number
                .as_u64()
                .and_then(|number| usize::try_from(number).ok()),
        }
    }
}

/// Reads every recording of the folder that `CONFORMANCE_DIR` names, else of the project's copy.
pub(crate) fn load() -> io::Result<Vec<Scenario>> {
    let folder = match std::env::var_os("CONFORMANCE_DIR") {
        Some(folder) => named(folder.into()),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/scenarios"),
    };
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "jsonl")
    });
    files.sort();
    let mut scenarios = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file)?;
        for (line, json) in text
            .lines()
            .enumerate()
            .filter(|(_, json)| !json.trim().is_empty())
        {
            let scenario = serde_json::from_str(json).map_err(|error| {
                io::Error::other(format!("{}:{}: {error}", file.display(), line + 1))
            })?;
            scenarios.push(scenario);
        }
    }
    Ok(scenarios)
}

/// A relative folder may be meant from the root of the project, though tests run in their crate.
fn named(folder: PathBuf) -> PathBuf {
    let from_root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(&folder);
    if !folder.is_dir() && from_root.is_dir() {
        return from_root;
    }
    folder
}
