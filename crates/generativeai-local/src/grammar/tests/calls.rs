//! Grammars of calls that are not JSON.

use super::*;

/// Row 17 of tests/field.md: the names, the tags and the values of calls that are not JSON.
#[test]
fn arguments_of_any_form_are_constrained() {
    let schema = json!({
        "type": "object",
        "properties": {
            "of": { "type": "string" },
            "unit": { "enum": ["m", "ft"] },
            "count": { "type": "integer" },
            "tags": { "type": "array", "items": { "type": "string" } },
        },
        "required": ["of", "count"],
    });
    let accepts = |syntax: CallSyntax, text: &str| {
        let functions = vec![
            function("height", &schema),
            function("now", &json!({ "properties": {} })),
        ];
        matches(
            shape(Answer::TextOrCalls(Form::Any, syntax, functions)),
            text,
        )
    };
    let set = |name: &str, value: &str| format!("<set={name}>\n{value}\n</set>\n");
    let height = |arguments: &[String]| {
        format!(
            "<call>\n<name=height>\n{}</name>\n</call>",
            arguments.concat()
        )
    };
    let (of, count) = (set("of", "Ben\n<b>Nevis</b>"), set("count", "12"));
    for (arguments, is_valid) in [
        (vec![of.clone(), count.clone()], true),
        (
            vec![
                of.clone(),
                set("unit", "ft"),
                count.clone(),
                set("tags", r#"["a"]"#),
            ],
            true,
        ),
        (
            vec![of.clone().replace("\n</set>", "</set>"), count.clone()],
            true,
        ),
        (vec![count.clone()], false),
        (vec![of.clone()], false),
        (vec![count.clone(), of.clone()], false),
        (vec![of.clone(), set("unit", "km"), count.clone()], false),
        (vec![of.clone(), set("count", "many")], false),
        (vec![of.clone(), count.clone(), set("other", "1")], false),
    ] {
        assert_eq!(
            accepts(CallSyntax::tagged(), &height(&arguments)),
            is_valid,
            "{arguments:?}"
        );
    }
    let now = "<call>\n<name=now>\n</name>\n</call>";
    assert!(accepts(
        CallSyntax::tagged(),
        &format!("I see. {now}\n{now}")
    ));
    assert!(!accepts(CallSyntax::tagged(), &now.replace("now", "then")));

    for (text, is_valid) in [
        (r#"<calls>[height(of="a)]", count=1)]</calls>"#, true),
        (
            r#"<calls>[now(), height(of="a", unit="m", count=1, tags=["b"])]</calls>"#,
            true,
        ),
        ("<calls>[now()]</calls>\n<calls>[now()]</calls>", true),
        (r#"<calls>[height(of="a")]</calls>"#, false),
        (r#"<calls>[height(, of="a", count=1)]</calls>"#, false),
        (r#"<calls>[height(of=a, count=1)]</calls>"#, false),
        ("<calls>[now()</calls>", false),
    ] {
        assert_eq!(accepts(CallSyntax::pythonic(), text), is_valid, "{text}");
    }

    for (text, is_valid) in [
        (
            "<|call>do:height{count:1,of:<|q|>a, \"b\"}<|q|>,unit:<|q|>m<|q|>}<call|>",
            true,
        ),
        ("<|call>do:now{}<call|>", true),
        ("<|call>do:height{count:1,of:\"a\"}<call|>", false),
        (
            "<|call>do:height{count:<|q|>1<|q|>,of:<|q|>a<|q|>}<call|>",
            false,
        ),
    ] {
        assert_eq!(accepts(CallSyntax::quoted(), text), is_valid, "{text}");
    }
}

/// A stack overflow ends the process.
#[test]
fn many_parameters_fit_on_the_stack_of_a_thread() {
    let schema = |count: usize| {
        let properties = (0..count).map(|at| (format!("p{at}"), json!({ "type": "string" })));
        json!({ "type": "object", "properties": serde_json::Map::from_iter(properties) })
    };
    let compile_all = move || {
        for (syntax, text) in [
            (CallSyntax::default(), call("f", r#"{"p5":"a","p499":"b"}"#)),
            (
                CallSyntax::tagged(),
                "<call>\n<name=f>\n<set=p5>\na\n</set>\n<set=p499>\nb\n</set>\n</name>\n</call>"
                    .to_owned(),
            ),
            (
                CallSyntax::pythonic(),
                r#"<calls>[f(p5="a", p499="b")]</calls>"#.to_owned(),
            ),
        ] {
            let shape = |count| {
                let function = function("f", &schema(count));
                shape(Answer::Call(syntax.clone(), vec![function]))
            };
            assert!(matches(shape(500), &text), "{text}");
            // An error is allowed here.
            drop(compile(&bytes(), shape(4_000), &IgnoredSettings::new(true)));
        }
        Schema::compile(&schema(9_000), "").unwrap_err()
    };

    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let error = thread.spawn(compile_all).unwrap().join().unwrap();

    assert!(error.to_string().contains("9000 properties"), "{error}");
}

#[test]
fn a_parameter_that_would_not_be_found_in_a_call_is_refused() {
    for (syntax, name, is_accepted) in [
        (CallSyntax::default(), "a=\n<b>", true),
        (CallSyntax::tagged(), "expand[]", true),
        (CallSyntax::tagged(), "price (USD)", true),
        (CallSyntax::tagged(), "a\nb", false),
        (CallSyntax::pythonic(), "xml:lang", true),
        (CallSyntax::pythonic(), "a=b", false),
        (CallSyntax::quoted(), "price (USD)", true),
        (CallSyntax::quoted(), "xml:lang", false),
    ] {
        let schema = json!({ "type": "object", "properties": { name: { "type": "integer" } } });
        let shape = shape(Answer::Call(syntax, vec![function("f", &schema)]));

        let compiled = compile(&bytes(), shape, &IgnoredSettings::new(true));

        assert_eq!(compiled.is_ok(), is_accepted, "{name}");
        if let Err(error) = compiled {
            assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
        }
    }
}

/// Whatever a model writes within the grammar is a call that matches its schema.
#[test]
fn random_calls_of_any_form_are_parsed() {
    let schema = json!({
        "type": "object",
        "properties": {
            "text": { "type": ["string", "null"] },
            "unit": { "$ref": "#/$defs/unit" },
            "count": { "anyOf": [{ "type": "integer" }, { "type": "boolean" }] },
            "any": {},
            "place": { "type": "object", "properties": { "x": { "type": "number" } } },
        },
        "required": ["unit"],
        "$defs": { "unit": { "enum": ["m", "ft"] } },
    });
    let open = json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "additionalProperties": true });
    let mut rng = TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let factory = bytes();
    for syntax in [
        CallSyntax::tagged(),
        CallSyntax::pythonic(),
        CallSyntax::quoted(),
    ] {
        let mut completed = 0;
        for declared in [&schema, &open].repeat(40) {
            let schema = Schema::compile(declared, "").unwrap();
            let shape = shape(Answer::Call(syntax.clone(), vec![function("f", declared)]));
            let matcher = compile(&factory, shape, &IgnoredSettings::new(true)).unwrap();
            let (text, complete) = generate(matcher, &mut rng);
            if !complete {
                continue;
            }
            completed += 1;
            let (mut calls, length) = syntax.parse(&text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((calls.len(), length), (1, text.len()), "{text}");
            let (name, mut arguments) = calls.remove(0);
            if syntax.is_untyped() {
                schema.parse_text_arguments(&mut arguments);
            }
            let arguments = Value::Object(arguments);
            assert_eq!(name, "f");
            assert!(
                schema.validator().unwrap().is_valid(&arguments),
                "{text}: {arguments}"
            );
        }
        assert!(completed > 10, "{completed}");
    }
}
