//! Lenient reader for results of tools that violate the protocol.
//!
//! Servers send blocks of unknown kinds, or images without a media type. `rmcp` refuses the whole result because of one
//! such block, although the others are readable.

use rmcp::model::{CallToolResult, ContentBlock};
use serde::Deserialize;
use serde_json::Value;

/// Reads a result. Each block of an unknown form becomes media or text.
///
/// `None` if it has no content at all.
pub(super) fn read(result: &Value) -> Option<CallToolResult> {
    let blocks = match result.get("content") {
        Some(Value::Array(blocks)) => blocks.as_slice(),
        Some(Value::Null) | None => &[],
        Some(block) => std::slice::from_ref(block),
    };
    let structured = result
        .get("structuredContent")
        .filter(|value| !value.is_null());
    if blocks.is_empty() && structured.is_none() {
        return None;
    }
    let blocks = blocks.iter().filter(|block| !block.is_null());
    let content = blocks.map(read_block).collect();
    let is_error = match result.get("isError") {
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        value => value == Some(&Value::Bool(true)),
    };
    let mut read = match is_error {
        true => CallToolResult::error(content),
        false => CallToolResult::success(content),
    };
    read.structured_content = structured.cloned();
    Some(read)
}

fn read_block(block: &Value) -> ContentBlock {
    if let Ok(block) = ContentBlock::deserialize(block) {
        return block;
    }
    // A resource without a URI is not a `ContentBlock`, but has its text or data one level deeper, as every resource.
    let inner = block.get("resource").filter(|inner| inner.is_object());
    let inner = inner.unwrap_or(block);
    let text = |name: &str| inner.get(name).and_then(Value::as_str);
    let data = text("data").or(text("blob"));
    match (block.as_str(), data, text("text")) {
        (Some(text), ..) | (_, _, Some(text)) => ContentBlock::text(text),
        (_, Some(data), _) => {
            let mime_type = text("mimeType").or(text("mime_type"));
            ContentBlock::image(data, mime_type.unwrap_or_default())
        }
        _ => ContentBlock::text(block.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::response::from_result;
    use super::*;

    /// Rows 13 and 14 of tests/field.md.
    #[test]
    fn an_unreadable_block_does_not_hide_the_others() {
        let caption = json!({"type": "text", "text": "a caption"});
        for (block, text, media) in [
            (
                json!({"type": "image", "data": "AQ=="}),
                "a caption",
                json!("application/octet-stream"),
            ),
            (
                json!({"type": "image", "data": "AQ==", "mime_type": "image/png"}),
                "a caption",
                json!("image/png"),
            ),
            (
                json!({"type": "video", "data": "AQ==", "mimeType": "video/mp4"}),
                "a caption",
                json!("video/mp4"),
            ),
            (
                json!({"type": "json", "json": {"a": 1}}),
                "a caption\n{\"type\":\"json\",\"json\":{\"a\":1}}",
                json!(null),
            ),
            (
                json!({"type": "output_text", "text": "more"}),
                "a caption\nmore",
                json!(null),
            ),
            (json!("more"), "a caption\nmore", json!(null)),
            (json!(null), "a caption", json!(null)),
            (json!(7), "a caption\n7", json!(null)),
            (
                json!({"type": "text", "text": null}),
                "a caption\n{\"type\":\"text\",\"text\":null}",
                json!(null),
            ),
            (
                json!({"type": "resource", "resource": {"text": "b"}}),
                "a caption\nb",
                json!(null),
            ),
            (
                json!({"type": "resource", "resource": {"blob": "AQ==", "mimeType": "image/png"}}),
                "a caption",
                json!("image/png"),
            ),
            (
                json!({"type": "text", "text": " "}),
                "a caption",
                json!(null),
            ),
        ] {
            let result = read(&json!({"content": [caption, block]})).expect("a result");

            let response =
                serde_json::to_value(from_result(result).expect("a response")).expect("JSON");

            assert_eq!(response["response"], json!({ "result": text }), "{block}");
            let mime_type = response.pointer("/parts/0/inlineData/mimeType");
            assert_eq!(mime_type.cloned().unwrap_or_default(), media, "{block}");
        }
        for (result, error) in [
            (
                json!({"isError": true, "content": [{"type": "text", "text": ""}], "structuredContent": {"code": 7}}),
                "{\"code\":7}",
            ),
            (
                json!({"isError": true, "content": "no such note"}),
                "no such note",
            ),
            (
                json!({"isError": "True", "content": [null, "no such note"]}),
                "no such note",
            ),
            (
                json!({"isError": true, "content": {"type": "error", "message": "x"}}),
                "{\"type\":\"error\",\"message\":\"x\"}",
            ),
        ] {
            let failed = from_result(read(&result).expect("a result"));
            assert_eq!(failed.expect_err("an error").to_string(), error);
        }
        assert!(read(&json!({"toolResult": 1})).is_none());
    }
}
