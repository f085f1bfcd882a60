//! An answer: what came of it so far, and who reads it.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::judge;
use super::text::text;
use super::turn::Turn;
use crate::fault;
use crate::normal::canonical;
use crate::reader::{Known, Reader};
use crate::rows::Rows;

/// An answer.
#[derive(Clone)]
pub(super) struct Answer {
    /// What brings more of it.
    pub(super) turn: Option<Turn>,
    pub(super) chunks: Vec<Value>,
    pub(super) joined: Value,
    /// Whether anything of the reply to the last request came.
    pub(super) heard: bool,
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
            heard: false,
            over: false,
            failed: None,
            readers: HashMap::new(),
        }
    }

    /// Whether it can be looked at: the stream of a blocked prompt never can.
    pub(super) fn done(&self) -> bool {
        self.over && !(self.streamed && self.is_blocked())
    }

    /// Whether the prompt was blocked.
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

    /// The content of the reply.
    pub(super) fn reply(&self) -> Option<Value> {
        let content = self.joined["candidates"].get(0)?["content"].clone();
        Some(if content.is_null() {
            json!({})
        } else {
            content
        })
    }

    /// As recorded, reading the history writes the role into the answer.
    pub(super) fn fill_role(&mut self) {
        let same = self.chunks.len() == 1;
        let chunk = self.chunks.first_mut().filter(|_| same);
        for response in [Some(&mut self.joined), chunk].into_iter().flatten() {
            if response["candidates"].get(0).is_some() {
                super::chat::fill_role(&mut response["candidates"][0]["content"]);
            }
        }
    }

    /// `done`, the response once it is, its text.
    pub(super) fn value(&self, rows: &Rows) -> Value {
        if !self.done() {
            return json!({"done": false, "text": {"error": fault::incomplete()}});
        }
        let text = text(&self.joined, rows);
        json!({"done": true, "response": canonical(&self.joined), "text": text})
    }

    /// What an accessor gives.
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
