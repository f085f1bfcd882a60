//! JSON paths of single values, which locate the pieces of streamed function call arguments.

use serde_json::{Map, Value};

/// Maximum number of steps in a path. Arguments with deeper nesting could not be read again from a stored history,
/// since serde_json reads 127 levels.
const MAX_STEPS: usize = 64;

/// Step of a path: the name of a member, or the index of an item.
enum Step {
    Name(String),
    Index(usize),
}

/// Returns the value at a path such as `$.route[0].name`, and creates missing objects and arrays along the path.
///
/// `None` if the path is not a singular query (RFC 9535) for a member of the root or a value inside of one, if it
/// contradicts existing values, or if it skips items of an array. Objects and arrays before the place where it fails
/// may have been created: a later piece for the same path needs them as well.
///
/// | Arguments before | Path | Arguments after |
/// | --- | --- | --- |
/// | `{}` | `$.name` | `{"name": null}` |
/// | `{}` | `$.route[0].name` | `{"route": [{"name": null}]}` |
/// | `{"route": []}` | `$.route[2]` | unchanged: `None` |
/// | `{"name": "Ben"}` | `$.name.first` | unchanged: `None` |
pub(super) fn at<'a>(root: &'a mut Map<String, Value>, path: &str) -> Option<&'a mut Value> {
    let steps = parse(path)?;
    let (Step::Name(first), rest) = steps.split_first()? else {
        return None;
    };
    let mut value = root.entry(first.as_str()).or_insert(Value::Null);
    for step in rest {
        value = match step {
            Step::Name(name) => {
                if value.is_null() {
                    *value = Map::new().into();
                }
                let members = value.as_object_mut()?;
                members.entry(name.as_str()).or_insert(Value::Null)
            }
            Step::Index(index) => {
                if value.is_null() {
                    *value = Value::Array(Vec::new());
                }
                let items = value.as_array_mut()?;
                // Only the next item is created. A piece for a later one waits for the items between, and an index
                // from the service cannot allocate a huge array.
                if *index == items.len() {
                    items.push(Value::Null);
                }
                items.get_mut(*index)?
            }
        };
    }
    Some(value)
}

/// Parses names after a dot, and names or indices in brackets. `None` for other selectors, and for `..`.
fn parse(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path.strip_prefix('$')?;
    while !rest.is_empty() {
        if steps.len() == MAX_STEPS {
            return None;
        }
        let step;
        (step, rest) = if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, rest) = name.split_at(end);
            // All members of an object. In brackets and quotes it would be a name.
            if name == "*" {
                return None;
            }
            (Step::Name(name.to_owned()), rest)
        } else {
            bracketed(rest.strip_prefix('[')?)?
        };
        if matches!(&step, Step::Name(name) if name.is_empty()) {
            return None;
        }
        steps.push(step);
    }
    Some(steps)
}

/// Reads `0]` or `'first name']`, and returns the rest of the path.
fn bracketed(path: &str) -> Option<(Step, &str)> {
    let path = path.trim_start();
    let Some(quote @ ('\'' | '"')) = path.chars().next() else {
        let (index, rest) = path.split_once(']')?;
        return Some((Step::Index(index.trim_end().parse().ok()?), rest));
    };
    let mut is_escaped = false;
    let end = path[1..].find(|char| {
        let is_end = char == quote && !is_escaped;
        is_escaped = char == '\\' && !is_escaped;
        is_end
    })?;
    let (name, rest) = path[1..].split_at(end);
    let rest = rest[1..].trim_start().strip_prefix(']')?;
    // Names have the escapes of JSON strings, except that single quotes are escaped instead of double ones.
    let name = match quote {
        '\'' => name.replace("\\'", "'").replace('"', "\\\""),
        _ => name.to_owned(),
    };
    let name = serde_json::from_str(&format!("\"{name}\"")).ok()?;
    Some((Step::Name(name), rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(root: &mut Map<String, Value>, path: &str, value: Value) -> bool {
        at(root, path).map(|place| *place = value).is_some()
    }

    #[test]
    fn a_path_creates_missing_objects_and_arrays() {
        let mut root = Map::new();
        for (path, value) in [
            ("$.name", json!("Ben Nevis")),
            ("$.route[0].name", json!("CMD")),
            ("$.route[1]['first name']", json!("Tower")),
            (r#"$["it's"].a"#, json!(1)),
            (r"$['it\'s'].b", json!(2)),
            ("$.route[0].name", json!("Ledge")),
            (r"$['a\n\u00e9\uD83D\uDE00\\']", json!(3)),
            ("$[ 'x y' ][ 0 ]", json!(4)),
            ("$['*']", json!(5)),
        ] {
            assert!(set(&mut root, path, value), "{path}");
        }

        assert_eq!(
            Value::from(root),
            json!({
                "name": "Ben Nevis",
                "route": [{"name": "Ledge"}, {"first name": "Tower"}],
                "it's": {"a": 1, "b": 2},
                "a\né😀\\": 3,
                "x y": [4],
                "*": 5,
            })
        );
    }

    #[test]
    fn a_path_that_names_no_single_value_is_refused() {
        let given = json!({"text": "a", "list": []});
        let root = given.as_object().expect("an object");
        let deep = format!("$.a{}", "[0]".repeat(MAX_STEPS));
        for path in [
            "",
            "$",
            "name",
            "$name",
            "$.",
            "$..a",
            "$[0]",
            "$.a[",
            "$.a[0",
            "$.a['b",
            "$.a['b'",
            "$.*",
            "$.a.*[0]",
            "$.a[*]",
            "$.a[-1]",
            "$.a[1]",
            "$.list[1]",
            "$.text.a",
            "$.text[0]",
            "$['']",
            r"$['\u00g0']",
            r"$['\ud83d']",
            r"$['\ud83d\u0041']",
            r"$['\",
            &deep,
        ] {
            assert!(at(&mut root.clone(), path).is_none(), "{path}");
        }
    }
}
