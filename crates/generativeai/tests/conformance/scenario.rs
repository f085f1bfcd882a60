//! Recordings: where they are, and the scenario on each line.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Line of a file of recordings.
pub(crate) enum Recording {
    Scenario(Box<Scenario>),
    /// The line is not a scenario, or uses something that the players do not implement.
    Unreadable {
        name: String,
        reason: String,
    },
}

impl Recording {
    /// Parses a line. `place` is its name if it is not JSON.
    fn parse(json: &str, place: String) -> Self {
        let unreadable = |name, reason| Self::Unreadable { name, reason };
        match serde_json::from_str::<Scenario>(json) {
            Err(error) => unreadable(place, error.to_string()),
            Ok(scenario) => match scenario.check() {
                Err(reason) => unreadable(scenario.name, reason),
                Ok(()) => Self::Scenario(Box::new(scenario)),
            },
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Scenario(scenario) => &scenario.name,
            Self::Unreadable { name, .. } => name,
        }
    }
}

/// Operations that the players implement.
const OPERATIONS: [&str; 18] = [
    "candidates",
    "continue",
    "copy",
    "count_tokens",
    "edit_history",
    "generate_content",
    "history",
    "iterate",
    "last",
    "model_version",
    "parts",
    "prompt_feedback",
    "resolve",
    "rewind",
    "send_message",
    "set_history",
    "text",
    "usage_metadata",
];

/// A script of operations, the responses of the server, and the recorded outcome.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// Whether the recorded behaviour is an accident of Python, such as an `IndexError`.
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

/// Operation on a chat, a model or a response.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Step {
    pub(crate) op: String,
    #[serde(flatten)]
    pub(crate) with: Map<String, Value>,
}

impl Scenario {
    /// Checks that the players implement what the scenario uses.
    fn check(&self) -> Result<(), String> {
        let unknown = |step: &&Step| !OPERATIONS.contains(&step.op.as_str());
        if let Some(step) = self.steps.iter().find(unknown) {
            return Err(format!("unknown operation `{}`", step.op));
        }
        let steps = self.steps.iter().flat_map(|step| step.with.values());
        let mut callables = Vec::new();
        self.model
            .values()
            .chain(steps)
            .for_each(|value| callables_in(value, &mut callables));
        match callables
            .iter()
            .find(|name| !self.functions.contains_key(**name))
        {
            Some(name) => Err(format!("unknown function `{name}`")),
            None => Ok(()),
        }
    }
}

/// Collects the names of the functions of Python that a value refers to.
fn callables_in<'v>(value: &'v Value, names: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            names.extend(members.get("$callable").and_then(Value::as_str));
            members.values().for_each(|one| callables_in(one, names));
        }
        Value::Array(elements) => elements.iter().for_each(|one| callables_in(one, names)),
        _ => {}
    }
}

/// Returns a value with each typed object of the Python SDK replaced by its content.
pub(crate) fn untyped(value: &Value) -> Value {
    match value {
        Value::Object(members) => match members.get("value") {
            Some(content)
                if members.contains_key("$proto") || members.contains_key("$dataclass") =>
            {
                untyped(content)
            }
            _ => members
                .iter()
                .map(|(name, value)| (name.clone(), untyped(value)))
                .collect(),
        },
        Value::Array(elements) => elements.iter().map(untyped).collect(),
        other => other.clone(),
    }
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

    /// Returns the name of the chat.
    pub(crate) fn on(&self) -> &str {
        self.text("on").unwrap_or("main")
    }

    /// Returns the maximum number of chunks to read, or `None` for all.
    pub(crate) fn how_many(&self, member: &str) -> Option<usize> {
        match self.get(member)? {
            Value::String(word) => (word == "none").then_some(0),
            number => number
                .as_u64()
                .and_then(|number| usize::try_from(number).ok()),
        }
    }
}

/// Reads all recordings of the folder in `CONFORMANCE_DIR`, or else of this repository.
///
/// # Errors
/// The folder cannot be read, or has no recordings.
pub(crate) fn load() -> io::Result<Vec<Recording>> {
    let folder = match std::env::var_os("CONFORMANCE_DIR") {
        Some(folder) => resolve(folder.into()),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/scenarios"),
    };
    let in_folder =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect()
        })
        .map_err(in_folder)?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "jsonl")
    });
    files.sort();
    let mut recordings = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(in_folder)?;
        let name = file.file_name().unwrap_or_default().display();
        let lines = text.lines().enumerate();
        recordings.extend(
            lines
                .filter(|(_, json)| !json.trim().is_empty())
                .map(|(at, json)| Recording::parse(json, format!("{name}:{}", at + 1))),
        );
    }
    match recordings.is_empty() {
        true => Err(in_folder(io::Error::other("no recordings"))),
        false => Ok(recordings),
    }
}

/// Resolves a relative folder from the root of the repository too: tests run in the folder of their crate.
fn resolve(folder: PathBuf) -> PathBuf {
    let from_root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(&folder);
    if !folder.is_dir() && from_root.is_dir() {
        return from_root;
    }
    folder
}
