//! Canonical JSON: equivalent forms on the wire become equal.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Number, Value};

pub(crate) mod checks;

/// Tables that are part of the recordings.
#[derive(Deserialize)]
pub(crate) struct Tables {
    drop_zero: HashSet<String>,
    pub(crate) enums: HashMap<String, HashMap<String, String>>,
    int64_keys: HashSet<String>,
    keep_empty: HashSet<String>,
    map_keys: HashSet<String>,
    zero_enum_names: HashSet<String>,
}

pub(crate) static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    serde_json::from_str(include_str!("normalize.json")).expect("the tables have this structure")
});

/// Returns the canonical form of a request, a response, a content, or a list of them.
pub(crate) fn canonical(value: &Value) -> Value {
    under("", "", value)
}

fn under(parent: &str, key: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(object(key, members)),
        Value::Array(elements) => {
            let mut elements: Vec<Value> = elements
                .iter()
                .map(|element| under(parent, key, element))
                .collect();
            if key == "safetySettings" {
                elements.sort_by_cached_key(sorted_text);
            }
            Value::Array(elements)
        }
        Value::Number(number) => name_of_enum(parent, key, number)
            .unwrap_or_else(|| Value::Number(single_precision(number))),
        Value::String(text) if TABLES.int64_keys.contains(key) => text
            .parse::<i64>()
            .map_or_else(|_| value.clone(), Value::from),
        _ => value.clone(),
    }
}

fn object(of: &str, members: &Map<String, Value>) -> Map<String, Value> {
    if TABLES.map_keys.contains(of) {
        return members
            .iter()
            .map(|(name, value)| (name.clone(), under(of, "", value)))
            .collect();
    }
    let mut kept = Map::new();
    for (key, value) in members {
        let is_free = key == "args" || (key == "response" && members.contains_key("name"));
        let value = if is_free {
            free(value)
        } else {
            under(of, key, value)
        };
        let dropped = if is_free {
            value.is_null()
        } else {
            is_dropped(key, &value)
        };
        if !dropped {
            kept.insert(key.clone(), value);
        }
    }
    kept
}

/// Returns whether a member is left out: it is empty, or zero in a field without presence.
fn is_dropped(key: &str, value: &Value) -> bool {
    if value.is_null() {
        return true;
    }
    let empty = match value {
        Value::String(text) => text.is_empty() || TABLES.zero_enum_names.contains(text),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Number(number) => TABLES.drop_zero.contains(key) && number.as_f64() == Some(0.0),
        Value::Bool(said) => TABLES.drop_zero.contains(key) && !said,
        Value::Null => true,
    };
    empty && !TABLES.keep_empty.contains(key)
}

fn name_of_enum(parent: &str, key: &str, number: &Number) -> Option<Value> {
    let table = match TABLES.enums.get(&format!("{key}@{parent}")) {
        Some(table) => table,
        None => TABLES.enums.get(key)?,
    };
    table
        .get(&number.to_string())
        .map(|name| name.as_str().into())
}

/// Converts a number: an integer if it has no fraction, else the shortest decimal of its 32-bit value.
fn single_precision(number: &Number) -> Number {
    whole(number).unwrap_or_else(|| {
        let single = number.as_f64().unwrap_or_default() as f32;
        let shortest = single.to_string().parse().unwrap_or(f64::from(single));
        Number::from_f64(shortest).unwrap_or_else(|| number.clone())
    })
}

fn whole(number: &Number) -> Option<Number> {
    if number.is_i64() || number.is_u64() {
        return Some(number.clone());
    }
    let value = number.as_f64()?;
    (value.fract() == 0.0 && value.abs() < 9.0e18).then(|| Number::from(value as i64))
}

/// Returns the canonical form of free JSON, such as arguments: only numbers change.
fn free(value: &Value) -> Value {
    match value {
        // Numbers of free JSON are doubles.
        Value::Number(number) => {
            let double = number.as_f64().and_then(Number::from_f64);
            let double = double.unwrap_or_else(|| number.clone());
            Value::Number(whole(&double).unwrap_or(double))
        }
        Value::Array(elements) => elements.iter().map(free).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), free(value)))
            .collect(),
        _ => value.clone(),
    }
}

/// Returns the JSON text with the members of all objects sorted by name.
fn sorted_text(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}
