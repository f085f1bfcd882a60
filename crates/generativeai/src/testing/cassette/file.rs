//! The file of a cassette: a head, and a line of JSON for each exchange.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::exchange::Exchange;
use crate::error::{Error, ErrorKind, Result};

/// The version of what is written here; a cassette of a later one is refused.
const VERSION: u64 = 1;

/// The first line of a cassette.
#[derive(Deserialize)]
struct Head {
    /// The version.
    cassette: u64,
}

/// The line that a cassette begins with.
pub(in crate::testing) fn head() -> Value {
    json!({ "cassette": VERSION })
}

/// Reads the exchanges of a cassette, in the order in which they began.
pub(super) fn read(path: &Path) -> Result<Vec<Exchange>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        wrong(format!("the cassette `{name}` cannot be read")).with_source(error)
    })?;
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let Head { cassette: version } = serde_json::from_str(head)
        .map_err(|error| wrong(format!("`{name}` is no cassette")).with_source(error))?;
    if version > VERSION {
        return Err(wrong(format!(
            "the cassette `{name}` is of version {version}, and this program reads up to {VERSION}: \
             update it, or record again"
        )));
    }
    let read_line = |(at, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            let what = match error.is_eof() {
                true => "is cut",
                false => "is no exchange",
            };
            let line = at + 2;
            wrong(format!(
                "line {line} of the cassette `{name}` {what}: record it again"
            ))
            .with_source(error)
        })
    };
    let exchanges = lines.enumerate().map(read_line);
    let mut exchanges = exchanges.collect::<Result<Vec<Exchange>>>()?;
    exchanges.sort_by_key(|exchange| exchange.number);
    Ok(exchanges)
}

/// The error of a cassette that cannot be written.
pub(in crate::testing) fn unwritable(name: &str, error: std::io::Error) -> Error {
    wrong(format!("the cassette `{name}` cannot be written")).with_source(error)
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}
