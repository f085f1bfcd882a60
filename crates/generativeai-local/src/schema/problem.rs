//! Problems of a schema.

use generativeai::Error;

use crate::error::invalid_argument;

/// Reason why a schema is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// JSON pointer to the member; empty for the whole schema.
    pub(super) pointer: String,
    pub(super) reason: String,
}

impl Problem {
    pub(super) fn new(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            reason: reason.into(),
        }
    }

    /// Converts the problem to a 400. `path` names the schema in the request.
    pub(super) fn into_error(self, path: &str) -> Error {
        invalid_argument(format!("{path}{}: {}", self.pointer, self.reason))
    }
}

/// Appends a member name to a JSON pointer. RFC 6901 escapes `~` and `/`.
pub(super) fn join(pointer: &str, name: &str) -> String {
    // `~` first, or the `~` in `~1` would be escaped again.
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}
