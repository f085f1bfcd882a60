//! Tests that read replies, unary and in chunks, and compare the responses with those in `tests/fixtures`.

use std::time::{Duration, Instant};

use generativeai::protocol::response::GenerateContentResponse;
use generativeai::remote::__http::{Decoder as _, StreamEnd};
use serde_json::{Value, json};

use super::calls::{Calls, End};
use super::wire::{Arguments, Function, ToolCall};
use super::*;
use crate::lenient;

fn rows(table: &str) -> Vec<Value> {
    serde_json::from_str(table).expect("a table")
}

fn completion(json: &Value) -> Completion {
    lenient::from_json::<Completion>(json.to_string().as_bytes()).expect("a completion")
}

fn decode(chunks: &mut Chunks, event: &Value) -> Option<GenerateContentResponse> {
    let mut chunk = GenerateContentResponse::default();
    let has_chunk = chunks.decode(&mut completion(event), &mut chunk);
    has_chunk.then_some(chunk)
}

fn chunks(row: &Value) -> Chunks {
    let request = row.get("request").cloned().unwrap_or(json!({}));
    Chunks::new(&serde_json::from_value(request).expect("a request"))
}

/// Row 6 of tests/field.md.
#[test]
fn json_that_serde_refuses_or_rounds_is_read() {
    for (json, new) in [
        (
            r#"{"id":"a","new":123456789012345678901}"#,
            json!("123456789012345678901"),
        ),
        (r#"{"id":"a","new":NaN}"#, json!("NaN")),
        (r#"{"id":"a","id":null,"new":1}"#, json!(1)),
    ] {
        let read = lenient::from_json::<Completion>(json.as_bytes()).expect(json);

        assert_eq!(read.id.as_deref(), Some("a"), "{json}");
        assert_eq!(read.others["new"], new, "{json}");
    }
}

#[test]
fn a_completion_becomes_a_response() {
    for row in rows(include_str!("../../tests/fixtures/completions.json")) {
        let response = chunks(&row).whole(completion(&row["completion"]));
        assert_eq!(json!(response), row["response"], "{}", row["name"]);
    }
}

#[test]
fn the_chunks_of_a_stream_add_up_to_a_response() {
    for row in rows(include_str!("../../tests/fixtures/streams.json")) {
        let mut chunks = chunks(&row);
        let mut whole = GenerateContentResponse::default();
        for event in row["events"].as_array().expect("events") {
            if let Some(chunk) = decode(&mut chunks, event) {
                whole.merge_chunk(&chunk);
            }
        }
        let end = match row["end"].as_str() {
            Some("marked") => Some(StreamEnd::Marked),
            Some("unmarked") => Some(StreamEnd::Unmarked),
            _ => None,
        };
        if let Some(last) = end.and_then(|end| chunks.end(end)) {
            whole.merge_chunk(&last);
        }
        assert_eq!(json!(whole), row["response"], "{}", row["name"]);
    }
}

#[test]
fn a_call_with_cut_arguments_is_never_complete() {
    let piece = |arguments: &str| {
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [
            {"index": 0, "id": "c", "function": {"name": "f", "arguments": arguments}},
        ]}}]})
    };
    let arguments = r#"{"a":"}","b":[1,{"c":null}]}"#;
    for cut in 0..arguments.len() {
        for reason in ["length", "tool_calls", "stop", "new"] {
            let mut chunks = chunks(&json!({}));
            assert!(decode(&mut chunks, &piece(&arguments[..cut])).is_none());
            let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]});
            let reply = decode(&mut chunks, &end).expect("the end");

            // Without any argument, a model that finished calls a function without parameters.
            let is_complete = cut == 0 && reason != "length";
            assert_eq!(
                reply.function_calls().count(),
                usize::from(is_complete),
                "{cut} {reason}"
            );
        }
    }
}

/// Measures the reading of calls whose arguments arrive in small pieces, each with the name of the function.
fn time_of_calls(count: usize, objects: usize) -> Duration {
    let arguments = json!({"list": vec![json!({}); objects]}).to_string();
    let start = Instant::now();
    for _ in 0..count {
        let mut calls = Calls::default();
        for piece in arguments.as_bytes().chunks(4) {
            let piece = String::from_utf8_lossy(piece).into_owned();
            let function = Function {
                name: Some("f".to_owned()),
                arguments: Some(Arguments::Text(piece)),
            };
            calls.push(ToolCall {
                function: Some(function),
                ..ToolCall::default()
            });
        }
        let (parts, mistake) = calls.take(End::Finished);
        assert_eq!((parts.len(), mistake), (1, None));
    }
    start.elapsed()
}

#[test]
fn a_long_call_takes_about_as_long_as_short_ones_of_the_same_total_size() {
    // If each piece read those before it, the long call would always take 64 times as long. Delays on a busy machine
    // do not hit every repetition.
    let linear = (0..10).any(|_| time_of_calls(1, 1 << 14) < 3 * time_of_calls(64, 1 << 8));

    assert!(linear);
}

/// A returned chunk prevents a retry.
#[test]
fn a_chunk_with_nothing_but_unknown_members_is_held_back() {
    let mut chunks = chunks(&json!({}));
    let first = json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}], "provider": "P"});

    assert!(decode(&mut chunks, &first).is_none());
    let next = json!({"choices": [{"index": 0, "delta": {"content": "Hi"}}]});
    let next = decode(&mut chunks, &next).expect("a text");

    assert_eq!(next.unknown.get("provider"), Some(&json!("P")));
    assert!(chunks.end(StreamEnd::Unmarked).is_none());
}

/// Row 3 of tests/field.md: candidates and calls are identified by their index, in any order.
#[test]
fn candidates_and_calls_are_ordered_by_index() {
    let call = |index: usize, id: &str, arguments: &str| json!({"index": index, "id": id, "function": {"name": format!("f{index}"), "arguments": arguments}});
    let piece = |index: usize, arguments: &str| json!({"index": index, "function": {"arguments": arguments}});
    let delta = |index: usize, delta: Value, end: Value| json!({"choices": [{"index": index, "delta": delta, "finish_reason": end}]});
    let events = [
        delta(1, json!({"content": "b"}), json!("stop")),
        delta(
            0,
            json!({"tool_calls": [call(1, "y", "{\"n\":")]}),
            json!(null),
        ),
        delta(
            0,
            json!({"tool_calls": [call(0, "x", "{"), piece(1, "1")]}),
            json!(null),
        ),
        delta(
            0,
            json!({"tool_calls": [piece(1, "}"), piece(0, "}")]}),
            json!("tool_calls"),
        ),
    ];
    let mut chunks = chunks(&json!({}));
    let mut whole = GenerateContentResponse::default();

    for event in &events {
        if let Some(chunk) = decode(&mut chunks, event) {
            whole.merge_chunk(&chunk);
        }
    }

    assert_eq!(
        json!(whole.candidates[0].parts()),
        json!([
            {"functionCall": {"id": "x", "name": "f0", "args": {}}},
            {"functionCall": {"id": "y", "name": "f1", "args": {"n": 1}}},
        ])
    );
    assert_eq!(whole.candidates[1].parts()[0].as_text(), Some("b"));
}
