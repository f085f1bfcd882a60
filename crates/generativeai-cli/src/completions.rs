//! Completion of the names of sessions and models, in a shell and at the prompt.

use std::ffi::OsStr;
use std::time::Duration;
use std::{env, path};

use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::catalog::{CATALOG, LOCAL};
use crate::storage;

/// Maximum time that a completion waits for the store, which another process may have locked. The shell is blocked
/// meanwhile.
const TIME_LIMIT: Duration = Duration::from_millis(500);

/// Returns the names of all sessions, the most recently used first; none if the store cannot be read in time.
pub(crate) fn session_names() -> Vec<String> {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let names = runtime.block_on(async { timeout(TIME_LIMIT, storage::names()).await });
    names.unwrap_or_default()
}

/// Returns the names of the models in the catalog, and the name of the default model.
pub(crate) fn model_names() -> impl Iterator<Item = &'static str> {
    [LOCAL]
        .into_iter()
        .chain(CATALOG.iter().map(|entry| entry.name))
}

/// Returns candidates for the name of a session.
pub(crate) fn sessions() -> Vec<CompletionCandidate> {
    let names = session_names().into_iter().enumerate();
    let candidate = |(at, name): (usize, String)| {
        CompletionCandidate::new(escaped(&name)).display_order(Some(at))
    };
    names.map(candidate).collect()
}

/// Returns candidates for the name of a model that can be downloaded.
pub(crate) fn models() -> Vec<CompletionCandidate> {
    model_names().map(CompletionCandidate::new).collect()
}

/// Returns candidates for `--model`: names of models, and model files.
pub(crate) fn models_and_files(typed: &OsStr) -> Vec<CompletionCandidate> {
    let matches = |name: &&str| name.as_bytes().starts_with(typed.as_encoded_bytes());
    let mut candidates: Vec<_> = model_names()
        .filter(matches)
        .map(CompletionCandidate::new)
        .collect();
    let is_model = |path: &path::Path| path.extension().is_some_and(|end| end == "gguf");
    candidates.extend(PathCompleter::file().filter(is_model).complete(typed));
    candidates
}

/// Escapes a name for bash. The other shells escape completions themselves.
fn escaped(name: &str) -> String {
    // Only clap_complete's script for bash sets this variable.
    if env::var_os("_CLAP_COMPLETE_COMP_TYPE").is_none() {
        return name.to_owned();
    }
    let is_plain = |char: char| char.is_alphanumeric() || "_-./:,+@%".contains(char);
    let mut escaped = String::new();
    for char in name.chars() {
        if !is_plain(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}
