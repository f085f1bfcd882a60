//! Results of tools, as servers send them.

use rmcp::model::{CallToolResult, ContentBlock, Resource, ResourceContents};

use super::*;

fn response_of(result: CallToolResult) -> Value {
    let response = from_result(&json!(result)).expect("a response");
    json!(response)
}

fn error_of(result: CallToolResult) -> String {
    let failed = from_result(&json!(result));
    failed.expect_err("an error").to_string()
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
        let result = json!({"content": [caption, block]});

        let response = json!(from_result(&result).expect("a response"));

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
        assert!(is_result(&result));
        let failed = from_result(&result);
        assert_eq!(failed.expect_err("an error").to_string(), error);
    }
    assert!(!is_result(&json!({"toolResult": 1})));
}

#[test]
fn a_block_with_data_and_text_keeps_both() {
    let image = json!({"type": "image", "data": "AQ==", "mimeType": "image/png", "text": "a cat"});

    let response = json!(from_result(&json!({ "content": image })).expect("a response"));

    assert_eq!(response["response"], json!({"result": "a cat"}));
    assert_eq!(response["parts"][0]["inlineData"]["data"], "AQ==");
}
