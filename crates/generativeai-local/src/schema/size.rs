//! Limits of the depth and size of a schema, which comes from a client.

use serde_json::Value;

use super::problem::Problem;
use super::subschemas;

/// Maximum nesting of a schema. The functions that process schemas recurse, and a stack overflow ends the process.
pub(super) const MAX_DEPTH: usize = 64;
/// Maximum number of members and elements in a schema.
pub(super) const MAX_SIZE: usize = 20_000;

/// Maximum number of levels of schemas along a chain of references.
///
/// The grammar engine and the validator recurse along it. With two megabytes of stack, as threads have, the validator
/// overflows between 300 and 400 levels.
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
///
/// A chain may lead through all definitions that refer to others, and ends at one that does not.
pub(super) fn check_references(lowered: &Value) -> Result<(), Problem> {
    let definitions = lowered.get("$defs").and_then(Value::as_object);
    let definitions = definitions.into_iter().flat_map(|all| all.values());
    let (links, ends): (Vec<&Value>, Vec<&Value>) = definitions.partition(|schema| refers(schema));
    let of_links: usize = links.into_iter().map(levels).sum();
    let total = levels(lowered) + of_links + ends.into_iter().map(levels).max().unwrap_or(0);
    if total > MAX_LEVELS {
        let reason = format!(
            "references may lead through {total} levels of the schema, but at most {MAX_LEVELS} are \
             supported: simplify the definitions"
        );
        return Err(Problem::new("", reason));
    }
    Ok(())
}

/// Returns whether a schema or one in it is a reference.
fn refers(schema: &Value) -> bool {
    let mut found = schema.get("$ref").is_some();
    subschemas::for_each(schema, &mut |schema| found = found || refers(schema));
    found
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

    #[test]
    fn only_definitions_that_refer_to_others_make_a_chain_longer() {
        let of = |definition: Value| {
            let definitions = (0..500).map(|number| (number.to_string(), definition.clone()));
            json!({ "$ref": "#/$defs/0", "$defs": serde_json::Map::from_iter(definitions) })
        };
        let end = json!({ "properties": { "a": { "type": "string" } } });
        let link = json!({ "properties": { "a": { "$ref": "#/$defs/1" } } });

        assert!(check_references(&of(end)).is_ok());
        assert!(
            check_references(&of(link))
                .unwrap_err()
                .reason
                .contains("levels")
        );
    }
}
