//! Decides whether a reply is complete.

use serde_json::Value;

use super::chat::has_content;
use crate::fault;
use crate::normal::TABLES;
use crate::rows::{Row, Rows};

/// Returns whether an enum value is absent or unspecified.
pub(super) fn is_unspecified(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(name) => name.is_empty() || name.ends_with("_UNSPECIFIED"),
        number => number.as_i64() == Some(0),
    }
}

/// Returns whether a finish reason ends a reply early.
pub(super) fn stops(reason: &Value) -> bool {
    let name = match reason.as_i64() {
        Some(number) => TABLES.enums["finishReason"]
            .get(&number.to_string())
            .map(String::as_str),
        None => reason.as_str(),
    };
    !is_unspecified(reason) && !matches!(name, Some("STOP" | "MAX_TOKENS"))
}

/// Returns whether feedback reports that the prompt was blocked: it has a reason, or at least a message, which the
/// Python SDK drops (D11).
pub(super) fn is_block(feedback: &Value) -> bool {
    let message = feedback["blockReasonMessage"].as_str();
    !is_unspecified(&feedback["blockReason"]) || message.is_some_and(|text| !text.is_empty())
}

/// Returns the error of a blocked prompt.
pub(super) fn block(response: &Value) -> Option<Value> {
    let feedback = &response["promptFeedback"];
    is_block(feedback).then(|| fault::blocked(feedback))
}

/// Returns why the reply to a message does not enter the history, if so.
pub(super) fn verdict(response: &Value, streamed: bool, rows: &Rows) -> Option<Value> {
    if let Some(blocked) = block(response) {
        return Some(blocked);
    }
    let Some(candidate) = response["candidates"].get(0) else {
        return if rows.here(Row::D8) {
            Some(fault::kind("Empty"))
        } else {
            (!streamed).then(fault::accident)
        };
    };
    let reason = &candidate["finishReason"];
    if stops(reason) && (!streamed || rows.here(Row::D3)) {
        return Some(fault::stopped(candidate));
    }
    if streamed && is_unspecified(reason) && rows.here(Row::D18) {
        return Some(fault::kind("Truncated"));
    }
    (rows.here(Row::D15) && !has_content(&candidate["content"])).then(|| fault::kind("Empty"))
}

/// Returns why a stream without a chat is incomplete, if so.
pub(super) fn whole_stream(response: &Value, rows: &Rows) -> Option<Value> {
    let candidate = response["candidates"].get(0);
    match candidate {
        None if rows.here(Row::D8) => Some(fault::kind("Empty")),
        Some(candidate) if is_unspecified(&candidate["finishReason"]) && rows.here(Row::D18) => {
            Some(fault::kind("Truncated"))
        }
        _ => None,
    }
}
