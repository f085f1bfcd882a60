//! Limits of the depth and size of a schema, which comes from a client.

use serde_json::Value;

use super::problem::Problem;
use super::subschemas;

/// Maximum nesting of a schema. The functions that process schemas recurse, and a stack overflow ends the process.
pub(super) const MAX_DEPTH: usize = 64;
/// Maximum number of members and elements in a schema.
pub(super) const MAX_SIZE: usize = 20_000;

/// Maximum sum of the levels of schemas in a lowered schema and in each of its definitions.
///
/// A chain of references may lead through all definitions, and the grammar engine and the validator recurse along it:
/// some kilobytes of the stack for each level, of the two megabytes that a thread has.
const MAX_LEVELS: usize = 256;

/// Rejects a schema that is nested too deep or has too many members.
pub(super) fn check(schema: &Value) -> Result<(), Problem> {
    let mut remaining = MAX_SIZE;
    measure(schema, MAX_DEPTH, &mut remaining)
}

/// Counts a value and all values in it. `depth` is the remaining depth, `remaining` the remaining number of values.
fn measure(value: &Value, depth: usize, remaining: &mut usize) -> Result<(), Problem> {
    let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
    *remaining = remaining.checked_sub(1).ok_or_else(|| {
        Problem::new(
            "",
            format!("the schema has more than {MAX_SIZE} members: simplify it"),
        )
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

/// Rejects a lowered schema whose references may lead too deep.
pub(super) fn check_references(lowered: &Value) -> Result<(), Problem> {
    let definitions = lowered.get("$defs").and_then(Value::as_object);
    let in_definitions = definitions.into_iter().flatten();
    let total: usize = in_definitions.map(|(_, schema)| levels(schema)).sum();
    let total = total + levels(lowered);
    if total > MAX_LEVELS {
        let reason = format!(
            "the definitions of the schema have {total} levels in total, but at most {MAX_LEVELS} are \
             supported: simplify them"
        );
        return Err(Problem::new("", reason));
    }
    Ok(())
}

/// Returns the number of schemas that are nested in each other.
fn levels(schema: &Value) -> usize {
    let mut inner = 0;
    subschemas::for_each(schema, &mut |schema| inner = inner.max(levels(schema)));
    inner + 1
}

/// Creates the problem of a schema that is nested too deep.
pub(super) fn too_deep() -> Problem {
    Problem::new(
        "",
        format!("the schema is nested deeper than {MAX_DEPTH} levels: simplify it"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_that_are_too_deep_or_too_large_are_rejected() {
        let mut deep = json!({ "type": "string" });
        for _ in 0..MAX_DEPTH {
            deep = json!({ "items": deep });
        }
        let large = json!({ "enum": vec![0; MAX_SIZE] });

        assert!(check(&deep).unwrap_err().reason.contains("deeper"));
        assert!(check(&large).unwrap_err().reason.contains("members"));
    }
}
