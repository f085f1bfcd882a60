//! The functions of a scenario: what each gives when it is called.

use serde_json::Value;

/// What a function gives when it was called so many times before: a result, or what it raises.
pub(crate) fn outcome(function: &Value, called: usize) -> Result<Value, String> {
    let outcome = match function["script"].as_array() {
        Some(script) => &script[called.min(script.len().saturating_sub(1))],
        None => function,
    };
    match outcome["raises"].as_str() {
        Some(message) => Err(message.to_owned()),
        None => Ok(outcome["returns"].clone()),
    }
}
