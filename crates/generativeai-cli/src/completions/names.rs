//! The names that a shell completes: of chats, of models.

use std::env;
use std::ffi::OsStr;

use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};

use crate::model::LOCAL;
use crate::models::catalogue::CATALOGUE;
use crate::sessions;

/// The chats that are kept, the one spoken in last first.
pub(crate) fn chats() -> Vec<CompletionCandidate> {
    let names = sessions::names().into_iter().enumerate();
    let candidate = |(at, name): (usize, String)| {
        CompletionCandidate::new(as_typed(&name)).display_order(Some(at))
    };
    names.map(candidate).collect()
}

/// The models that can be asked for by name.
pub(crate) fn models() -> Vec<CompletionCandidate> {
    let listed = CATALOGUE.iter().map(|entry| entry.name);
    [LOCAL]
        .into_iter()
        .chain(listed)
        .map(CompletionCandidate::new)
        .collect()
}

/// Who can answer: a model by its name, or a model file.
pub(crate) fn who(typed: &OsStr) -> Vec<CompletionCandidate> {
    let is_typed = |name: &CompletionCandidate| {
        let (name, typed) = (
            name.get_value().as_encoded_bytes(),
            typed.as_encoded_bytes(),
        );
        name.starts_with(typed)
    };
    let mut names: Vec<_> = models().into_iter().filter(is_typed).collect();
    let is_model = |path: &std::path::Path| path.extension().is_some_and(|end| end == "gguf");
    names.extend(PathCompleter::file().filter(is_model).complete(typed));
    names
}

/// A name as it is typed in the shell that asks: bash alone does not see to its blanks and signs itself.
fn as_typed(name: &str) -> String {
    if env::var_os("_CLAP_COMPLETE_COMP_TYPE").is_none() {
        return name.to_owned();
    }
    let plain = |char: char| char.is_alphanumeric() || "_-./:,+@%".contains(char);
    let mut typed = String::new();
    for char in name.chars() {
        if !plain(char) {
            typed.push('\\');
        }
        typed.push(char);
    }
    typed
}
