//! Grammars checked with a random model, which picks any of the allowed bytes.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRng;
use proptest::test_runner::{Config, RngAlgorithm, TestRunner};
use serde_json::{Map, Value, json};
use toktrie::SimpleVob;

use crate::call_syntax::CallSyntax;
use crate::template::ThinkingTags;

use super::*;

/// Bytes that close most JSON values.
const CLOSING: &[u8] = b"\"}],:0e";
/// Length at which the random model tries to end its text. The text is cut off at twice this length.
const LENGTH: usize = 300;

fn bytes() -> ParserFactory {
    factory(&ApproximateTokEnv::single_byte_env()).unwrap()
}

/// Generates a random text that matches a grammar; returns it and whether it is complete.
fn generate(mut matcher: Matcher, rng: &mut TestRng) -> (String, bool) {
    let mut text = Vec::new();
    while text.len() < 2 * LENGTH && !matcher.is_stopped() {
        let allowed = matcher.compute_mask_or_eos().unwrap_or_else(|error| {
            panic!(
                "the grammar failed after {:?}: {error}",
                String::from_utf8_lossy(&text)
            )
        });
        match pick(&allowed, text.len(), rng) {
            Some(byte) => {
                matcher.consume_token(u32::from(byte)).unwrap();
                text.push(byte);
            }
            None => return (String::from_utf8(text).unwrap(), true),
        }
    }
    let complete = matcher.is_stopped();
    (String::from_utf8_lossy(&text).into_owned(), complete)
}

/// Picks an allowed byte; `None` to end the text.
fn pick(allowed: &SimpleVob, length: usize, rng: &mut TestRng) -> Option<u8> {
    let bytes: Vec<u8> = (0..=255)
        .filter(|&byte| allowed.is_allowed(u32::from(byte)))
        .collect();
    let closing: Vec<u8> = CLOSING
        .iter()
        .copied()
        .filter(|byte| bytes.contains(byte))
        .collect();
    let may_end = allowed.iter().any(|token| token > 255);
    let hurry = length > LENGTH || rng.random_bool(0.5);
    match (may_end && hurry, closing.is_empty()) {
        (true, _) => None,
        (false, false) if hurry => Some(closing[rng.random_range(0..closing.len())]),
        _ if bytes.is_empty() => None,
        _ => Some(bytes[rng.random_range(0..bytes.len())]),
    }
}

/// Returns whether a whole text matches the grammar of a reply.
fn matches(shape: Shape, text: &str) -> bool {
    let mut matcher = compiled(shape);
    let tokens: Vec<u32> = text.bytes().map(u32::from).collect();
    let taken = matcher.try_consume_tokens(&tokens).unwrap();
    taken == tokens.len() && (matcher.is_stopped() || matcher.is_accepting().unwrap())
}

fn compiled(shape: Shape) -> Matcher {
    compile(&bytes(), shape, &IgnoredSettings::new(true)).unwrap()
}

/// Returns a reply without thoughts.
fn shape(answer: Answer) -> Shape {
    Shape {
        thoughts: Thoughts {
            tags: None,
            is_open: false,
        },
        answer,
        forbidden: Vec::new(),
    }
}

/// Returns a reply of a thinking model.
fn thinking(answer: Answer, is_open: bool) -> Shape {
    Shape {
        thoughts: Thoughts {
            tags: Some(ThinkingTags {
                open: "<think>",
                close: "</think>",
                answer: "",
            }),
            is_open,
        },
        ..shape(answer)
    }
}

fn json_of(schema: &Value) -> Answer {
    Answer::Json {
        name: "the schema".to_owned(),
        schema: Schema::compile(schema, "").unwrap().enforced,
    }
}

fn functions() -> Vec<Function> {
    let schema = json!({
        "type": "object",
        "properties": { "of": { "type": "string" } },
        "required": ["of"],
    });
    let function = |name: &str, schema| Function {
        name: name.to_owned(),
        schema: Schema::compile(&schema, "").unwrap().enforced,
    };
    vec![
        function("height", schema),
        function("now", json!({ "type": "object", "properties": {} })),
    ]
}

fn call(name: &str, arguments: &str) -> String {
    CallSyntax::default().write(name, arguments)
}

#[test]
fn in_mode_any_the_reply_is_a_call() {
    let matches = |text: &str| {
        matches(
            shape(Answer::Call(CallSyntax::default(), functions())),
            text,
        )
    };

    assert!(matches(&call("height", r#"{"of": "Ben Nevis"}"#)));
    assert!(matches(&call("height", r#"{"of":"Ben Nevis"}"#)));
    assert!(matches(&call("now", "{}")));
    assert!(!matches("It is tall."));
    assert!(!matches(&call("depth", "{}")));
    assert!(!matches(&call("height", "{}")));
}

#[test]
fn in_mode_auto_text_is_free_and_calls_are_constrained() {
    let answer = || Answer::TextOrCalls(CallSyntax::default(), functions());
    let matches = |text: &str| matches(shape(answer()), text);
    let height = call("height", r#"{"of": "Ben Nevis"}"#);

    assert!(matches(
        "It is <b>tall</b>, I think: 🏔\n\n<tool> is a word."
    ));
    assert!(matches(&format!("Let me see. {height}")));
    assert!(matches(&format!("{height}\n{}", call("now", "{}"))));
    assert!(!matches("Let me <tool_call>see"));
    assert!(!matches(&height.replace("height", "depth")));
}

#[test]
fn other_forms_of_calls_are_constrained_as_well() {
    let syntax = CallSyntax {
        before_name: "{\"name\": \"".to_owned(),
        before_arguments: "\", \"parameters\": ".to_owned(),
        after_arguments: "}".to_owned(),
    };
    let answer = || Answer::TextOrCalls(syntax.clone(), functions());
    let matches = |text: &str| matches(shape(answer()), text);

    assert!(matches(
        r#"{"name": "height", "parameters": {"of": "Ben"}}"#
    ));
    assert!(matches(r#"JSON looks like {"a": 1}."#));
    assert!(!matches(r#"{"name": "depth", "parameters": {}}"#));
}

/// Row 42 of tests/field.md: tags of the prompt never occur in the text of a reply.
#[test]
fn tags_of_the_prompt_are_forbidden_in_text() {
    let forbidden = [
        "<tool_response>",
        "</tool_response>",
        "[/INST]",
        "<|start_header_id|>",
        "<｜tool▁outputs▁begin｜>",
        "[TOOL_RESULTS]",
    ]
    .map(str::to_owned);
    for answer in [
        || Answer::Text,
        || Answer::TextOrCalls(CallSyntax::default(), functions()),
    ] {
        let matches = |text: &str| {
            let shape = Shape {
                forbidden: forbidden.to_vec(),
                ..shape(answer())
            };
            matches(shape, text)
        };

        assert!(matches("It is 12 o'clock <now> [1]."));
        assert!(!matches("<tool_response>\n{}"));
        assert!(!matches("It is </tool_response>"));
        assert!(!matches("Yes [/INST] No"));
        assert!(!matches("<|start_header_id|>"));
        assert!(!matches("a\nb<｜tool▁outputs▁begin｜>"));
        assert!(!matches("<tool_<tool_response>"));
        assert!(!matches("[[TOOL_RESULTS]]"));
        assert!(matches(
            "<|start_header|> <｜tool▁outputs▁end｜> [TOOL] a|b"
        ));
    }
}

#[test]
fn an_enum_is_one_of_its_strings() {
    let choices = || Answer::Choice(vec!["yes".to_owned(), "it \"may\"\nbe".to_owned()]);

    assert!(matches(shape(choices()), "yes"));
    assert!(matches(shape(choices()), "it \"may\"\nbe"));
    assert!(!matches(shape(choices()), "no"));
}

/// Row 33 of tests/field.md: JSON without a schema is any JSON value.
#[test]
fn json_without_a_schema_is_any_value() {
    let any = || json_of(&json!({}));
    for text in [
        "{\"a\": [1, 2.5, null, {\"b\": true}]}",
        "[]",
        "\"text\"",
        "7",
        "null",
    ] {
        assert!(matches(shape(any()), text), "{text}");
    }
    assert!(!matches(shape(any()), "Sure: {}"));
}

/// Row 18 of tests/field.md: thoughts in front of a constrained answer.
#[test]
fn thoughts_may_precede_a_constrained_answer() {
    let number = || json_of(&json!({ "type": "integer" }));

    assert!(matches(
        thinking(number(), false),
        "<think>\nHm {}.\n</think>\n\n7"
    ));
    assert!(matches(thinking(number(), false), "7"));
    assert!(matches(thinking(number(), true), "\nHm.\n</think>\n\n7"));
    assert!(!matches(thinking(number(), true), "7"));
    assert!(!matches(
        thinking(number(), false),
        "<think>Hm</think>seven"
    ));
}

/// Row 9 of tests/field.md: references of a schema keep their meaning, and schemas may be recursive.
#[test]
fn references_in_parameters_are_followed() {
    let point = json!({
        "$defs": { "Point": {
            "type": "object",
            "properties": { "x": { "type": "integer" } },
            "required": ["x"],
        } },
        "type": "object",
        "properties": { "from": { "$ref": "#/$defs/Point" } },
        "required": ["from"],
    });
    let node = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "kids": { "type": "array", "items": { "$ref": "#" } },
        },
        "required": ["name", "kids"],
    });
    let list = json!({
        "$ref": "#/definitions/List",
        "definitions": { "List": {
            "type": "object",
            "properties": { "next": { "anyOf": [{ "$ref": "#/definitions/List" }, { "type": "null" }] } },
            "required": ["next"],
        } },
    });
    let anchored = json!({
        "type": "object",
        "properties": { "a": { "$ref": "#text" } },
        "required": ["a"],
        "$defs": { "t": { "$anchor": "text", "type": "string" } },
    });
    for (schema, valid, invalid) in [
        (point, r#"{"from": {"x": 1}}"#, r#"{"from": {"x": "1"}}"#),
        (
            node,
            r#"{"name": "a", "kids": [{"name": "b", "kids": []}]}"#,
            r#"{"name": "a", "kids": [{"name": "b"}]}"#,
        ),
        (
            list,
            r#"{"next": {"next": null}}"#,
            r#"{"next": {"next": 1}}"#,
        ),
        (anchored, r#"{"a": "b"}"#, r#"{"a": 1}"#),
    ] {
        let functions = || {
            vec![Function {
                name: "f".to_owned(),
                schema: Schema::compile(&schema, "").unwrap().enforced,
            }]
        };
        let shape = || shape(Answer::Call(CallSyntax::default(), functions()));

        assert!(matches(shape(), &call("f", valid)), "{valid}");
        assert!(!matches(shape(), &call("f", invalid)), "{invalid}");
    }
}

#[test]
fn a_schema_that_no_value_matches_is_rejected() {
    for schema in [
        json!({ "type": "integer", "minimum": 2, "maximum": 1 }),
        json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MIN }),
        json!({ "type": "integer", "minimum": i64::MAX, "maximum": i64::MAX }),
        json!({ "type": "number", "minimum": -1e300, "maximum": -1e299 }),
    ] {
        let shape = shape(json_of(&schema));

        let error = compile(&bytes(), shape, &IgnoredSettings::new(false)).err();

        let error = error.unwrap_or_else(|| panic!("{schema} was accepted"));
        assert_eq!(error.status().and_then(|status| status.code), Some(400));
        assert!(error.to_string().starts_with("the schema"), "{error}");
    }
}

/// Row 10 of tests/field.md: a keyword that the grammar cannot enforce does not fail the request.
#[test]
fn a_constraint_that_cannot_be_enforced_is_ignored_unless_strict() {
    for schema in [
        json!({ "oneOf": [{ "type": "integer" }, { "type": "number", "minimum": 3 }] }),
        json!({ "type": "object", "patternProperties": { "^a": true, "^ab": { "type": "null" } } }),
    ] {
        let compile = |strict| {
            compile(
                &bytes(),
                shape(json_of(&schema)),
                &IgnoredSettings::new(strict),
            )
        };

        assert!(compile(false).is_ok(), "{schema}");
        assert!(compile(true).is_err(), "{schema}");
    }
}

/// Rows 10 and 39 of tests/field.md: schemas that Pydantic and Zod generate, each with three random values.
#[test]
fn generated_schemas_are_accepted_and_values_match_what_is_enforced() {
    let schemas: Map<String, Value> =
        serde_json::from_str(include_str!("../../tests/fixtures/schemas.json")).unwrap();
    let factory = bytes();
    let ignored = IgnoredSettings::new(false);
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for (name, declared) in &schemas {
        let schema = Schema::compile(declared, name).unwrap();
        for _ in 0..3 {
            let matcher = compile(&factory, shape(json_of(declared)), &ignored)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let (text, complete) = generate(matcher, &mut rng);
            if complete && schema.left_out.is_empty() {
                let value: Value = serde_json::from_str(&text).unwrap();
                assert!(
                    schema.validator().unwrap().is_valid(&value),
                    "{name}: {text}"
                );
            }
        }
    }
}

/// Generates schemas, from plain to hostile.
fn schemas() -> impl Strategy<Value = Value> {
    let bound = prop_oneof![-5i64..50, Just(i64::MAX), Just(i64::MIN)];
    let leaf = prop_oneof![
        Just(json!({ "type": "boolean" })),
        Just(json!({ "type": "null" })),
        Just(json!({})),
        Just(json!(true)),
        Just(json!({ "type": ["integer", "null"] })),
        Just(json!({ "$ref": "#" })),
        Just(json!({ "$ref": "#/$defs/missing" })),
        Just(json!({ "type": "string", "format": "date-time" })),
        Just(json!({ "type": "string", "format": "uuid" })),
        Just(json!({ "type": "number", "multipleOf": 0.5 })),
        Just(json!({ "enum": [] })),
        Just(json!({ "type": "gremlin" })),
        Just(json!({ "not": {} })),
        ("[a-c]{0,3}", 0u32..6).prop_map(|(pattern, most)| json!({
            "type": "string", "pattern": format!("^{pattern}[x-z]+$"), "maxLength": most,
        })),
        (bound.clone(), bound.clone()).prop_map(|(least, most)| json!({
            "type": "integer", "minimum": least, "maximum": most,
        })),
        (bound.clone(), any::<f64>()).prop_map(|(least, most)| json!({
            "type": "number", "exclusiveMinimum": least, "maximum": most,
        })),
        (bound.clone(), bound).prop_map(|(least, most)| json!({
            "type": "string", "minLength": least, "maxLength": most,
        })),
        proptest::collection::vec(any::<String>(), 1..4).prop_map(|texts| json!({ "enum": texts })),
        any::<String>().prop_map(|text| json!({ "const": text })),
        any::<String>().prop_map(|text| json!({ "type": "string", "pattern": text })),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let named = proptest::collection::btree_map("[a-d]|\\PC{1,3}", inner.clone(), 0..4);
        let several = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            (named, any::<u8>(), any::<Option<bool>>()).prop_map(|(properties, which, more)| {
                let names = properties.keys().enumerate();
                let required: Vec<_> = names
                    .filter(|(at, _)| which >> at & 1 == 1)
                    .map(|(_, name)| name)
                    .collect();
                let mut schema = json!({ "type": "object", "required": required });
                schema["properties"] = json!(properties);
                if let Some(more) = more {
                    schema["additionalProperties"] = more.into();
                }
                schema
            }),
            (inner.clone(), -1i64..4, -1i64..4).prop_map(|(items, least, most)| json!({
                "type": "array", "items": items, "minItems": least, "maxItems": most,
            })),
            several
                .clone()
                .prop_map(|schemas| json!({ "type": "array", "prefixItems": schemas })),
            several
                .clone()
                .prop_map(|schemas| json!({ "anyOf": schemas })),
            several
                .clone()
                .prop_map(|schemas| json!({ "oneOf": schemas })),
            several.prop_map(|schemas| json!({ "allOf": schemas })),
            inner.prop_map(|schema| json!({ "$defs": { "a": schema }, "$ref": "#/$defs/a" })),
        ]
    })
}

/// Schemas from a fixed seed: a complete text is valid according to an independent
/// validator, or the schema is rejected.
#[test]
fn every_complete_text_matches_its_schema() {
    let config = Config {
        cases: 1_300,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let factory = bytes();
    let validated = Cell::new(0);
    let cases = (schemas(), any::<u64>());

    let result = runner.run(&cases, |(declared, seed)| {
        let compiled = Schema::compile(&declared, "").and_then(|schema| {
            let answer = Answer::Json {
                name: "the schema".to_owned(),
                schema: schema.enforced.clone(),
            };
            Ok((
                compile(&factory, shape(answer), &IgnoredSettings::new(true))?,
                schema,
            ))
        });
        let (matcher, schema) = match compiled {
            Ok(compiled) => compiled,
            Err(error) => {
                prop_assert_eq!(error.status().and_then(|status| status.code), Some(400));
                return Ok(());
            }
        };
        let mut seeds = [0; 32];
        seeds[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seeds);
        let (text, complete) = generate(matcher, &mut rng);
        if complete {
            validated.set(validated.get() + 1);
            let value: Value = serde_json::from_str(&text)
                .map_err(|error| TestCaseError::fail(format!("{text:?} is not JSON: {error}")))?;
            if let Some(validator) = schema.validator()
                && schema.left_out.is_empty()
            {
                prop_assert!(
                    validator.is_valid(&value),
                    "{} does not match {}",
                    text,
                    declared
                );
            }
        }
        Ok(())
    });

    result.unwrap();
    assert!(
        validated.get() > 300,
        "only {} schemas were tested",
        validated.get()
    );
}

/// Row 10 of tests/field.md: schemas that inherit from others are enforced, although their objects are open.
#[test]
fn objects_of_several_schemas_are_enforced() {
    let base =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let more =
        json!({"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]});
    for declared in [
        json!({"allOf": [base, more]}),
        json!({"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}], "$defs": {"A": base, "B": more}}),
        json!({"type": "object", "allOf": [{"$ref": "#/$defs/A"}], "properties": more["properties"],
            "required": ["b"], "$defs": {"A": base}}),
        json!({"allOf": [base, more, {"properties": {"b": {"minimum": 0}}}]}),
    ] {
        let matches = |text: &str| matches(shape(json_of(&declared)), text);

        assert!(matches(r#"{"a": "x", "b": 1}"#), "{declared}");
        for wrong in ["1", "{}", r#"{"a": "x"}"#, r#"{"a": 1, "b": 1}"#] {
            assert!(!matches(wrong), "{wrong}: {declared}");
        }
    }
}
