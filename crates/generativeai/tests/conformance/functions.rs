//! Functions of a scenario.

use serde_json::Value;

/// Returns the result of a function, or the message that it raises, after a number of earlier calls.
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
