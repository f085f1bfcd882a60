//! Results of the tools of a server, as responses of functions.

use percent_encoding::percent_decode_str;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
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
/// # Errors
/// The tool failed, or nothing of its result is readable.
pub(super) fn from_result(result: CallToolResult) -> Result<FunctionResponse> {
    let mut blocks = Blocks::default();
    result
        .content
        .into_iter()
        .for_each(|block| blocks.add(block));
    let structured = result.structured_content;
    if let Some(structured) = &structured {
        blocks.remove_copies_of(structured);
    }
    let is_readable = structured.is_some() || !blocks.texts.is_empty() || !blocks.media.is_empty();
    if result.is_error == Some(true) || !is_readable && !blocks.notes.is_empty() {
        let message = blocks.error_message(structured.as_ref());
        return Err(Error::new(ErrorKind::Function, message));
    }
    let Blocks {
        mut texts,
        media,
        notes,
    } = blocks;
    texts.extend(notes);
    let response = combine(structured, &texts, !media.is_empty());
    Ok(FunctionResponse::new(String::new(), response).parts(media))
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
        Some(Value::Null) => text.into(),
        Some(Value::Object(mut members)) if !members.contains_key("text") => {
            members.insert("text".to_owned(), text.into());
            Value::Object(members)
        }
        Some(structured) => json!({ "result": structured, "text": text }),
    }
}

impl Blocks {
    fn add(&mut self, block: ContentBlock) {
        match block {
            ContentBlock::Text(text) if text.text.trim().is_empty() => {}
            ContentBlock::Text(text) => self.texts.push(text.text),
            ContentBlock::Image(image) => self.add_media(&image.mime_type, &image.data),
            ContentBlock::Audio(audio) => self.add_media(&audio.mime_type, &audio.data),
            ContentBlock::Resource(embedded) => match embedded.resource {
                ResourceContents::TextResourceContents { text, .. } => self.texts.push(text),
                ResourceContents::BlobResourceContents {
                    mime_type, blob, ..
                } => self.add_media(mime_type.as_deref().unwrap_or_default(), &blob),
                _ => self.notes.push("a resource of an unknown kind".to_owned()),
            },
            ContentBlock::ResourceLink(link) => {
                let description = link.description.map(|text| format!(" ({text})"));
                let description = description.unwrap_or_default();
                let text = format!("{}: {}{description}", link.name, link.uri);
                self.texts.push(text);
            }
            _ => self.notes.push("content of an unknown kind".to_owned()),
        }
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
        lines.extend(
            structured
                .filter(|value| !value.is_null())
                .map(Value::to_string),
        );
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
mod tests {
    use rmcp::model::Resource;

    use super::*;

    fn response_of(result: CallToolResult) -> Value {
        let response = from_result(result).expect("a response");
        serde_json::to_value(response).expect("JSON")
    }

    fn error_of(result: CallToolResult) -> String {
        from_result(result).expect_err("an error").to_string()
    }

    fn structured(value: Value, content: Vec<ContentBlock>) -> CallToolResult {
        let mut result = CallToolResult::success(content);
        result.structured_content = Some(value);
        result
    }

    #[test]
    fn text_becomes_the_result() {
        let texts = vec![
            ContentBlock::text("a"),
            ContentBlock::embedded_text("file:///b", "b"),
            ContentBlock::resource_link(Resource::new("file:///c", "c")),
        ];

        assert_eq!(
            response_of(CallToolResult::success(texts)),
            json!({"name": "", "response": {"result": "a\nb\nc: file:///c"}})
        );
        assert_eq!(
            response_of(CallToolResult::success(Vec::new())),
            json!({"name": "", "response": {"result": ""}})
        );
    }

    /// Row 13 of tests/field.md.
    #[test]
    fn structured_content_and_text_are_both_kept() {
        for (value, texts, expected) in [
            (json!({"n": 1}), &["a"][..], json!({"n": 1, "text": "a"})),
            (
                json!({"n": 1}),
                &["a", "b"],
                json!({"n": 1, "text": "a\nb"}),
            ),
            (
                json!({"text": "x"}),
                &["a"],
                json!({"result": {"text": "x"}, "text": "a"}),
            ),
            (json!([1]), &["a"], json!({"result": [1], "text": "a"})),
            (json!(null), &["a"], json!({"result": "a"})),
        ] {
            let content = texts.iter().map(|&text| ContentBlock::text(text)).collect();
            assert_eq!(
                response_of(structured(value, content))["response"],
                expected
            );
        }
    }

    #[test]
    fn text_that_repeats_the_structured_content_is_left_out() {
        for (value, texts) in [
            (json!({"n": 1}), &["{ \"n\": 1 }"][..]),
            (json!({"result": 5}), &["5"]),
            (json!({"result": "hello"}), &["hello"]),
            (json!({"result": ["x", {"n": 1}]}), &["x", "{\"n\":1}"]),
        ] {
            let content = texts.iter().map(|&text| ContentBlock::text(text)).collect();
            let response = response_of(structured(value.clone(), content));
            assert_eq!(response["response"], value);
        }
    }

    #[test]
    fn images_and_files_are_media_of_the_response() {
        let media = vec![
            ContentBlock::image("AQ==", "image/png"),
            ContentBlock::resource(ResourceContents::blob("Ag==", "file:///b")),
        ];

        assert_eq!(
            response_of(CallToolResult::success(media)),
            json!({
                "name": "",
                "response": {},
                "parts": [
                    {"inlineData": {"mimeType": "image/png", "data": "AQ=="}},
                    {"inlineData": {"mimeType": "application/octet-stream", "data": "Ag=="}},
                ],
            })
        );
    }

    /// Row 14 of tests/field.md.
    #[test]
    fn media_are_read_in_all_usual_forms() {
        let bytes: Vec<u8> = vec![0xFB, 0xFF, 0x00, 0x01];
        let expected = json!([{"inlineData": {"mimeType": "image/png", "data": "+/8AAQ=="}}]);
        for data in [
            "+/8AAQ==",
            "+/8AAQ",
            "-_8AAQ",
            "+/8A\r\nAQ==\n",
            " +/8A AQ==",
            "data:image/png;base64,+/8AAQ==",
            "DATA:image/png;charset=utf-8;base64,-_8AAQ",
            "data:;base64,%2B/8AAQ%3D%3D",
            "data:image/png,%FB%FF%00%01",
        ] {
            let content = vec![
                ContentBlock::text("a caption"),
                ContentBlock::image(data, "image/png"),
            ];

            let response = response_of(CallToolResult::success(content));

            assert_eq!(
                response["response"],
                json!({"result": "a caption"}),
                "{data}"
            );
            assert_eq!(response["parts"], expected, "{data}");
        }
        let typed = read_media("", "data:image/webp;base64,+/8AAQ==").expect("an image");
        assert_eq!(typed, Blob::new("image/webp", bytes));
    }

    /// Row 14 of tests/field.md.
    #[test]
    fn a_caption_stays_where_an_image_is_not_readable() {
        for (data, note) in [
            (
                "https://example.com/a.png",
                "image/png: https://example.com/a.png",
            ),
            ("file:///images/a.png", "image/png: file:///images/a.png"),
            ("?", "image/png: the data is not valid base64"),
            (
                "data:image/png;base64,?",
                "image/png: the data is not valid base64",
            ),
            ("", "image/png: the data is empty"),
        ] {
            let image = ContentBlock::image(data, "image/png");
            let content = vec![ContentBlock::text("a caption"), image.clone()];

            let response = response_of(CallToolResult::success(content));

            let text = format!("a caption\n{note}");
            assert_eq!(response["response"], json!({"result": text}), "{data}");
            assert_eq!(error_of(CallToolResult::success(vec![image])), note);
        }
    }

    /// Row 13 of tests/field.md.
    #[test]
    fn a_failure_reports_all_that_the_tool_returned() {
        let code = json!({"code": "RATE_LIMITED", "retry_after": 30});
        let silent = || CallToolResult::error(Vec::new());
        let mut coded = silent();
        coded.structured_content = Some(code.clone());
        let mut both = CallToolResult::error(vec![ContentBlock::text("slow down")]);
        both.structured_content = Some(code.clone());
        let mut copied = CallToolResult::error(vec![ContentBlock::text(code.to_string())]);
        copied.structured_content = Some(code.clone());
        let image = CallToolResult::error(vec![
            ContentBlock::image("https://example.com/a.png", "image/png"),
            ContentBlock::text("no such button"),
        ]);

        assert_eq!(error_of(silent()), "the tool failed");
        assert_eq!(error_of(coded), code.to_string());
        assert_eq!(error_of(both), format!("slow down\n{code}"));
        assert_eq!(error_of(copied), code.to_string());
        assert_eq!(
            error_of(image),
            "no such button\nimage/png: https://example.com/a.png"
        );
    }
}
