//! What a tool of a server answered, as the answer of a function.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{Blob, FunctionResponse, FunctionResponsePart};

/// What stands for the type of bytes that have none.
const BYTES: &str = "application/octet-stream";

/// The answer of a function: structured content, else the texts; media beside it.
pub(super) fn of(result: CallToolResult) -> Result<FunctionResponse> {
    let mut texts = Vec::new();
    let mut media = Vec::new();
    for block in result.content {
        match block {
            ContentBlock::Text(text) => texts.push(text.text),
            ContentBlock::Image(image) => media.push(medium(&image.mime_type, &image.data)?),
            ContentBlock::Audio(audio) => media.push(medium(&audio.mime_type, &audio.data)?),
            ContentBlock::Resource(embedded) => match embedded.resource {
                ResourceContents::TextResourceContents { text, .. } => texts.push(text),
                ResourceContents::BlobResourceContents {
                    mime_type, blob, ..
                } => {
                    media.push(medium(mime_type.as_deref().unwrap_or(BYTES), &blob)?);
                }
                _ => {}
            },
            ContentBlock::ResourceLink(link) => texts.push(format!("{}: {}", link.name, link.uri)),
            _ => {}
        }
    }
    let text = texts.join("\n");
    if result.is_error == Some(true) {
        let message = if text.is_empty() {
            "the tool failed".to_owned()
        } else {
            text
        };
        return Err(Error::new(ErrorKind::Function, message));
    }
    let said = match result.structured_content {
        Some(structured) => structured,
        None if texts.is_empty() && !media.is_empty() => Value::Object(Map::new()),
        None => text.into(),
    };
    Ok(FunctionResponse::new(String::new(), said).parts(media))
}

fn medium(mime_type: &str, data: &str) -> Result<FunctionResponsePart> {
    let bytes = STANDARD.decode(data).map_err(|error| {
        let message = format!("the tool gave a medium of type `{mime_type}` that is no base64");
        Error::new(ErrorKind::Function, message).with_source(error)
    })?;
    Ok(Blob::new(mime_type, bytes).into())
}

#[cfg(test)]
mod tests {
    use rmcp::model::Resource;
    use serde_json::json;

    use super::*;

    fn said(result: CallToolResult) -> Value {
        serde_json::to_value(of(result).expect("an answer")).expect("JSON")
    }

    #[test]
    fn texts_are_the_result_unless_there_is_structured_content() {
        let texts = vec![
            ContentBlock::text("a"),
            ContentBlock::embedded_text("file:///b", "b"),
            ContentBlock::resource_link(Resource::new("file:///c", "c")),
        ];
        let mut both = CallToolResult::success(texts.clone());
        both.structured_content = Some(json!({"n": 1}));

        let result = json!({"result": "a\nb\nc: file:///c"});
        assert_eq!(
            said(CallToolResult::success(texts)),
            json!({"name": "", "response": result})
        );
        assert_eq!(said(both), json!({"name": "", "response": {"n": 1}}));
        assert_eq!(
            said(CallToolResult::success(Vec::new())),
            json!({"name": "", "response": {"result": ""}})
        );
    }

    #[test]
    fn pictures_and_files_go_beside_the_result() {
        let media = vec![
            ContentBlock::image("AQ==", "image/png"),
            ContentBlock::resource(ResourceContents::blob("Ag==", "file:///b")),
        ];

        assert_eq!(
            said(CallToolResult::success(media)),
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

    #[test]
    fn a_failure_says_what_the_tool_said() {
        let failed = CallToolResult::error(vec![ContentBlock::text("no such file")]);
        let silent = CallToolResult::error(Vec::new());
        let garbled = CallToolResult::success(vec![ContentBlock::image("?", "image/png")]);

        assert_eq!(of(failed).unwrap_err().to_string(), "no such file");
        assert_eq!(of(silent).unwrap_err().to_string(), "the tool failed");
        assert_eq!(
            of(garbled).unwrap_err().to_string(),
            "the tool gave a medium of type `image/png` that is no base64"
        );
    }
}
