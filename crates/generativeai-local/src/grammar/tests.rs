//! Grammars checked with a random model, which picks any of the allowed bytes.

use std::cell::Cell;

use generativeai::protocol::tools::{FunctionDeclaration, Tool, ToolConfig};
use proptest::prelude::*;
use proptest::test_runner::TestRng;
use proptest::test_runner::{Config, RngAlgorithm, TestRunner};
use toktrie::SimpleVob;

use super::*;

/// Bytes that close most JSON texts.
const CLOSING: &[u8] = b"\"}],:0e";
/// Length at which the random model tries to end a text. It is cut off at twice this length.
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

/// Whether a whole text matches a grammar.
fn matches(grammar: TopLevelGrammar, text: &str) -> bool {
    let mut matcher = matcher(&bytes(), grammar).unwrap();
    let tokens: Vec<u32> = text.bytes().map(u32::from).collect();
    let taken = matcher.try_consume_tokens(&tokens).unwrap();
    taken == tokens.len() && (matcher.is_stopped() || matcher.is_accepting().unwrap())
}

fn tools(mode: &str) -> Tools {
    let schema = json!({
        "type": "object",
        "properties": { "of": { "type": "string" } },
        "required": ["of"],
    });
    let height = FunctionDeclaration::new("height", "How tall").parameters_json_schema(schema);
    let now = FunctionDeclaration::new("now", "The time");
    let config: ToolConfig =
        serde_json::from_value(json!({ "functionCallingConfig": { "mode": mode } })).unwrap();
    Tools::parse(&[Tool::functions([height, now])], Some(&config)).unwrap()
}

const CALL: &str = r#"<tool_call>{"name":"height","arguments":{"of":"Ben Nevis"}}</tool_call>"#;
const SECOND: &str = r#"<tool_call>{"name":"now","arguments":{}}</tool_call>"#;

#[test]
fn in_mode_any_the_reply_is_a_call() {
    let grammar = || {
        grammar(&ResponseFormat::Text, &tools("ANY"))
            .unwrap()
            .unwrap()
    };

    assert!(matches(grammar(), CALL));
    assert!(matches(grammar(), SECOND));
    assert!(!matches(grammar(), "It is tall."));
    assert!(!matches(
        grammar(),
        r#"<tool_call>{"name":"depth","arguments":{}}</tool_call>"#
    ));
    assert!(!matches(
        grammar(),
        r#"<tool_call>{"name":"height","arguments":{}}</tool_call>"#
    ));
}

#[test]
fn in_mode_auto_text_is_free_and_calls_are_constrained() {
    let grammar = || {
        grammar(&ResponseFormat::Text, &tools("AUTO"))
            .unwrap()
            .unwrap()
    };

    assert!(matches(
        grammar(),
        "It is <b>tall</b>, I think: 🏔\n\n<tool> is a word."
    ));
    assert!(matches(grammar(), &format!("Let me see. {CALL}")));
    assert!(matches(grammar(), &format!("{CALL}\n{SECOND}")));
    assert!(!matches(grammar(), "Let me <tool_call>see"));
    assert!(!matches(grammar(), &CALL.replace("height", "depth")));
}

#[test]
fn an_enum_is_one_of_its_texts() {
    let format = ResponseFormat::Choice(vec!["yes".to_owned(), "it \"may\"\nbe".to_owned()]);
    let grammar = || grammar(&format, &Tools::default()).unwrap().unwrap();

    assert!(matches(grammar(), "yes"));
    assert!(matches(grammar(), "it \"may\"\nbe"));
    assert!(!matches(grammar(), "no"));
}

#[test]
fn a_schema_that_cannot_be_enforced_is_rejected() {
    for schema in [
        json!({ "not": { "type": "string" } }),
        json!({ "type": "array", "uniqueItems": true }),
        json!({ "$ref": "https://example.com/schema" }),
        json!({ "type": "string", "pattern": "(?=a)b" }),
        json!({ "type": "integer", "minimum": 2, "maximum": 1 }),
        json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MIN }),
        json!({ "type": "integer", "minimum": i64::MAX, "maximum": i64::MAX }),
        json!({ "type": "number", "minimum": -1e300, "maximum": -1e299 }),
        json!({ "type": "object", "properties": { "a": { "format": "sonnet", "type": "string" } } }),
    ] {
        let rejected = grammar(&ResponseFormat::Json(schema.clone()), &Tools::default())
            .and_then(|grammar| matcher(&bytes(), grammar.unwrap()));

        let error = rejected
            .err()
            .unwrap_or_else(|| panic!("{schema} was accepted"));
        assert_eq!(error.status().and_then(|status| status.code), Some(400));
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

/// A thousand schemas from a fixed seed: a complete text is valid according to an independent
/// validator, or the schema is rejected.
#[test]
fn every_complete_text_matches_its_schema() {
    let config = Config {
        cases: 1_000,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let factory = bytes();
    let validated = Cell::new(0);
    let cases = (schemas(), any::<u64>());

    let result = runner.run(&cases, |(schema, seed)| {
        let compiled = grammar(&ResponseFormat::Json(schema.clone()), &Tools::default())
            .and_then(|grammar| matcher(&factory, grammar.expect("a schema has a grammar")));
        let matcher = match compiled {
            Ok(matcher) => matcher,
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
            // The validator rejects invalid schemas.
            if let Ok(validator) = jsonschema::validator_for(&schema) {
                prop_assert!(
                    validator.is_valid(&value),
                    "{} does not match {}",
                    text,
                    schema
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
