//! A response: its chunks so far, and its iterators.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::judge;
use super::text::text;
use super::turn::Turn;
use crate::fault;
use crate::normal::canonical;
use crate::reader::{Known, Reader};
use crate::rows::Rows;

/// A response.
#[derive(Clone)]
pub(super) struct Answer {
    /// Source of further chunks.
    pub(super) turn: Option<Turn>,
    pub(super) chunks: Vec<Value>,
    pub(super) joined: Value,
    /// Whether any part of the reply to the last request was received.
    pub(super) has_received: bool,
    streamed: bool,
    pub(super) over: bool,
    pub(super) failed: Option<Value>,
    pub(super) readers: HashMap<String, Reader>,
}

impl Answer {
    pub(super) fn new(turn: Turn) -> Self {
        Self {
            streamed: turn.streamed,
            turn: Some(turn),
            chunks: Vec::new(),
            joined: json!({}),
            has_received: false,
            over: false,
            failed: None,
            readers: HashMap::new(),
        }
    }

    /// Returns whether it can be inspected: it has ended, and is not the stream of a blocked prompt.
    pub(super) fn done(&self) -> bool {
        self.over && !(self.streamed && self.is_blocked())
    }

    /// Returns whether the prompt was blocked.
    pub(super) fn is_blocked(&self) -> bool {
        judge::is_block(&self.joined["promptFeedback"])
    }

    pub(super) fn known(&self) -> Known {
        Known {
            chunks: self.chunks.len(),
            over: self.over,
            failed: self.failed.is_some(),
        }
    }

    /// Returns the content of the first candidate.
    pub(super) fn reply(&self) -> Option<Value> {
        let content = self.joined["candidates"].get(0)?["content"].clone();
        Some(if content.is_null() {
            json!({})
        } else {
            content
        })
    }

    /// Adds the role: in the recordings, reading the history writes it into the response.
    pub(super) fn fill_role(&mut self) {
        let same = self.chunks.len() == 1;
        let chunk = self.chunks.first_mut().filter(|_| same);
        for response in [Some(&mut self.joined), chunk].into_iter().flatten() {
            if response["candidates"].get(0).is_some() {
                super::chat::fill_role(&mut response["candidates"][0]["content"], "model");
            }
        }
    }

    /// Returns `done`, the response once it is done, and its text.
    pub(super) fn value(&self, rows: &Rows) -> Value {
        if !self.done() {
            return json!({"done": false, "text": {"error": fault::incomplete()}});
        }
        let text = text(&self.joined, rows);
        json!({"done": true, "response": canonical(&self.joined), "text": text})
    }

    /// Returns the value of an accessor.
    pub(super) fn look(&self, at: &str, rows: &Rows) -> Result<Value, Value> {
        let member = |name: &str| match &self.joined[name] {
            Value::Null => json!({}),
            value => canonical(value),
        };
        match at {
            "prompt_feedback" => return Ok(member("promptFeedback")),
            "usage_metadata" => return Ok(member("usageMetadata")),
            "model_version" => {
                return Ok(self.joined["modelVersion"]
                    .as_str()
                    .unwrap_or_default()
                    .into());
            }
            _ if !self.done() => return Err(fault::incomplete()),
            _ => {}
        }
        let candidates = self.joined["candidates"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        match (at, candidates.as_slice()) {
            ("candidates", all) => Ok(canonical(&json!(all))),
            ("parts", [only]) => {
                let parts = &only["content"]["parts"];
                Ok(if parts.is_null() {
                    json!([])
                } else {
                    canonical(parts)
                })
            }
            ("parts", _) => Err(fault::kind("NoText")),
            _ => match text(&self.joined, rows) {
                Value::Object(mut text) => match (text.remove("ok"), text.remove("error")) {
                    (Some(text), _) => Ok(text),
                    (None, error) => Err(error.unwrap_or_default()),
                },
                _ => Err(fault::kind("NoText")),
            },
        }
    }
}
