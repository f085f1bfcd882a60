//! The file of a cassette: JSON Lines, a version line and one line for each exchange.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::exchange::Exchange;
use crate::error::{Error, ErrorKind, Result};

/// Version of the format. Files of a later version are rejected. Increment it for a change that older programs would
/// misread.
const VERSION: u64 = 1;

/// First line of a cassette.
#[derive(Deserialize)]
struct FirstLine {
    /// The version of the format.
    cassette: u64,
}

/// Returns the first line of a cassette.
pub(in crate::testing) fn first_line() -> Value {
    json!({ "cassette": VERSION })
}

/// Reads the exchanges of a cassette, in the order of their requests.
///
/// # Errors
/// [`ErrorKind::Configuration`] with the file and the line.
pub(super) fn read(path: &Path) -> Result<Vec<Exchange>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        invalid(format!("cannot read the cassette `{name}`")).with_source(error)
    })?;
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let FirstLine { cassette: version } = serde_json::from_str(first)
        .map_err(|error| invalid(format!("`{name}` is not a cassette")).with_source(error))?;
    if version > VERSION {
        return Err(invalid(format!(
            "the cassette `{name}` has version {version}, and this program reads versions up to \
             {VERSION}: update the program, or record again"
        )));
    }
    let read_line = |(at, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            let problem = match error.is_eof() {
                true => "is truncated",
                false => "is not an exchange",
            };
            // Counted from 1, and the version is the first line.
            let line = at + 2;
            invalid(format!(
                "line {line} of the cassette `{name}` {problem}: record it again"
            ))
            .with_source(error)
        })
    };
    let exchanges = lines.enumerate().map(read_line);
    let mut exchanges = exchanges.collect::<Result<Vec<Exchange>>>()?;
    // The lines are in the order in which concurrent exchanges ended.
    exchanges.sort_by_key(|exchange| exchange.number);
    Ok(exchanges)
}

/// Returns the error of a cassette that cannot be written.
pub(in crate::testing) fn write_error(name: &str, error: std::io::Error) -> Error {
    invalid(format!("cannot write the cassette `{name}`")).with_source(error)
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}
