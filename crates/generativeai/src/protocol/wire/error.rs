//! Error of the reader, with the path and the position of the value.

use std::fmt;

use serde::de::Error;

/// The JSON is invalid, or does not match the type.
#[derive(Debug)]
pub(crate) struct ReadError(Box<Details>);

#[derive(Debug)]
struct Details {
    message: String,
    /// Path of the value, such as `contents[0].role`. Empty for the document itself.
    path: String,
    /// Offset in bytes.
    at: usize,
}

impl ReadError {
    #[cold]
    pub(super) fn new(message: String, at: usize) -> Self {
        let path = String::new();
        Self(Box::new(Details { message, path, at }))
    }

    /// Adds the member that contains the value.
    #[cold]
    pub(super) fn in_member(mut self, name: &str) -> Self {
        let path = &self.0.path;
        let dot = if path.is_empty() || path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.0.path = format!("{}{dot}{path}", quote(name));
        self
    }

    /// Adds the list that contains the value.
    #[cold]
    pub(super) fn in_list(self, index: usize) -> Self {
        self.in_member(&format!("[{index}]"))
    }

    /// Converts to an error with the line and the column in `json`, which count from 1. Columns count bytes.
    pub(in crate::protocol) fn located(self, json: &str) -> serde_json::Error {
        let read = &json.as_bytes()[..self.0.at.min(json.len())];
        let line = 1 + read.iter().filter(|&&byte| byte == b'\n').count();
        let column = 1 + read.iter().rev().take_while(|&&byte| byte != b'\n').count();
        // serde_json takes the position from the end of the message, see `serde_json::Error::line`.
        serde_json::Error::custom(format_args!("{self} at line {line} column {column}"))
    }
}

/// Returns a text that comes from the JSON, with its control characters escaped. A long one is only described.
///
/// It is not cut: a key in it is removed from the error, which would not find half of a key.
pub(super) fn quote(text: &str) -> String {
    const MAX_BYTES: usize = 100;
    match text.len() {
        0 => "\"\"".to_owned(),
        1..=MAX_BYTES => text.escape_debug().to_string(),
        length => format!("(a text of {length} bytes)"),
    }
}

/// Without a position.
impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { message, path, .. } = &*self.0;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(message)
    }
}
