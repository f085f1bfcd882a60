//! Limits of the depth and size of a schema, which comes from a client.

use std::collections::{HashMap, HashSet};

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

/// Maximum number of properties in a schema.
///
/// The grammar engine recurses along the properties of an object, which may be merged from several schemas. With two
/// megabytes of stack, it overflows between 6,000 and 7,000.
const MAX_PROPERTIES: usize = 4_000;

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

/// Rejects a lowered schema with too many properties.
pub(super) fn check_properties(lowered: &Value) -> Result<(), Problem> {
    let schemas = subschemas::all(lowered);
    let properties = schemas.iter().flat_map(|schema| {
        let maps = [schema.get("properties"), schema.get("patternProperties")];
        maps.into_iter().flatten().filter_map(Value::as_object)
    });
    let total: usize = properties.map(|properties| properties.len()).sum();
    if total > MAX_PROPERTIES {
        let reason = format!(
            "the schema has {total} properties, but at most {MAX_PROPERTIES} are supported: simplify it"
        );
        return Err(Problem::new("", reason));
    }
    Ok(())
}

/// Rejects a lowered schema whose references may lead too deep.
pub(super) fn check_references(lowered: &Value) -> Result<(), Problem> {
    let total = levels(lowered) + longest_chain(lowered);
    if total > MAX_LEVELS {
        let reason = format!(
            "references may lead through {total} levels of the schema, but at most {MAX_LEVELS} are \
             supported: simplify the definitions"
        );
        return Err(Problem::new("", reason));
    }
    Ok(())
}

/// A definition of a lowered schema.
struct Definition<'a> {
    name: &'a str,
    levels: usize,
    /// Names of the definitions that it refers to.
    targets: HashSet<&'a str>,
}

/// Returns the number of levels that a chain of references may lead through. Above [`MAX_LEVELS`] the number is not
/// exact.
///
/// Definitions that refer to each other in a circle, or that lead to such ones, count in full: a chain may lead through
/// all of them.
fn longest_chain(lowered: &Value) -> usize {
    let definitions = lowered.get("$defs").and_then(Value::as_object);
    let mut open: Vec<Definition<'_>> = definitions
        .into_iter()
        .flatten()
        .map(|(name, schema)| {
            let mut targets = targets_of(schema);
            // A chain passes a definition once.
            targets.remove(name.as_str());
            let levels = levels(schema);
            Definition {
                name,
                levels,
                targets,
            }
        })
        .collect();
    let mut depths: HashMap<&str, usize> = HashMap::new();
    let mut longest = 0;
    loop {
        let before = open.len();
        // From the back: a definition mostly precedes those that it refers to.
        for at in (0..open.len()).rev() {
            let targets = open[at].targets.iter();
            let known: Option<Vec<usize>> = targets.map(|name| depths.get(name).copied()).collect();
            if let Some(known) = known {
                let Definition { name, levels, .. } = open.remove(at);
                let depth = levels + known.into_iter().max().unwrap_or(0);
                depths.insert(name, depth);
                longest = longest.max(depth);
            }
        }
        if open.len() == before || longest > MAX_LEVELS {
            let recursive: usize = open.iter().map(|definition| definition.levels).sum();
            return longest + recursive;
        }
    }
}

/// Returns the names of the definitions that a lowered schema refers to.
fn targets_of(schema: &Value) -> HashSet<&str> {
    let mut targets = HashSet::new();
    for schema in subschemas::all(schema) {
        let reference = schema.get("$ref").and_then(Value::as_str);
        targets.extend(reference.and_then(|target| target.strip_prefix("#/$defs/")));
    }
    targets
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
    use serde_json::{Map, json};

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
    fn the_levels_of_the_longest_chain_count() {
        let schema = |target: fn(usize) -> usize| {
            let definitions = (0..500).map(|number| {
                let target = format!("#/$defs/{}", target(number));
                let link = json!({ "properties": { "a": { "$ref": target } } });
                (number.to_string(), link)
            });
            let mut definitions: Map<String, Value> = definitions.collect();
            definitions.insert("500".to_owned(), json!({}));
            json!({ "$ref": "#/$defs/0", "$defs": definitions })
        };
        let to_the_last = schema(|_| 500);
        let to_the_next = schema(|number| number + 1);
        let to_the_previous = schema(|number| number.checked_sub(1).unwrap_or(500));
        let to_itself = schema(|number| number);
        let in_a_circle = schema(|number| (number + 1) % 500);

        for schema in [to_the_last, to_itself] {
            assert!(check_references(&schema).is_ok());
        }
        for schema in [to_the_next, to_the_previous, in_a_circle] {
            let problem = check_references(&schema).unwrap_err();
            assert!(problem.reason.contains("levels"), "{}", problem.reason);
        }
    }
}
