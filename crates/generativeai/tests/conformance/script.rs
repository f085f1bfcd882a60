//! Scripted responses of the server, and their form on the wire.

use serde_json::{Value, json};

use crate::scenario::Scenario;

/// Responses that have not been sent.
#[derive(Clone)]
pub(crate) struct Script {
    items: Vec<Value>,
    repeat_last: bool,
    given: usize,
}

/// Response on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) delay_ms: u64,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// The connection is closed without a response.
    Dropped,
    /// A body with a content length.
    Whole(String),
    /// A chunked body.
    Chunks { chunks: Vec<String>, end: End },
}

/// End of a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Proper,
    /// The connection is closed before the end of the body.
    Cut,
    /// The body ends within its JSON array.
    Open,
}

impl Script {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let items = scenario.server.clone();
        Self {
            items,
            repeat_last: scenario.server_repeat_last,
            given: 0,
        }
    }

    /// Returns the response to the next request.
    pub(crate) fn next(&mut self, streamed: bool) -> Answer {
        let last = self.items.len().saturating_sub(1);
        let at = if self.repeat_last {
            self.given.min(last)
        } else {
            self.given
        };
        self.given += 1;
        match self.items.get(at) {
            Some(item) => answer(item, streamed),
            None => answer(&unscripted(), streamed),
        }
    }
}

/// Returns the response after the end of the script: the Python SDK made fewer requests.
fn unscripted() -> Value {
    let reply = json!({"candidates": [{
        "content": {"role": "model", "parts": [{"text": "(not in the script)"}]},
        "finishReason": "STOP",
    }]});
    json!({"status": 200, "json": reply, "stream": [reply]})
}

fn answer(item: &Value, streamed: bool) -> Answer {
    let mut headers = Vec::new();
    if let Some(kind) = item.get("content_type").and_then(Value::as_str) {
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    for (name, value) in item
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        headers.push((
            name.clone(),
            value
                .as_str()
                .map_or_else(|| value.to_string(), String::from),
        ));
    }
    Answer {
        status: item
            .get("status")
            .and_then(Value::as_u64)
            .map_or(200, |code| code as u16),
        headers,
        delay_ms: item.get("delay_ms").and_then(Value::as_u64).unwrap_or(0),
        body: body(item, streamed),
    }
}

fn body(item: &Value, streamed: bool) -> Body {
    if matches!(item.get("status").and_then(Value::as_u64), Some(204 | 304)) {
        // These statuses have no body.
        return Body::Whole(String::new());
    }
    if item
        .get("drop")
        .is_some_and(|drop| *drop != Value::Bool(false))
    {
        return Body::Dropped;
    }
    if let Some(raw) = item.get("raw").and_then(Value::as_str) {
        return Body::Whole(raw.to_owned());
    }
    let stream = item.get("stream").and_then(Value::as_array);
    match (stream, item.get("json")) {
        (Some(chunks), json) if streamed || json.is_none() => {
            let count = |member: &str| item.get(member)?.as_u64().map(|count| count as usize);
            let (sent, end) = match (count("break_after"), count("end_after")) {
                (Some(sent), _) => (sent, End::Cut),
                (None, Some(sent)) => (sent, End::Open),
                (None, None) => (chunks.len(), End::Proper),
            };
            Body::Chunks {
                chunks: chunks.iter().take(sent).map(text_of).collect(),
                end,
            }
        }
        (_, json) => Body::Whole(json.map(text_of).unwrap_or_default()),
    }
}

fn text_of(chunk: &Value) -> String {
    match chunk.get("$raw").and_then(Value::as_str) {
        Some(raw) => raw.to_owned(),
        None => chunk.to_string(),
    }
}
