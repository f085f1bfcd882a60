//! Limits of the depth and size of a schema.

use generativeai::{Error, Result};
use serde_json::Value;

use crate::error::invalid_argument;

/// Maximum nesting of a schema.
pub(super) const MAX_DEPTH: usize = 64;
/// Maximum number of members and elements in a schema.
pub(super) const MAX_SIZE: usize = 20_000;

/// Rejects a schema that is nested too deep or has too many members.
pub(super) fn check(schema: &Value) -> Result<()> {
    let mut remaining = MAX_SIZE;
    measure(schema, MAX_DEPTH, &mut remaining)
}

fn measure(value: &Value, depth: usize, remaining: &mut usize) -> Result<()> {
    let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
    *remaining = remaining.checked_sub(1).ok_or_else(|| {
        invalid_argument(format!(
            "the schema has more than {MAX_SIZE} members: simplify it"
        ))
    })?;
    match value {
        Value::Array(elements) => elements
            .iter()
            .try_for_each(|value| measure(value, depth, remaining)),
        Value::Object(members) => members
            .values()
            .try_for_each(|value| measure(value, depth, remaining)),
        _ => Ok(()),
    }
}

/// Creates the error for a schema that is nested too deep.
pub(super) fn too_deep() -> Error {
    invalid_argument(format!(
        "the schema is nested deeper than {MAX_DEPTH} levels: simplify it"
    ))
}
