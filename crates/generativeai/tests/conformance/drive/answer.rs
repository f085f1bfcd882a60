//! A response of the library: the chunks so far, and the source of further ones.

use std::collections::HashMap;

use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Error, ErrorKind, GenerateStream};
use serde_json::{Value, json};

use super::chat::Chat;
use super::errors::{neutral, no_text, text};
use crate::fault;
use crate::normal::canonical;
use crate::reader::{Known, Move, Reader, read_value};

/// Source of further chunks.
pub(super) enum Source {
    Chat(Chat),
    Model(GenerateStream),
    /// None: the response is complete, or its stream was dropped.
    Nowhere,
}

pub(super) struct Answer {
    pub(super) source: Source,
    /// Name of the chat whose stream it is.
    pub(super) on: Option<String>,
    pub(super) response: Option<GenerateContentResponse>,
    chunks: Vec<GenerateContentResponse>,
    streamed: bool,
    over: bool,
    failed: Option<Error>,
    readers: HashMap<String, Reader>,
}

impl Answer {
    /// Makes a response that was not streamed.
    pub(super) fn whole(response: GenerateContentResponse) -> Self {
        Self {
            source: Source::Nowhere,
            on: None,
            chunks: vec![response.clone()],
            response: Some(response),
            streamed: false,
            over: true,
            failed: None,
            readers: HashMap::new(),
        }
    }

    /// Makes a streamed response and reads its first chunk.
    pub(super) async fn begin(source: Source, on: Option<&str>) -> Result<Self, Error> {
        let mut this = Self {
            source,
            on: on.map(str::to_owned),
            response: None,
            chunks: Vec::new(),
            streamed: true,
            over: false,
            failed: None,
            readers: HashMap::new(),
        };
        this.pull().await;
        match &this.failed {
            // A blocked prompt is a response of the model, but an error of a chat.
            Some(error) if on.is_some() || error.kind() != ErrorKind::Blocked => Err(error.clone()),
            _ => Ok(this),
        }
    }

    /// Returns whether its stream is open.
    pub(super) fn is_open(&self) -> bool {
        !self.over && !matches!(self.source, Source::Nowhere)
    }

    async fn pull(&mut self) {
        let (next, response) = match &mut self.source {
            Source::Chat(chat) => chat.pull().await,
            Source::Model(stream) => {
                let next = stream.next().await;
                (next, Some(stream.response().clone()))
            }
            Source::Nowhere => return,
        };
        self.response = response;
        match next {
            Some(Ok(chunk)) => self.chunks.push(chunk),
            Some(Err(error)) => {
                self.failed = Some(error);
                self.over = true;
            }
            None => self.over = true,
        }
    }

    /// Returns whether it can be inspected: it has ended, and its prompt was not blocked.
    fn done(&self) -> bool {
        if !self.streamed {
            return true;
        }
        let blocked = self
            .response
            .as_ref()
            .is_some_and(GenerateContentResponse::is_blocked);
        self.over && !blocked
    }

    fn known(&self) -> Known {
        Known {
            chunks: self.chunks.len(),
            over: self.over,
            failed: self.failed.is_some(),
        }
    }

    /// Adds a reader, which replaces one of the same name.
    pub(super) fn new_reader(&mut self, name: &str) {
        self.readers
            .insert(name.to_owned(), Reader::new(self.done()));
    }

    pub(super) fn has_reader(&self, name: &str) -> bool {
        self.readers.contains_key(name)
    }

    /// Reads up to `most` chunks with a reader.
    pub(super) async fn read(&mut self, name: &str, most: Option<usize>) -> Value {
        let Some(mut reader) = self.readers.remove(name) else {
            return Value::Null;
        };
        let (mut chunks, mut error) = (Vec::new(), None);
        while most.is_none_or(|most| chunks.len() < most) {
            let mut next = reader.next(self.known());
            if next == Move::Look {
                if !self.is_open() {
                    break;
                }
                self.pull().await;
                next = reader.looked(self.known());
                if next == Move::End && self.failed.is_some() {
                    next = Move::Raise;
                }
            }
            match next {
                Move::Give(number) => {
                    let chunk = &self.chunks[number];
                    let response = canonical(&json!(chunk));
                    chunks.push(json!({"response": response, "text": text(chunk)}));
                }
                Move::Raise => {
                    error = self.failed.as_ref().map(neutral);
                    break;
                }
                Move::End | Move::Look => break,
            }
        }
        self.readers.insert(name.to_owned(), reader);
        read_value(chunks, error, self.value())
    }

    /// Reads the stream to the end.
    pub(super) async fn resolve(&mut self) -> Result<Value, Value> {
        let was_over = self.over;
        while self.is_open() {
            self.pull().await;
        }
        match &self.failed {
            Some(error) if !was_over || !self.done() => Err(neutral(error)),
            _ if self.over => Ok(self.value()),
            _ => Err(fault::incomplete()),
        }
    }

    /// Returns `done`, the response once it is done, and its text.
    pub(super) fn value(&self) -> Value {
        match &self.response {
            Some(response) if self.done() => value_of(response),
            None if self.done() => value_of(&GenerateContentResponse::default()),
            _ => json!({"done": false, "text": {"error": fault::incomplete()}}),
        }
    }

    /// Returns the value of an accessor.
    pub(super) fn look(&self, at: &str) -> Result<Value, Value> {
        let nothing = GenerateContentResponse::default();
        let response = self.response.as_ref().unwrap_or(&nothing);
        let member = |value: Value| {
            if value.is_null() {
                json!({})
            } else {
                canonical(&value)
            }
        };
        match at {
            "prompt_feedback" => return Ok(member(json!(response.prompt_feedback))),
            "usage_metadata" => return Ok(member(json!(response.usage_metadata))),
            "model_version" => {
                return Ok(response.model_version.as_deref().unwrap_or_default().into());
            }
            _ if !self.done() => return Err(fault::incomplete()),
            _ => {}
        }
        let refused = |error: Error| no_text(response, &error);
        match at {
            "candidates" => Ok(canonical(&json!(response.candidates))),
            "parts" => response
                .parts()
                .map(|parts| canonical(&json!(parts)))
                .map_err(refused),
            _ => response.text().map(Value::from).map_err(refused),
        }
    }
}

/// Returns the value of a complete response.
pub(super) fn value_of(response: &GenerateContentResponse) -> Value {
    json!({"done": true, "response": canonical(&json!(response)), "text": text(response)})
}
