//! Chats with scripted replies.

use generativeai::protocol::content::Part;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::testing::Scripted;
use generativeai::{ChatSession, ErrorKind, GenerativeModel};
use serde_json::{Value, json};

pub(crate) fn chat(script: Scripted) -> ChatSession {
    GenerativeModel::new("m").backend(script).start_chat()
}

pub(crate) fn response(json: Value) -> GenerateContentResponse {
    serde_json::from_value(json).expect("a response")
}

pub(crate) fn chunk(text: &str) -> GenerateContentResponse {
    response(json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]}))
}

pub(crate) fn last_chunk(text: &str, reason: &str) -> GenerateContentResponse {
    response(json!({"candidates": [{
        "content": {"role": "model", "parts": [{"text": text}]},
        "finishReason": reason,
    }]}))
}

pub(crate) fn texts(chat: &ChatSession) -> Vec<&str> {
    let parts = chat.history().iter().flat_map(|content| &content.parts);
    parts.filter_map(Part::as_text).collect()
}

/// Reads a whole reply: the texts of its chunks, and the error if there was one.
pub(crate) async fn read(
    chat: &mut ChatSession,
    message: &str,
) -> (Vec<String>, Option<ErrorKind>) {
    let mut reply = chat.send_message(message).stream();
    let mut received = Vec::new();
    let mut failed = None;
    while let Some(chunk) = reply.next().await {
        assert!(failed.is_none(), "something came after an error");
        match chunk {
            Ok(chunk) => received.push(chunk.text_lossy()),
            Err(error) => failed = Some(error.kind()),
        }
    }
    (received, failed)
}
