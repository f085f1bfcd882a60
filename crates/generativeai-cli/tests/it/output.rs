//! What programs read: `--output json` and `jsonl`, as `docs/output.md` describes them.

use serde_json::{Value, json};

use super::service::{Answer, Service};
use super::support::{Ran, SHORT, ran, run};

/// The schema that the page about the output has, for one of its definitions.
fn schema(definition: &str) -> jsonschema::Validator {
    let page = include_str!("../../docs/output.md");
    let (_, from) = page.split_once("```json\n").expect("the page has a schema");
    let (schema, _) = from.split_once("```").expect("the schema ends");
    let mut schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    schema["$ref"] = json!(format!("#/$defs/{definition}"));
    jsonschema::validator_for(&schema).expect("the schema is one")
}

fn whole(ran: &Ran) -> Value {
    let answer = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert!(schema("answer").is_valid(&answer), "{answer}");
    answer
}

fn lines(ran: &Ran) -> Vec<Value> {
    let schema = schema("line");
    let read = |line| {
        let value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(schema.is_valid(&value), "{value}");
        value
    };
    ran.stdout.lines().map(read).collect()
}

#[test]
fn the_answer_of_the_embedded_model_is_one_object() {
    let words = [&["chat", "--output", "json", "How are you?"], &SHORT[..]].concat();

    let said = run(&words);

    assert_eq!(said.code, Some(0), "{said:?}");
    let answer = whole(&said);
    assert!(answer["text"].as_str().is_some_and(|text| !text.is_empty()));
    assert!(
        answer["usage"]["output_tokens"].as_i64() > Some(0),
        "{answer}"
    );
    assert!(
        answer["usage"]["input_tokens"].as_i64() > Some(0),
        "{answer}"
    );
}

#[test]
fn a_retry_is_told_beside_the_answer() {
    let busy = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE",
        "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"0.01s"}]}}"#;
    let answers = vec![Answer::Fails(503, busy), Answer::Texts(vec!["Yes."])];
    let service = Service::start(Answer::Each(answers));

    let said = ran(service
        .genai(&["chat", "--output", "json", "Hello"])
        .output());

    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(whole(&said)["text"], "Yes.");
    assert!(
        said.stderr.contains("(the service answers 503: attempt 2"),
        "{said:?}"
    );
}

#[test]
fn lines_come_as_the_reply_does_and_end_with_the_answer() {
    let service = Service::start(Answer::Texts(vec!["1,345", " metres."]));

    let said = ran(service
        .genai(&["chat", "--output", "jsonl", "How tall?"])
        .output());

    let lines = lines(&said);
    assert_eq!(lines[0], json!({ "type": "text", "text": "1,345" }));
    assert_eq!(lines[1], json!({ "type": "text", "text": " metres." }));
    assert_eq!(lines[2]["type"], "answer");
    assert_eq!(lines[2]["text"], "1,345 metres.");
    assert_eq!(lines[2]["finish_reason"], "STOP");
    assert_eq!((lines.len(), said.code), (3, Some(0)));
}

#[test]
fn a_failure_is_the_last_line_and_no_object_at_all() {
    let body = r#"{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}"#;
    let service = Service::start(Answer::Fails(404, body));

    let line = ran(service
        .genai(&["chat", "--output", "jsonl", "Hello"])
        .output());
    let object = ran(service
        .genai(&["chat", "--output", "json", "Hello"])
        .output());

    let lines = lines(&line);
    assert_eq!((lines.len(), line.code), (1, Some(1)), "{line:?}");
    assert_eq!(
        (&lines[0]["type"], &lines[0]["kind"]),
        (&json!("error"), &json!("not_found"))
    );
    assert!(line.stderr.contains("no such model"), "{line:?}");
    object.refused(1, &["no such model"]);
}

#[test]
fn what_an_answer_cost_is_told_beside_it() {
    let words = [&["chat", "--stats", "How are you?"], &SHORT[..]].concat();

    let said = run(&words);

    assert!(said.stderr.contains(" tokens in ("), "{said:?}");
    assert!(said.stderr.contains(" tokens/s"), "{said:?}");
    assert!(!said.stdout.contains("tokens in"), "{said:?}");
}

#[test]
fn a_conversation_has_no_output_for_programs() {
    run(&["chat", "--output", "xml", "Hello"]).refused(2, &["xml", "json"]);
}

#[test]
fn a_schema_gives_the_answer_its_shape() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("city.json");
    let schema = json!({
        "type": "object",
        "properties": { "city": { "type": "string", "enum": ["Paris", "Rome"] }, "old": { "type": "boolean" } },
        "required": ["city", "old"],
        "additionalProperties": false,
    });
    std::fs::write(&path, schema.to_string()).expect("it can be written");
    let path = path.to_str().expect("text");
    let words = [
        "chat",
        "--schema",
        path,
        "--temperature",
        "0",
        "Name a city.",
    ];

    let text = run(&words);
    let object = run(&[&words[..], &["--output", "json"]].concat());

    let city: Value = serde_json::from_str(&text.stdout).unwrap_or_else(|_| panic!("{text:?}"));
    assert!(jsonschema::is_valid(&schema, &city), "{city}");
    assert_eq!(whole(&object)["data"], city);
}

#[test]
fn an_answer_that_is_cut_before_its_json_is_whole_is_a_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("list.json");
    let schema = r#"{"type":"array","items":{"type":"string"},"minItems":20}"#;
    std::fs::write(&path, schema).expect("it can be written");
    let path = path.to_str().expect("text");
    let words = [
        "chat",
        "--schema",
        path,
        "--max-output-tokens",
        "5",
        "Count.",
    ];

    let cut = run(&[&words[..], &["--output", "json"]].concat());

    cut.refused(1, &["max_output_tokens"]);
}

#[test]
fn a_schema_that_is_none_is_refused_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let schema = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path.to_str().expect("text").to_owned()
    };
    let refused = |path: &str, code, told: &[&str]| {
        run(&["chat", "--model", "local", "--schema", path, "Hello"]).refused(code, told);
    };

    refused(
        &schema("open.json", "{\n  \"type\": "),
        2,
        &["open.json is no JSON", "line 2"],
    );
    refused(
        &schema("list.json", "[1]"),
        2,
        &["list.json is no JSON object"],
    );
    refused(&schema("odd.json", r#"{"type": "objekt"}"#), 1, &["objekt"]);
    refused("nowhere.json", 1, &["cannot read the schema nowhere.json"]);
}
