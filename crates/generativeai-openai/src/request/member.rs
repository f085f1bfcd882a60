//! A helper that writes members of a JSON object.

use serde_json::{Map, Value};

/// Sets a member.
pub(super) fn set(object: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    object.insert(name.to_owned(), value.into());
}
