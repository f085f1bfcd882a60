//! Inputs of the recordings, converted to contents.

use serde_json::{Value, json};

use super::known;
use crate::fault;
use crate::rows::{Row, Rows};
use crate::scenario::untyped;

/// Members that a part may have in any combination; the Python SDK takes others one at a time.
const TYPED_PART: [&str; 4] = ["text", "thought", "executableCode", "codeExecutionResult"];

/// Returns whether a value is false in Python: null, zero, empty.
pub(super) fn is_empty(value: &Value) -> bool {
    match value.get("$proto") {
        Some(_) => value["value"]
            .as_object()
            .is_none_or(|members| members.is_empty()),
        None => match value {
            Value::Null => true,
            Value::Bool(said) => !said,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(elements) => elements.is_empty(),
            Value::Object(members) => members.is_empty(),
        },
    }
}

/// Returns whether the Python SDK treats an input as absent. For it, typed objects of default values are empty (D17).
fn is_absent(value: &Value, rows: &Rows) -> bool {
    let has_only_defaults = value.get("$proto").is_some() && !is_true(&value["value"]);
    is_empty(value) || has_only_defaults && !rows.here(Row::D17)
}

/// Returns whether a typed object has any member that is not a default value.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.values().any(is_true),
        other => !is_empty(other),
    }
}

/// Converts an input on which the Python SDK fails by accident: `here` if the row is on and it makes sense.
pub(super) fn odd<T>(rows: &Rows, row: Row, here: Option<T>) -> Result<T, Value> {
    if rows.here(row) {
        here.ok_or_else(fault::request)
    } else {
        Err(fault::accident())
    }
}

/// Converts one content.
pub(super) fn content(value: &Value, rows: &Rows) -> Result<Value, Value> {
    if is_absent(value, rows) {
        return Err(fault::request());
    }
    entry(value, rows)
}

/// Converts one content of a list.
fn entry(value: &Value, rows: &Rows) -> Result<Value, Value> {
    if value["$proto"] == "Content" {
        return Ok(value["value"].clone());
    }
    if let Some(parts) = value.get("parts") {
        known::check_members("Content", value, rows)?;
        let parts = match parts {
            Value::String(_) => vec![part(parts, rows)?],
            Value::Array(parts) => parts
                .iter()
                .map(|one| part(one, rows))
                .collect::<Result<_, _>>()?,
            // The elements of a mapping are its keys in Python.
            Value::Object(members) if !rows.here(Row::D17) => {
                members.keys().map(|text| json!({ "text": text })).collect()
            }
            _ => return odd(rows, Row::D17, None),
        };
        let mut content = json!({ "parts": parts });
        if let Some(role) = value.get("role") {
            content["role"] = role.clone();
        }
        return Ok(content);
    }
    let parts = match value {
        Value::Array(parts) => parts
            .iter()
            .map(|one| part(one, rows))
            .collect::<Result<_, _>>()?,
        one => vec![part(one, rows)?],
    };
    Ok(json!({ "parts": parts }))
}

/// Converts several contents, or one.
pub(super) fn contents(value: &Value, rows: &Rows) -> Result<Vec<Value>, Value> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(elements) if elements.iter().all(is_content) => elements
            .iter()
            .map(|element| entry(element, rows))
            .collect(),
        one => Ok(vec![content(one, rows)?]),
    }
}

fn is_content(value: &Value) -> bool {
    value.get("parts").is_some() || value["$proto"] == "Content"
}

fn part(value: &Value, rows: &Rows) -> Result<Value, Value> {
    let typed = &value["value"];
    match value["$proto"].as_str() {
        Some("Part") => return Ok(typed.clone()),
        Some("Blob") => return Ok(json!({ "inlineData": typed })),
        Some("File") => return Ok(file(typed)),
        Some("Content") => return odd(rows, Row::D17, None),
        Some(kind) => {
            if matches!(kind, "ExecutableCode" | "CodeExecutionResult") {
                odd(rows, Row::D17, Some(()))?;
            }
            let (first, rest) = kind.split_at(1);
            return Ok(json!({ format!("{}{rest}", first.to_lowercase()): typed }));
        }
        None => {}
    }
    match value {
        Value::String(text) => Ok(json!({ "text": text })),
        Value::Object(members) => {
            if is_blob(value) {
                known::check_members("Blob", value, rows)?;
                return Ok(json!({ "inlineData": value }));
            }
            if members.len() == 1 {
                let value = untyped(value);
                if let Some(data) = value.get("fileData") {
                    return Ok(file(data));
                }
                let fits = value.as_object().is_some_and(|members| {
                    members.iter().all(|(name, data)| match name.as_str() {
                        "text" => data.is_string() || data.is_null(),
                        "inlineData" => is_blob(data),
                        "functionCall" => true,
                        "functionResponse" => data.get("response").is_none_or(Value::is_object),
                        _ => false,
                    })
                });
                if fits {
                    return Ok(value);
                }
            }
            let is_typed = members.iter().all(|(name, value)| {
                TYPED_PART.contains(&name.as_str()) && (name != "text" || value.is_string())
            });
            odd(rows, Row::D17, is_typed.then(|| value.clone()))
        }
        _ => odd(rows, Row::D17, None),
    }
}

fn is_blob(value: &Value) -> bool {
    value["mimeType"].is_string() && value["data"].is_string()
}

/// Converts an uploaded file, or a reference to one.
fn file(data: &Value) -> Value {
    let uri = if data["uri"].is_null() {
        &data["fileUri"]
    } else {
        &data["uri"]
    };
    json!({"fileData": {"mimeType": data["mimeType"], "fileUri": uri}})
}
