//! `--output json` and `--output jsonl`. Each output is checked against the schema in `docs/output.md`.

use serde_json::{Value, json};

use super::fake_service::{Answer, Service};
use super::support::{Ran, SHORT, assert_contains, run};
use super::terminal::Terminal;

/// Returns one of the definitions in the schema of `docs/output.md`.
fn schema(definition: &str) -> jsonschema::Validator {
    let page = include_str!("../../docs/output.md");
    let (_, from) = page.split_once("```json\n").expect("the page has a schema");
    let (schema, _) = from.split_once("```").expect("the schema ends");
    let mut schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    schema["$ref"] = json!(format!("#/$defs/{definition}"));
    jsonschema::validator_for(&schema).expect("the schema is one")
}

/// Returns the output of `--output json`, which must match the schema.
fn whole(ran: &Ran) -> Value {
    let answer = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert!(schema("answer").is_valid(&answer), "{answer}");
    answer
}

/// Returns the lines of `--output jsonl`, which must match the schema.
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
fn an_answer_of_the_embedded_model_is_one_object() {
    let words = [&["chat", "--output", "json", "How are you?"], &SHORT[..]].concat();

    let output = run(&words);

    assert_eq!(output.code, Some(0), "{output:?}");
    let answer = whole(&output);
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
fn a_retry_is_reported_on_stderr() {
    let busy = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE",
        "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"0.01s"}]}}"#;
    let answers = vec![Answer::Fails(503, busy), Answer::Texts(vec!["Yes."])];
    let service = Service::start(Answer::Each(answers));

    let output = service.run(&["chat", "--output", "json", "Hello"]);

    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(whole(&output)["text"], "Yes.");
    output.assert_reported(": attempt 2 in ");
}

#[test]
fn lines_are_printed_as_the_reply_arrives_and_end_with_the_answer() {
    let service = Service::start(Answer::Texts(vec!["1,345", " metres."]));

    let output = service.run(&["chat", "--output", "jsonl", "How tall?"]);

    let lines = lines(&output);
    assert_eq!(lines[0], json!({ "type": "text", "text": "1,345" }));
    assert_eq!(lines[1], json!({ "type": "text", "text": " metres." }));
    assert_eq!(lines[2]["type"], "answer");
    assert_eq!(lines[2]["text"], "1,345 metres.");
    assert_eq!(lines[2]["finish_reason"], "STOP");
    assert_eq!((lines.len(), output.code), (3, Some(0)));
}

#[test]
fn a_failure_is_the_last_line_and_prints_no_object() {
    let body = r#"{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}"#;
    let service = Service::start(Answer::Fails(404, body));

    let line = service.run(&["chat", "--output", "jsonl", "Hello"]);
    let object = service.run(&["chat", "--output", "json", "Hello"]);

    let lines = lines(&line);
    assert_eq!((lines.len(), line.code), (1, Some(1)), "{line:?}");
    assert_eq!(
        (&lines[0]["type"], &lines[0]["kind"]),
        (&json!("error"), &json!("not_found"))
    );
    line.assert_reported("no such model");
    object.assert_refused(1, &["no such model"]);
}

#[test]
fn statistics_are_printed_to_stderr() {
    let words = [&["chat", "--stats", "How are you?"], &SHORT[..]].concat();

    let output = run(&words);

    output.assert_reported(" tokens in (");
    output.assert_reported(" tokens/s");
    assert!(!output.stdout.contains("tokens in"), "{output:?}");
}

#[test]
fn an_unknown_output_format_is_refused() {
    run(&["chat", "--output", "xml", "Hello"]).assert_refused(2, &["xml", "json"]);
}

#[test]
fn a_schema_determines_the_form_of_the_answer() {
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
fn an_answer_that_does_not_match_the_schema_is_a_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("schema.json");
    std::fs::write(&path, r#"{"type":"object","required":["name"]}"#).expect("it can be written");
    let service = Service::start(Answer::Texts(vec![r#"{"nam":"x"}"#]));

    let answered = service.run(&["chat", "--schema", path.to_str().expect("text"), "Hello"]);

    assert_eq!(answered.code, Some(1), "{answered:?}");
    answered.assert_reported("does not match the schema");
    answered.assert_reported("\"name\" is a required property");

    let chat = service.genai(&["chat", "--schema", path.to_str().expect("text")]);
    let mut terminal = Terminal::start(&chat);
    let shown = terminal.ask("Hello");
    assert_contains(
        &shown,
        "does not match the schema, at the root: \"name\" is",
    );
    assert_contains(&terminal.ask("/history"), r#"model: {"nam":"x"}"#);
    terminal.quit();
}

#[test]
fn an_answer_cut_off_before_its_json_is_complete_is_a_failure() {
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

    cut.assert_refused(1, &["--max-output-tokens"]);
}

#[test]
fn an_invalid_schema_is_refused_with_its_position() {
    let folder = tempfile::tempdir().expect("a folder");
    let schema = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path.to_str().expect("text").to_owned()
    };
    let refused = |path: &str, code, texts: &[&str]| {
        run(&["chat", "--model", "local", "--schema", path, "Hello"]).assert_refused(code, texts);
    };

    refused(
        &schema("open.json", "{\n  \"type\": "),
        2,
        &["open.json is not valid JSON", "line 2"],
    );
    refused(
        &schema("list.json", "[1]"),
        2,
        &["list.json is not a JSON object"],
    );
    let odd = schema("odd.json", r#"{"items": {"type": "objekt"}}"#);
    refused(
        &odd,
        2,
        &["odd.json: #/items/type: the type \"objekt\" is unknown: use object, array"],
    );
    let endless = schema("endless.json", r##"{"$ref": "#"}"##);
    refused(&endless, 2, &["endless.json: #: "]);
    refused("nowhere.json", 1, &["cannot read the schema nowhere.json"]);
    // The schema is checked before the model is loaded, which does not exist here.
    run(&["chat", "--model", "none.gguf", "--schema", &odd, "Hello"])
        .assert_refused(2, &["objekt"]);
    run(&[
        "chat",
        "--model",
        "gpt,none.gguf",
        "--schema",
        &odd,
        "Hello",
    ])
    .assert_refused(2, &["objekt"]);
}

#[test]
fn a_service_checks_a_schema_itself() {
    let service = Service::start(Answer::Texts(vec!["{}"]));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new.json");
    std::fs::write(&path, r#"{"type": "objekt"}"#).expect("it can be written");

    let answered = service.run(&["chat", "--schema", path.to_str().expect("text"), "Hello"]);

    assert_eq!(answered.code, Some(0), "{answered:?}");
    assert!(service.request().contains(r#""type":"objekt""#));
}
