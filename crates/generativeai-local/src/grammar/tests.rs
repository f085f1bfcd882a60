//! Grammars checked with a random model, which picks any of the allowed bytes.

use proptest::prelude::*;
use proptest::test_runner::TestRng;
use serde_json::{Value, json};
use toktrie::SimpleVob;

use crate::call_syntax::CallSyntax;
use crate::schema::Schema;
use crate::template::{ThinkingTags, Thoughts};

use super::*;

mod calls;
mod schemas;

/// Bytes that close most JSON values. They are preferred half of the time, or random values would rarely end.
const CLOSING: &[u8] = b"\"}],:0e";
/// Length at which the random model tries to end its text. The text is cut off at twice this length.
const LENGTH: usize = 300;

/// Returns a compiler for a vocabulary of single bytes.
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
    // The only token after the bytes ends the text.
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

/// Returns the shape of a reply without thoughts.
fn shape(answer: Answer) -> Shape {
    Shape {
        thoughts: None,
        answer,
        forbidden: Vec::new(),
    }
}

/// Returns the shape of a reply of a thinking model.
fn thinking(answer: Answer, is_open: bool) -> Shape {
    Shape {
        thoughts: Some(Thoughts {
            tags: ThinkingTags {
                open: "<think>",
                close: "</think>",
                headers: &[],
            },
            is_open,
        }),
        ..shape(answer)
    }
}

fn json_of(schema: &Value) -> Answer {
    Answer::Text(json_form(schema))
}

fn json_form(schema: &Value) -> Form {
    Form::Json {
        name: "the schema".to_owned(),
        schema: Schema::compile(schema, "").unwrap().enforced,
    }
}

fn function(name: &str, schema: &Value) -> Function {
    Function {
        name: name.to_owned(),
        schema: Schema::compile(schema, "").unwrap().enforced,
    }
}

fn functions() -> Vec<Function> {
    let height = json!({
        "type": "object",
        "properties": { "of": { "type": "string" } },
        "required": ["of"],
    });
    vec![
        function("height", &height),
        function("now", &json!({ "type": "object", "properties": {} })),
    ]
}

fn call(name: &str, arguments: &str) -> String {
    CallSyntax::default().write(name, arguments)
}

#[test]
fn a_vocabulary_without_an_end_token_is_an_error() {
    let words = [b"a".to_vec(), b"b".to_vec()];

    assert!(environment_of(&words, &[1]).is_ok());
    let error = environment_of(&words, &[]).err().unwrap();
    assert_eq!(error.status().and_then(|status| status.code), Some(400));
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
    let answer = || Answer::TextOrCalls(Form::Any, CallSyntax::default(), functions());
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

/// Row 18 of tests/field.md: gpt-oss names the channel of an answer or a call.
#[test]
fn a_header_may_follow_thoughts() {
    let tags = ThinkingTags::of_template("<|channel|>analysis<|message|>").unwrap();
    let matches = |answer: Answer, text: &str| {
        let shape = Shape {
            thoughts: Some(Thoughts {
                tags,
                is_open: false,
            }),
            answer,
            forbidden: vec!["<|channel|>".to_owned()],
        };
        matches(shape, text)
    };
    let calls = || Answer::TextOrCalls(Form::Any, CallSyntax::default(), functions());
    let number = || json_of(&json!({ "type": "integer" }));
    let (now, header) = (call("now", "{}"), "<|channel|>final<|message|>");

    for thoughts in [
        "",
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant",
    ] {
        assert!(matches(calls(), &format!("{thoughts}{header}It is tall.")));
        let preamble = "<|channel|>commentary<|message|>I look it up.";
        assert!(matches(calls(), &format!("{thoughts}{preamble}")));
        assert!(matches(
            calls(),
            &format!("{thoughts}<|channel|>commentary {now}")
        ));
        assert!(matches(calls(), &format!("{thoughts} {now}")));
        assert!(matches(number(), &format!("{thoughts}{header}5")));
        assert!(matches(number(), &format!("{thoughts}{header}\n\n5")));
        assert!(!matches(
            calls(),
            &format!("{thoughts}<|channel|>other {now}")
        ));
    }
}

#[test]
fn arguments_are_an_object_even_if_their_schema_cannot_be_enforced() {
    let schema = json!({
        "type": "object",
        "patternProperties": { "^a": true, "^ab": { "type": "null" } },
    });
    let accepts = |arguments: &str| {
        let functions = vec![function("f", &schema)];
        let shape = shape(Answer::Call(CallSyntax::default(), functions));
        let mut matcher = compile(&bytes(), shape, &IgnoredSettings::new(false)).unwrap();
        let tokens: Vec<u32> = call("f", arguments).bytes().map(u32::from).collect();
        matcher.try_consume_tokens(&tokens).unwrap() == tokens.len()
    };

    assert!(accepts(r#"{"a": 1}"#));
    assert!(!accepts("5"));
}

#[test]
fn other_forms_of_calls_are_constrained_as_well() {
    let syntax = CallSyntax {
        before_name: "{\"name\": \"".to_owned(),
        before_arguments: "\", \"parameters\": ".to_owned(),
        after_arguments: "}".to_owned(),
        ..CallSyntax::default()
    };
    let answer = || Answer::TextOrCalls(Form::Any, syntax.clone(), functions());
    let matches = |text: &str| matches(shape(answer()), text);

    assert!(matches(
        r#"{"name": "height", "parameters": {"of": "Ben"}}"#
    ));
    assert!(matches(r#"JSON looks like {"a": 1}."#));
    assert!(!matches(r#"{"name": "depth", "parameters": {}}"#));
}

/// Row 18 of tests/field.md: the template of gpt-oss writes a blank before a call.
#[test]
fn a_call_without_thoughts_may_begin_with_a_blank() {
    let tags = ThinkingTags::of_template("<|channel|>analysis<|message|>").unwrap();
    let matches = |text: &str| {
        let shape = Shape {
            thoughts: Some(Thoughts {
                tags,
                is_open: false,
            }),
            ..shape(Answer::Call(CallSyntax::default(), functions()))
        };
        matches(shape, text)
    };
    let now = call("now", "{}");
    let thoughts = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant";

    for before in ["", thoughts] {
        assert!(matches(&format!("{before} {now}")));
        assert!(matches(&format!("{before}<|channel|>commentary {now}")));
        let answer = "<|channel|>final<|message|>";
        assert!(!matches(&format!("{before}{answer}{now}")));
    }
}

#[test]
fn in_mode_auto_a_reply_with_a_schema_is_json_or_calls() {
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
    let tagged = CallSyntax {
        before_name: "[TOOL_CALLS]".to_owned(),
        before_arguments: "[ARGS]".to_owned(),
        after_arguments: String::new(),
        ..CallSyntax::default()
    };
    for syntax in [CallSyntax::default(), tagged] {
        let matches = |text: &str| {
            let form = json_form(&schema);
            let answer = Answer::TextOrCalls(form, syntax.clone(), functions());
            matches(shape(answer), text)
        };
        let now = syntax.write("now", "{}");

        assert!(matches(r#"{"name": "<tool_call>"}"#));
        assert!(matches(&now));
        assert!(matches(&format!("{now}\n{now}")));
        assert!(!matches("It is tall."));
        assert!(!matches(&format!("Let me see. {now}")));
        assert!(!matches(r#"{"name": 5}"#));
    }
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
        || Answer::Text(Form::Any),
        || Answer::TextOrCalls(Form::Any, CallSyntax::default(), functions()),
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
    let choices = || {
        let choices = ["yes", "it \"may\"\nbe"].map(str::to_owned);
        Answer::Text(Form::Choice(choices.to_vec()))
    };

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
