//! Fuzz targets. Each function accepts arbitrary bytes, and panics if the property in its doc does not hold.
//!
//! `cargo fuzz` runs them (see the folder `fuzz`), and each test run executes each of them for a second.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::chat::{ChatSession, Event};
use crate::model::GenerativeModel;
use crate::protocol;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::schema::Schema;
use crate::remote::decode::{BodyEnd, Events};
use crate::remote::failure::{self, ErrorReader, Failure};
use crate::remote::gemini::GEMINI;
use crate::remote::retry;
use crate::remote::secret::Secret;

/// API key that must not appear in any error.
const KEY: &str = "canary-7b1e40c2";

type Decoded = Result<(Vec<Bytes>, BodyEnd), String>;

/// Decodes a body that arrives in these chunks. Returns the message of an error.
fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut events = Events::new(1 << 20);
    let mut found = Vec::new();
    for chunk in chunks {
        events.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = events.next().map_err(|error| error.to_string())? {
            found.push(event);
        }
    }
    let end = events.finish().map_err(|error| error.to_string())?;
    Ok((found, end))
}

/// Any split of a body gives the same events, and they are the events of the standard. The first bytes
/// determine the split.
pub fn events(data: &[u8]) {
    let (sizes, body) = data.split_at(data.len().min(4));
    let whole = read([body]);
    assert_eq!(read(body.chunks(1)), whole, "byte by byte");
    let mut rest = body;
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle().take(body.len()) {
        let (chunk, after) = rest.split_at(rest.len().min(usize::from(*size)));
        chunks.push(chunk);
        rest = after;
    }
    chunks.push(rest);
    assert_eq!(read(chunks), whole, "in chunks of {sizes:?}");
    // The prefix makes any body an event stream: alone it could be an array, or start with white space that is skipped.
    compare_with_naive(&[b"x\n:", body].concat());
}

/// Compares with the naive decoder, which does not handle errors on a separate line, in a field or with a name, nor a
/// last line that ends within its name.
fn compare_with_naive(body: &[u8]) {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let last = body.rsplit(is_end).next().unwrap_or_default();
    let is_cut = !last.is_empty() && b"data".starts_with(last);
    let is_error = |line: &[u8]| {
        [&b"{"[..], b"error:", b"event:"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    if is_cut || body.split(is_end).any(is_error) {
        return;
    }
    let (mut found, end) = read([body]).expect("within the limit");
    if let BodyEnd::Open(event) = end {
        found.push(event);
    }
    assert_eq!(found, naive(body));
}

/// Decodes an event stream as the standard describes it, without regard for time or memory. Lines must not start
/// with a brace or a space.
pub(crate) fn naive(body: &[u8]) -> Vec<Vec<u8>> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut text = Vec::new();
    let mut bytes = body.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\r' && bytes.peek() == Some(&b'\n') {
            bytes.next();
        }
        text.push(if byte == b'\r' { b'\n' } else { byte });
    }
    let mut events = Vec::new();
    let mut data: Option<Vec<u8>> = None;
    for line in text.split(|byte| *byte == b'\n').chain([&b""[..]]) {
        if line.is_empty() {
            events.extend(data.take());
        } else if line == b"data" || line.starts_with(b"data:") {
            let value = line.get(5..).unwrap_or_default();
            let value = value.strip_prefix(b" ").unwrap_or(value);
            data = Some(match data {
                None => value.to_vec(),
                Some(before) => [&before, &b"\n"[..], value].concat(),
            });
        }
    }
    events
}

/// The error of any response body is short, has its HTTP code, and never contains the API key.
pub fn error_body(data: &[u8]) {
    let errors = ErrorReader {
        profile: &GEMINI,
        secrets: vec![Secret::new(KEY)],
    };
    let (code, body) = match data {
        [first, rest @ ..] => (300 + u16::from(*first) % 300, rest),
        [] => (500, data),
    };
    let failure = Failure::refused(code, body, None, &errors);
    let printed = format!("{} {:#?}", failure.error, failure.error);
    assert!(!printed.contains(KEY), "{printed}");
    assert_eq!(failure.error.http_code(), Some(code));
    assert!(failure.error.to_string().chars().count() < 1_200);
    assert!(failure::excerpt(body).chars().count() <= 201);
    if let Some(failure) = Failure::in_success(body, &errors) {
        assert!(!format!("{:#?}", failure.error).contains(KEY));
    }
}

/// Any text is accepted as `Retry-After`, and digits alone are seconds.
pub fn retry_after(data: &[u8]) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let wait = retry::retry_after(text, now);
    if let Ok(seconds) = text.trim().parse::<u64>()
        && !text.contains('+')
    {
        assert_eq!(wait, Some(Duration::from_secs(seconds)));
    }
}

/// JSON that serde_json reads can be read, and the messages in it can be written, read again without a change, merged
/// with themselves and printed.
pub fn message(data: &[u8]) {
    if serde_json::from_slice::<Value>(data).is_ok() {
        protocol::read_json::<Value>(data).expect("valid JSON can be read");
    }
    // A value that is nested too deep becomes a string. Written messages can be nested deeper: one item becomes a list.
    let depth = data
        .iter()
        .filter(|byte| matches!(byte, b'[' | b'{'))
        .count();
    if depth > 40 {
        return;
    }
    if let Ok(response) = protocol::read_json::<GenerateContentResponse>(data) {
        let written = rewritten(&response, protocol::read_json);
        let again: GenerateContentResponse =
            serde_json::from_value(written.clone()).expect("serde reads written JSON");
        assert_eq!(serde_json::to_value(again).expect("JSON"), written);
        let mut joined = response.clone();
        joined.merge_chunk(&response);
        let _ = (response.text(), format!("{response:?}"));
    }
    if let Ok(request) = protocol::read_request::<GenerateContentRequest>(data) {
        rewritten(&request, protocol::read_request);
    }
}

/// Writes a message, reads it again and returns its JSON, which must not change.
fn rewritten<T: Serialize>(message: &T, read: fn(&[u8]) -> serde_json::Result<T>) -> Value {
    let written = serde_json::to_vec(message).expect("a message can be written");
    let again = read(&written).expect("written JSON can be read");
    // As JSON: a message that contains `NaN` does not equal itself.
    let json = serde_json::to_value(again).expect("JSON");
    assert_eq!(json, serde_json::to_value(message).expect("JSON"));
    json
}

/// A chat that can be loaded is saved without a change, and can be used.
pub fn chat_file(data: &[u8]) {
    if let Ok(chat) = serde_json::from_slice(data) {
        can_be_used(chat);
    }
}

/// Events that can be read are written without a change, and resume a chat that can be used.
pub fn journal(data: &[u8]) {
    let events = serde_json::Deserializer::from_slice(data).into_iter();
    let Ok(events) = events.collect::<Result<Vec<Event>, _>>() else {
        return;
    };
    let written = serde_json::to_value(&events).expect("events can be written");
    let again: Vec<Event> = serde_json::from_value(written.clone()).expect("and read");
    assert_eq!(serde_json::to_value(&again).expect("written"), written);
    let chat = GenerativeModel::new("m").start_chat();
    if let Ok(chat) = chat.resume((), events) {
        assert!(chat.unsaved().is_none());
        can_be_used(chat);
    }
}

fn can_be_used(mut chat: ChatSession) {
    let saved = serde_json::to_value(&chat).expect("a chat can be saved");
    let again: ChatSession = serde_json::from_value(saved.clone()).expect("a saved chat loads");
    assert_eq!(serde_json::to_value(&again).expect("saved"), saved);
    let _ = (chat.pending_calls().len(), format!("{chat:?}"));
    while let Some(_pair) = chat.rewind() {}
    assert!(chat.unfinished().is_none());
    while chat.redo() {}
}

/// A schema of a tool is read, translated and written, or rejected.
pub fn tool_schema(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let translated = Schema::from_json_schema(&value).ok();
    let read = serde_json::from_value::<Schema>(value).ok();
    for schema in translated.into_iter().chain(read) {
        let written = serde_json::to_value(&schema).expect("a schema can be written");
        let again: Schema = serde_json::from_value(written).expect("written JSON can be read");
        assert_eq!(again, schema);
    }
}

#[cfg(test)]
mod tests;
