//! Tests of lenient reading.

use serde_json::{Value, json};

use super::*;
use crate::protocol::config::GenerationConfig;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::GenerateContentResponse;

/// Row 6 of tests/field.md.
#[test]
fn a_number_beyond_the_range_is_read_as_a_string() {
    let reply = r#"{"candidates":[{"content":{"parts":[{"text":"1e999 é \" -1e999"},
        {"functionCall":{"name":"f","args":{"a":[1e400,-2E+400,1e4],"é":1e308}}}]}}]}"#;

    let reply: GenerateContentResponse = read_json(reply.as_bytes()).expect("a reply");

    let parts = reply.candidates[0].parts();
    assert_eq!(parts[0].as_text(), Some("1e999 é \" -1e999"));
    let call = parts[1].as_function_call().expect("a call");
    assert_eq!(
        json!(call.args),
        json!({"a": ["1e400", "-2E+400", 1e4], "é": 1e308})
    );
}

/// Row 6 of tests/field.md.
#[test]
fn an_integer_of_more_than_64_bits_keeps_its_digits() {
    for (number, is_exact) in [
        ("18446744073709551615", true),
        ("-9223372036854775808", true),
        ("-9223372036854775809", false),
        ("100000000000000000000", true),
        ("18446744073709551616", true),
        ("18446744073709551617", false),
        ("-12345678901234567890", false),
        ("123456789012345678901234567890", false),
    ] {
        let reply = format!(
            r#"{{"newMember":{{"id":{number}}},"candidates":[{{"content":{{"parts":[
            {{"text":"123456789012345678901234567890"}},
            {{"functionCall":{{"name":"f","args":{{"x":[{number}]}}}}}}]}}}}]}}"#
        );
        let reply: GenerateContentResponse = read_json(reply.as_bytes()).expect("a reply");

        let text = reply.candidates[0].parts()[0].as_text();
        assert_eq!(text, Some("123456789012345678901234567890"));
        let call = reply.candidates[0].parts()[1]
            .as_function_call()
            .expect("a call");
        for value in [
            &reply.unknown.get("newMember").unwrap()["id"],
            &call.arg("x").unwrap()[0],
        ] {
            match is_exact {
                true => assert_eq!(value.as_f64(), number.parse().ok(), "{number}"),
                false => assert_eq!(value, number),
            }
        }
    }
}

/// Row 6 of tests/field.md.
#[test]
fn numbers_that_json_does_not_have_are_read_as_proto_json_writes_them() {
    let reply = r#"{"candidates":[{"avgLogprobs":NaN,"finishReason":"STOP","content":{"parts":[
        {"functionCall":{"name":"f","args":{"a":[-Infinity,NaN,1],"NaN":Infinity}}}]}}]}"#;

    let reply: GenerateContentResponse = read_json(reply.as_bytes()).expect("a reply");

    let candidate = &reply.candidates[0];
    assert!(candidate.avg_logprobs.expect("a number").is_nan());
    let call = candidate.parts()[0].as_function_call().expect("a call");
    assert_eq!(
        json!(call.args),
        json!({"a": ["-Infinity", "NaN", 1], "NaN": "Infinity"})
    );
}

/// Row 6 of tests/field.md.
#[test]
fn half_a_surrogate_pair_is_replaced() {
    for (json, text) in [
        (r#""\ud83d""#, "\u{FFFD}"),
        (r#""a\ude00b""#, "a\u{FFFD}b"),
        (r#""\ud83d\ude00\ud83dé""#, "😀\u{FFFD}é"),
        (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
        (r#""\\ud83d \ud83d\n""#, "\\ud83d \u{FFFD}\n"),
        (r#""\uD83D\u0041""#, "\u{FFFD}A"),
    ] {
        assert_eq!(read_json::<Value>(json.as_bytes()).expect(json), text);
    }
    let args = br#"{"name":"f","args":{"\ud800":["\udfff"]}}"#;
    let call: crate::protocol::content::FunctionCall = read_json(args).expect("a call");
    assert_eq!(json!(call.args), json!({"\u{FFFD}": ["\u{FFFD}"]}));
}

/// Row 6 of tests/field.md.
#[test]
fn values_that_are_nested_too_deep_are_read_as_their_json() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}\"é]\"{}", open.repeat(300), close.repeat(300));
        let reply = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"f","args":{{"x":{deep},"y":1}}}}}},
            {{"text":"after"}}]}},"finishReason":"STOP"}}],"new":{deep}}}"#
        );

        let reply: GenerateContentResponse = read_json(reply.as_bytes()).expect("a reply");

        let parts = reply.candidates[0].parts();
        let call = parts[0].as_function_call().expect("a call");
        assert_eq!(call.arg("y"), Some(&json!(1)));
        assert_eq!(parts[1].as_text(), Some("after"));
        let mut value = call.arg("x").expect("an argument");
        while let Some(inner) = value.get(0).or(value.get("a")) {
            value = inner;
        }
        let rest = value.as_str().expect("text");
        assert!(deep.contains(rest) && rest.contains("\"é]\""), "{rest}");
        assert!(serde_json::to_string(&reply).is_ok());
    }
    let unclosed = format!("{{\"a\":{}", "[".repeat(300));
    assert!(read_json::<Value>(unclosed.as_bytes()).is_err());
}

#[test]
fn invalid_json_is_an_error() {
    for json in [
        "",
        "{",
        "[1e400",
        r#"{"a":1e400"#,
        "é1e400",
        "\"1e400",
        "1e400e",
        "1e400 1",
        "nan",
        "Nan",
        "-NaN",
        "Infinity1",
        r#""\ud83"#,
        r#""\ud83d"#,
        r#""\ud8é0""#,
        r#""\ud83d\é""#,
        r#""\"#,
    ] {
        assert!(read_json::<Value>(json.as_bytes()).is_err(), "{json}");
    }
    assert!(read_json::<Value>(b"\"\xff\"").is_err());
    assert_eq!(
        read_json::<Value>("\u{FEFF}[1]".as_bytes()).unwrap(),
        json!([1])
    );
    let error = read_json::<GenerationConfig>(br#"{"topK":1e400}"#).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`1e400` is not a 32-bit integer")
    );
}

fn read(reply: &str) -> Value {
    let reply: GenerateContentResponse = read_json(reply.as_bytes()).expect(reply);
    json!(reply)
}

/// Rows 4 and 6 of tests/field.md.
#[test]
fn a_member_under_both_of_its_names_is_read_once() {
    for reply in [
        r#"{"usage_metadata":{"promptTokenCount":1},"usageMetadata":{"promptTokenCount":2}}"#,
        r#"{"usageMetadata":{"promptTokenCount":2} , "usage_metadata":{"promptTokenCount":1}}"#,
        "{\n  \"usageMetadata\": {\"promptTokenCount\": 2},\n  \"usage_metadata\": null\n}",
        "{\n\"usageMetadata\": null,\n \"usage_metadata\" : {\"promptTokenCount\": 2}}",
        r#"{"usageMetadata":{"promptTokenCount":1},"usageMetadata":{"promptTokenCount":2}}"#,
        r#"{"usageMetadata":{"promptTokenCount":2},"usageMetadata":null}"#,
        r#"{"usageMetadata":{"promptTokenCount":9,"prompt_token_count":9,"promptTokenCount":2,"prompt_token_count":7}}"#,
    ] {
        assert_eq!(
            read(reply),
            json!({"usageMetadata": {"promptTokenCount": 2}}),
            "{reply}"
        );
    }
}

/// Rows 4 and 6 of tests/field.md.
#[test]
fn names_in_free_data_are_never_duplicates() {
    let args = json!({"a_b": "{", "aB": ["]", {"a_b": 1, "aB": 2}], "finish_reason": 1, "finishReason": 2});
    let reply = format!(
        r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"f","args":{args}}},
        "thought_signature":"\",é","thoughtSignature":"c2ln"}}]}},"finish_reason":"STOP","finishReason":"STOP",
        "citationMetadata":{{"x":1e400}}}}]}}"#
    );

    let candidate = &read(&reply)["candidates"][0];

    assert_eq!(candidate["finishReason"], "STOP");
    let part = &candidate["content"]["parts"][0];
    assert_eq!(part["functionCall"]["args"], args);
    assert_eq!(part["thoughtSignature"], "c2ln");
    assert_eq!(candidate["citationMetadata"]["x"], "1e400");
}

#[test]
fn of_free_data_the_last_duplicate_is_kept_unless_it_is_null() {
    let reply = r#"{"new":1,"new":2,"new":null,"candidates":[{"content":{"parts":[
        {"functionCall":{"args":{"a":1,"b":{"c":1,"c":null},"a":[2],"A":null}}}]}}]}"#;

    let reply = read(reply);

    assert_eq!(reply["new"], 2);
    let args = &reply["candidates"][0]["content"]["parts"][0]["functionCall"]["args"];
    assert_eq!(args, &json!({"a": [2], "b": {"c": 1}, "A": null}));
}

/// Row 4 of tests/field.md.
#[test]
fn a_request_may_not_contain_a_duplicate_or_a_number_that_json_does_not_have() {
    for (json, message) in [
        (r#"{"tools":[],"tools":[]}"#, "duplicate member `tools`"),
        (
            r#"{"system_instruction":null,"systemInstruction":{}}"#,
            "duplicate member `systemInstruction`",
        ),
        (r#"{"new":1,"new":1}"#, "duplicate member `new`"),
        (
            r#"{"labels":{"a":"b","a":"c"}}"#,
            "labels.a: duplicate member `a`",
        ),
        (
            r#"{"tools":[{"functionDeclarations":[{"parameters":{"properties":{"a":{},"a":{}}}}]}]}"#,
            "tools[0].functionDeclarations[0].parameters.properties.a: duplicate member `a`",
        ),
        (
            r#"{"contents":[{"parts":[{"functionCall":{"args":"{\"x\":1,\"x\":2}"}}]}]}"#,
            "contents[0].parts[0].functionCall.args: in the text of an object, x: duplicate member `x`",
        ),
        (
            r#"{"generationConfig":{"temperature":NaN}}"#,
            "generationConfig.temperature: expected a value",
        ),
    ] {
        let error = read_request::<GenerateContentRequest>(json.as_bytes()).expect_err(json);
        assert!(error.to_string().contains(message), "{error}");
        assert!(
            read_json::<GenerateContentRequest>(json.as_bytes()).is_ok(),
            "{json}"
        );
    }
}

#[test]
fn a_request_may_have_single_quotes_and_trailing_commas() {
    for (request, json) in [
        ("{'a': 'b'}", r#"{"a": "b"}"#),
        (
            r#"{"it's": 'a "b" \'c\' \\ é'}"#,
            r#"{"it's": "a \"b\" 'c' \\ é"}"#,
        ),
        (r#"["it\'s"]"#, r#"["it's"]"#),
        ("[{'a': 1,}, \n]", r#"[{"a": 1}]"#),
        (r#"["a,]", ',}',]"#, r#"["a,]", ",}"]"#),
    ] {
        let read: Value = read_request(request.as_bytes()).expect(request);
        assert_eq!(read, read_json::<Value>(json.as_bytes()).expect(json));
        assert!(read_json::<Value>(request.as_bytes()).is_err(), "{request}");
    }
    // The service accepts names without quotes as well, which nothing documents.
    for invalid in [
        "[,,]", "[ ,]", "{,}", "[1,,]", "{a: 1}", "['a", "'\\", "['a\n']",
    ] {
        assert!(
            read_request::<Value>(invalid.as_bytes()).is_err(),
            "{invalid}"
        );
    }
    // Text beyond the maximum depth is kept as it is, with its quotes.
    let deep = "[".repeat(100) + "{'a': ']'}" + &"]".repeat(100);
    let mut read: Value = read_request(deep.as_bytes()).expect("a list");
    for _ in 0..100 {
        read = read[0].take();
    }
    assert_eq!(read, "{'a': ']'}");
}

#[test]
fn an_error_in_a_request_with_single_quotes_has_the_position_in_its_text() {
    let json = r#"{'model': 'a "b"', 'contents': 'text'}"#;

    let error = read_request::<GenerateContentRequest>(json.as_bytes()).expect_err("a string");

    let message =
        "contents: expected an object of type `Content`, found a string at line 1 column 32";
    assert_eq!(error.to_string(), message);
}

#[test]
fn a_text_from_the_json_is_quoted_without_control_characters_unless_it_is_long() {
    for (name, quoted) in [
        ("\\u001b[2J".to_owned(), "\\u{1b}[2J".to_owned()),
        ("x".repeat(101), "(a text of 101 bytes)".to_owned()),
    ] {
        let json = format!(r#"{{"{name}":[1 2]}}"#);
        let error = read_json::<Value>(json.as_bytes()).expect_err("no comma");
        let message = format!("{quoted}: expected `,` or `]`, found the number 2 at line 1");
        assert!(error.to_string().starts_with(&message), "{error}");
    }
}

#[test]
fn invalid_json_with_duplicates_is_an_error() {
    for json in [
        r#"{"responseId":1,"response_id":"a"}"#,
        r#"{"responseId":"a","response_id""#,
        r#"{"responseId":"a","response_id":"#,
        r#"{"responseId":"a","response_id":"b""#,
        r#"{"responseId":"a","response_id":"b"]"#,
    ] {
        assert!(
            read_json::<GenerateContentResponse>(json.as_bytes()).is_err(),
            "{json}"
        );
    }
}
