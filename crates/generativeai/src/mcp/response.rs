//! Results of the tools of a server, as responses of functions.

use std::slice;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{Blob, FunctionResponse, FunctionResponsePart};

/// Media type of bytes whose type is unknown.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// Content of a result, sorted by the form in which the model gets it.
#[derive(Default)]
struct Blocks {
    texts: Vec<String>,
    media: Vec<FunctionResponsePart>,
    /// Reasons why media cannot be passed on, and their addresses if they have one.
    notes: Vec<String>,
}

/// Converts a result into a response with all its structured content, text and media.
///
/// | Result | Response |
/// | --- | --- |
/// | text | `{"result": "text\ntext"}` |
/// | structured content that is an object | the object |
/// | both | the object with the text as `text`, or `{"result": structured, "text": texts}` if it has a `text` |
/// | media | media of the response; those that cannot be passed on become a line of text with the reason |
///
/// Servers violate the protocol: they send blocks of unknown kinds, images without a media type, or one block without an
/// array. So the result is read from its JSON, and not as a type of `rmcp`, which refuses all of it then.
///
/// # Errors
/// The tool failed, or nothing of its result is readable.
pub(super) fn from_result(result: &Value) -> Result<FunctionResponse> {
    let content = match &result["content"] {
        Value::Array(blocks) => blocks.as_slice(),
        Value::Null => &[],
        block => slice::from_ref(block),
    };
    let mut blocks = Blocks::default();
    content.iter().for_each(|block| blocks.add(block));
    let structured = member(result, "structuredContent");
    if let Some(structured) = structured {
        blocks.remove_copies_of(structured);
    }
    let is_error = match &result["isError"] {
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        value => *value == Value::Bool(true),
    };
    let is_readable = structured.is_some() || !blocks.texts.is_empty() || !blocks.media.is_empty();
    if is_error || !is_readable && !blocks.notes.is_empty() {
        return Err(Error::new(
            ErrorKind::Function,
            blocks.error_message(structured),
        ));
    }
    let Blocks {
        mut texts,
        media,
        notes,
    } = blocks;
    texts.extend(notes);
    let response = combine(structured.cloned(), &texts, !media.is_empty());
    Ok(FunctionResponse::new(String::new(), response).parts(media))
}

/// Returns whether JSON is the result of a tool, although it is not one of `rmcp`.
pub(super) fn is_result(json: &Value) -> bool {
    member(json, "content").is_some() || member(json, "structuredContent").is_some()
}

/// Returns a member that is not `null`.
fn member<'j>(json: &'j Value, name: &str) -> Option<&'j Value> {
    json.get(name).filter(|value| !value.is_null())
}

/// Returns one value with the structured content and the text of a result.
///
/// If the result has neither, the value is an empty object next to media, or else an empty text.
fn combine(structured: Option<Value>, texts: &[String], has_media: bool) -> Value {
    let text = texts.join("\n");
    match structured {
        None if texts.is_empty() && has_media => Value::Object(Map::new()),
        None => text.into(),
        Some(structured) if texts.is_empty() => structured,
        Some(Value::Object(mut members)) if !members.contains_key("text") => {
            members.insert("text".to_owned(), text.into());
            Value::Object(members)
        }
        Some(structured) => json!({ "result": structured, "text": text }),
    }
}

impl Blocks {
    /// Adds a block. Its members decide how it is read, since its kind may be unknown.
    fn add(&mut self, block: &Value) {
        // A resource has its text or data one level deeper.
        let resource = block.get("resource").filter(|inner| inner.is_object());
        let inner = resource.unwrap_or(block);
        let member = |name: &str| inner.get(name).and_then(Value::as_str);
        let text = block.as_str().or(member("text"));
        let data = member("data").or(member("blob"));
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            self.texts.push(text.to_owned());
        }
        if let Some(data) = data {
            let mime_type = member("mimeType").or(member("mime_type"));
            self.add_media(mime_type.unwrap_or_default(), data);
        }
        if text.is_some() || data.is_some() || block.is_null() {
            return;
        }
        self.texts.push(match (member("name"), member("uri")) {
            (Some(name), Some(uri)) if block["type"] == "resource_link" => {
                let description = member("description").map(|text| format!(" ({text})"));
                format!("{name}: {uri}{}", description.unwrap_or_default())
            }
            _ => block.to_string(),
        });
    }

    fn add_media(&mut self, mime_type: &str, data: &str) {
        match read_media(mime_type, data) {
            Ok(blob) => self.media.push(blob.into()),
            Err(note) => self.notes.push(note),
        }
    }

    /// Removes texts that only repeat the structured content.
    ///
    /// The protocol recommends such texts for clients that cannot read structured content. Structured content has to be
    /// an object, so some servers wrap other values as `{"result": value}` and repeat the value alone, or each of its
    /// items as a separate text.
    fn remove_copies_of(&mut self, structured: &Value) {
        let is_copy = |text: &String, value: &Value| {
            value.as_str() == Some(text)
                || serde_json::from_str::<Value>(text).is_ok_and(|parsed| parsed == *value)
        };
        let values = [Some(structured), structured.get("result")];
        for value in values.into_iter().flatten() {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let lists_items = items.len() == self.texts.len()
                && self
                    .texts
                    .iter()
                    .zip(items)
                    .all(|(text, item)| is_copy(text, item));
            self.texts
                .retain(|text| !lists_items && !is_copy(text, value));
        }
    }

    /// Returns the message of a failed tool: its texts, its structured content and its notes.
    fn error_message(self, structured: Option<&Value>) -> String {
        let mut lines = self.texts;
        lines.extend(structured.map(Value::to_string));
        lines.extend(self.notes);
        match lines.is_empty() {
            true => "the tool failed".to_owned(),
            false => lines.join("\n"),
        }
    }
}

/// Reads media: base64 with or without padding and line breaks, in the standard or the URL-safe alphabet, or a
/// `data:` URI.
///
/// # Errors
/// Text for the model: the address, if the data is one, or why it cannot be read.
fn read_media(mime_type: &str, data: &str) -> Result<Blob, String> {
    let data = data.trim();
    let (mime_type, bytes) = match split_data_uri(data) {
        Some(uri) => {
            let mime_type = match uri.mime_type {
                "" => mime_type,
                mime_type => mime_type,
            };
            // RFC 2397 allows percent-encoding in both forms, and base64 has characters that URIs escape.
            let payload = percent_decode_str(uri.payload);
            let bytes = match uri.is_base64 {
                true => decode_base64(&payload.decode_utf8_lossy()),
                false => Some(payload.collect()),
            };
            (mime_type, bytes)
        }
        // Some servers send an address instead of data. Base64 has no colon, so the two cannot be confused.
        None if data.contains("://") => return Err(format!("{}: {data}", named(mime_type))),
        None => (mime_type, decode_base64(data)),
    };
    let mime_type = named(mime_type);
    match bytes {
        None => Err(format!("{mime_type}: the data is not valid base64")),
        Some(bytes) if bytes.is_empty() => Err(format!("{mime_type}: the data is empty")),
        Some(bytes) => Ok(Blob::new(mime_type, bytes)),
    }
}

fn named(mime_type: &str) -> &str {
    match mime_type.trim() {
        "" => UNKNOWN_TYPE,
        mime_type => mime_type,
    }
}

/// A URI of the scheme `data` (RFC 2397).
struct DataUri<'t> {
    mime_type: &'t str,
    is_base64: bool,
    payload: &'t str,
}

fn split_data_uri(text: &str) -> Option<DataUri<'_>> {
    let (scheme, rest) = text.split_at_checked("data:".len())?;
    if !scheme.eq_ignore_ascii_case("data:") {
        return None;
    }
    let (head, payload) = rest.split_once(',')?;
    let mut parameters = head.split(';').map(str::trim);
    Some(DataUri {
        mime_type: parameters.next().unwrap_or_default(),
        is_base64: parameters.any(|one| one.eq_ignore_ascii_case("base64")),
        payload,
    })
}

fn decode_base64(data: &str) -> Option<Vec<u8>> {
    Blob::from_base64("", data).bytes().ok()
}

#[cfg(test)]
mod tests;
