//! Runs each target for a while.

use serde_json::json;

use super::super::driver;
use super::*;

const REPLY: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi","thought":true,"thoughtSignature":"AA=="},{"functionCall":{"id":"1","name":"f","args":{"a":1.5e3}}},{"newKind":{"x":null}}]},"finishReason":"STOP","index":0,"safetyRatings":[{"category":"HARM_CATEGORY_NEW","probability":"LOW"}]}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCountX":1},"promptFeedback":{"blockReason":"SAFETY"},"modelVersion":"m","new":[1]}"#;

#[test]
fn any_split_of_a_body_gives_the_same_events() {
    driver::run_with(
        "events",
        events,
        &[
            "aaaadata: {\"a\":1}\r\n\r\ndata: {\"b\":\"}\"}\n\n",
            "\x01\x02\x03\x04\u{feff}data: x\rdata:y\r\r: note\nid: 1\n\n{\"error\":{\"code\":503}}\n",
            "aaaa[{\"a\":[1,\"]\"]},\n {\"b\":2}]\n",
            "aaaaerror: {\"code\":503}\n\n",
            "aaaa  {\"error\":{\"code\":400,\"message\":\"\\\"}\"}}",
        ],
        |exchange| vec![format!("aaaa{}", text(&exchange["body"]))],
    );
}

#[test]
fn errors_of_any_body_are_short_and_without_the_key() {
    driver::run_with(
        "error_body",
        error_body,
        &[
            r#"a{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"slow canary-7b1e40c2","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}]}}"#,
            r#"d[{"error":{"code":503,"message":"down"}}]"#,
            r#"d{"error":"canary-7b1e40c2"}"#,
            "x<html>\u{1b}[2J canary-7b1e40c2</html>",
        ],
        |exchange| match exchange["status"].as_u64() {
            Some(400..) => vec![format!("d{}", text(&exchange["body"]))],
            _ => Vec::new(),
        },
    );
}

#[test]
fn any_text_is_accepted_as_retry_after() {
    driver::run(
        "retry_after",
        retry_after,
        &[
            "3",
            " 999999999999 ",
            "Sun, 06 Nov 1994 08:50:00 GMT",
            "Sunday, 06-Nov-94 08:50:00 GMT",
            "Sun Nov  6 08:50:00 1994",
            "-1",
        ],
    );
}

#[test]
fn messages_are_written_as_they_were_read() {
    driver::run_with(
        "message",
        message,
        &[
            REPLY,
            r#"{"contents":[{"role":"user","parts":[{"text":"Hi"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT"}}]},{"googleSearch":{}}],"generationConfig":{"temperature":0.5,"stopSequences":["x"],"new":1},"systemInstruction":{"parts":[{"text":"Be kind"}]}}"#,
        ],
        |exchange| {
            vec![
                exchange["request"].to_string(),
                text(&exchange["body"]).to_owned(),
            ]
        },
    );
}

#[test]
fn chats_are_saved_as_they_were_loaded() {
    driver::run_with(
        "chat_file",
        chat_file,
        &[
            r#"{"model":{"name":"models/m"},"history":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]},{"role":"model","parts":[{"text":"Yo"}]}]}"#,
            r#"{"model":{"name":"models/m","generationConfig":{"topK":4}},"automaticFunctionCalling":true,"history":[],"unfinished":{"sent":{"role":"user","parts":[{"text":"a"}]},"exchanged":[],"reason":{"stopped":"SAFETY"}}}"#,
        ],
        |exchange| {
            let history = &exchange["request"]["contents"];
            vec![json!({"model": {"name": "models/m"}, "history": history}).to_string()]
        },
    );
}

#[test]
fn journals_that_can_be_read_can_be_resumed() {
    driver::run(
        "journal",
        journal,
        &[
            r#"{"opened":{"sent":{"role":"user","parts":[{"text":"Hi"}]}}}{"exchanged":{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}]}}{"completed":{"response":{"candidates":[{"content":{"role":"model","parts":[{"text":"Yo"}]},"finishReason":"STOP"}]}}}{"rewound":{"length":0}}"restored""#,
            r#"{"replaced":{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]}]}}{"added":{"contents":[{"role":"user","parts":[{"text":"c"}]},{"role":"model","parts":[{"text":"d"}]}]}}{"compacted":{"length":2,"summary":[{"role":"user","parts":[{"text":"ab"}]}]}}{"opened":{"sent":{"role":"user","parts":[{"text":"e"}]}}}{"unfinished":{"reason":{"stopped":"SAFETY"},"received":null}}"#,
        ],
    );
}

#[test]
fn schemas_of_tools_are_translated_or_rejected() {
    driver::run_with(
        "tool_schema",
        tool_schema,
        &[
            r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/a"},"b":{"type":["string","null"]}},"required":["a"],"$defs":{"a":{"anyOf":[{"type":"integer","minimum":0},{"enum":["x"]}]}}}"##,
            r#"{"type":"OBJECT","properties":{"a":{"type":"ARRAY","items":{"type":"STRING"},"maxItems":"3"}},"required":["a"]}"#,
            r##"{"$defs":{"t":{"type":"object","properties":{"t":{"$ref":"#/$defs/t"}}}},"$ref":"#/$defs/t"}"##,
        ],
        schemas,
    );
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns the schemas of the functions that a recorded request declares.
fn schemas(exchange: &Value) -> Vec<String> {
    let tools = exchange["request"]["tools"]
        .as_array()
        .into_iter()
        .flatten();
    let declarations = tools.filter_map(|tool| tool["functionDeclarations"].as_array());
    let schemas = declarations.flatten().flat_map(|declaration| {
        [
            &declaration["parameters"],
            &declaration["parametersJsonSchema"],
        ]
    });
    schemas
        .filter(|schema| schema.is_object())
        .map(Value::to_string)
        .collect()
}
