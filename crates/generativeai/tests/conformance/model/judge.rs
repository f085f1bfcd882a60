//! Judging a reply: whether it is complete, and if not, why not.

use serde_json::Value;

use crate::fault;
use crate::normal::TABLES;
use crate::rows::{Row, Rows};

/// Whether a finish reason is absent, or as good as absent.
pub(super) fn says_nothing(reason: &Value) -> bool {
    match reason {
        Value::Null => true,
        Value::String(name) => name.is_empty() || name == "FINISH_REASON_UNSPECIFIED",
        number => number.as_i64() == Some(0),
    }
}

/// Whether a finish reason stops a reply before its end.
pub(super) fn stops(reason: &Value) -> bool {
    let name = match reason.as_i64() {
        Some(number) => TABLES.enums["finishReason"]
            .get(&number.to_string())
            .map(String::as_str),
        None => reason.as_str(),
    };
    !says_nothing(reason) && !matches!(name, Some("STOP" | "MAX_TOKENS"))
}

/// Whether feedback on a prompt is that it was blocked.
pub(super) fn is_block(feedback: &Value) -> bool {
    match &feedback["blockReason"] {
        Value::Null => false,
        Value::String(name) => !name.is_empty() && name != "BLOCK_REASON_UNSPECIFIED",
        number => number.as_i64() != Some(0),
    }
}

/// The error of a blocked prompt.
pub(super) fn block(response: &Value) -> Option<Value> {
    let feedback = &response["promptFeedback"];
    is_block(feedback).then(|| fault::blocked(feedback))
}

/// Why the reply to a message may not enter the history, if it may not.
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
    if streamed && says_nothing(reason) && rows.here(Row::D18) {
        return Some(fault::kind("Truncated"));
    }
    let has_parts = candidate["content"]["parts"]
        .as_array()
        .is_some_and(|parts| !parts.is_empty());
    (!has_parts && rows.here(Row::D15)).then(|| fault::kind("Empty"))
}

/// Why a stream that was asked for without a chat is not whole.
pub(super) fn whole_stream(response: &Value, rows: &Rows) -> Option<Value> {
    let candidate = response["candidates"].get(0);
    match candidate {
        None if rows.here(Row::D8) => Some(fault::kind("Empty")),
        Some(candidate) if says_nothing(&candidate["finishReason"]) && rows.here(Row::D18) => {
            Some(fault::kind("Truncated"))
        }
        _ => None,
    }
}
