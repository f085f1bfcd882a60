//! Texts that are split into thoughts, text and calls, in pieces of any size.

use super::*;

impl From<CallSyntax> for Calls {
    fn from(syntax: CallSyntax) -> Self {
        let after_text = true;
        Self { syntax, after_text }
    }
}

const TAGS: ThinkingTags = ThinkingTags {
    open: "<think>",
    close: "</think>",
    headers: &[],
};

/// Parses a reply in pieces of `size` bytes; returns its thoughts, its text, and the names of the
/// called functions.
fn parse(mut parser: SegmentParser, reply: &str, size: usize) -> (String, String, Vec<String>) {
    let mut segments = Vec::new();
    for piece in reply.as_bytes().chunks(size) {
        segments.extend(parser.push(std::str::from_utf8(piece).unwrap()));
    }
    segments.extend(parser.finish());
    let (mut thoughts, mut text, mut names) = (String::new(), String::new(), Vec::new());
    for segment in segments {
        match segment {
            Segment::Thought(more) => thoughts.push_str(&more),
            Segment::Text(more) => text.push_str(&more),
            Segment::Call { name, .. } => names.push(name),
        }
    }
    (thoughts, text, names)
}

/// Asserts that a reply consists of these thoughts and this text, in pieces of any size.
fn assert_parsed(parser: impl Fn() -> SegmentParser, reply: &str, expected: (&str, &str)) {
    for size in 1..=reply.len() {
        let (thoughts, text, _) = parse(parser(), reply, size);

        assert_eq!((&*thoughts, &*text), expected, "{size}: {reply}");
    }
}

fn parser(is_open: bool) -> SegmentParser {
    let thoughts = Thoughts {
        tags: TAGS,
        is_open,
    };
    SegmentParser::new(Some(thoughts), Some(CallSyntax::default().into()))
}

#[test]
fn long_arguments_of_a_call_are_read() {
    // Parsing all of them again with each of the 250,000 pieces would take minutes.
    let arguments = format!(
        "{{\"text\": \"{}\"}}",
        "{}\n ".repeat(400_000).replace('\n', "\\n")
    );
    let call = CallSyntax::default().write("a", &arguments);

    let (_, _, names) = parse(parser(false), &call, 8);

    assert_eq!(names, ["a"]);
}

#[test]
fn any_split_gives_the_same_segments() {
    let call = CallSyntax::default().write("a", "{\"x\": \"</tool_call>\"}");
    let reply = format!("<think>\nHm,  <b>\n</think>\n\nLet me <b>see.{call}\n{call}");
    for size in 1..=reply.len() {
        let (thoughts, text, names) = parse(parser(false), &reply, size);

        assert_eq!(thoughts, "Hm,  <b>", "{size}");
        assert_eq!(text, "Let me <b>see.", "{size}");
        assert_eq!(names, ["a", "a"], "{size}");
    }
}

/// Row 18 of tests/field.md: templates that open the thinking tag themselves.
#[test]
fn a_reply_may_begin_inside_thoughts() {
    let reply = "\nHm.\n</think>\n\nYes.";
    assert_parsed(|| parser(true), reply, ("Hm.", "Yes."));
}

/// Row 18 of tests/field.md: models that write the tag that the prompt ends with, or think twice.
#[test]
fn a_repeated_tag_is_never_part_of_thoughts_or_text() {
    for (is_open, reply, thoughts, answer) in [
        (true, "<think>\nHm.\n</think>\n\nYes.", "Hm.", "Yes."),
        (true, "\n <think>\n<think>Hm.</think>Yes.", "Hm.", "Yes."),
        (
            false,
            "<think>a</think>\n<think>\nb</think>\n\nYes.",
            "ab",
            "Yes.",
        ),
        (false, "<think></think>\n\nYes.", "", "Yes."),
        (false, "<think>\n\n</think>\n\n<thing>", "", "<thing>"),
        (false, "<think>a</think>", "a", ""),
        (false, "<think>a", "a", ""),
        (true, "a<think>b</think>c", "a<think>b", "c"),
        (false, "</think>\n\nYes.", "", "Yes."),
        (false, "<think>a</think></think>Yes.", "a", "Yes."),
    ] {
        assert_parsed(|| parser(is_open), reply, (thoughts, answer));
    }
}

/// Row 18 of tests/field.md: gpt-oss names the channel of thoughts and of answers.
#[test]
fn channels_are_thoughts_and_text() {
    let tags = ThinkingTags::of_template("<|channel|>analysis<|message|>");
    let channels = tags.map(|tags| Thoughts {
        tags,
        is_open: false,
    });
    for (reply, thoughts, answer) in [
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.",
            "Hm.",
            "Yes.",
        ),
        (
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>analysis<|message|>b\
             <|end|><|start|>assistant<|channel|>final<|message|>Yes.",
            "ab",
            "Yes.",
        ),
        ("<|channel|>final<|message|>Yes.", "", "Yes."),
        ("<|channel|>commentary<|message|>Yes.", "", "Yes."),
        ("<|channel|>analysis<|message|>Hm.", "Hm.", ""),
        ("Yes.", "", "Yes."),
    ] {
        let parser = || SegmentParser::new(channels, None);
        assert_parsed(parser, reply, (thoughts, answer));
    }
}

/// Row 18 of tests/field.md: gpt-oss names the function before or after the channel.
#[test]
fn a_call_may_follow_thoughts_and_a_header() {
    let tags = ThinkingTags::of_template("<|channel|>analysis<|message|>").unwrap();
    let calls = CallSyntax {
        before_name: "to=functions.".to_owned(),
        before_arguments: "<|channel|>commentary json<|message|>".to_owned(),
        after_arguments: String::new(),
        ..CallSyntax::default()
    };
    let thoughts = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant";
    let call = calls.write("a", "{\"x\": {}}");
    for header in [" ", "<|channel|>commentary "] {
        let reply = format!("{thoughts}{header}{call}");
        for size in 1..=reply.len() {
            let thoughts = Thoughts {
                tags,
                is_open: false,
            };
            let parser = SegmentParser::new(Some(thoughts), Some(calls.clone().into()));

            let (thoughts, text, names) = parse(parser, &reply, size);

            assert_eq!((&*thoughts, &*text), ("Hm.", ""), "{size}: {reply}");
            assert_eq!(names, ["a"], "{size}: {reply}");
        }
    }
}

#[test]
fn tags_inside_text_are_text() {
    let (thoughts, text, _) = parse(parser(false), "Use <think> and </think>.", 3);

    assert_eq!(
        (thoughts.as_str(), text.as_str()),
        ("", "Use <think> and </think>.")
    );
}

#[test]
fn an_incomplete_call_is_dropped_and_an_incomplete_tag_is_text() {
    assert_eq!(
        parse(parser(false), "a<tool_call>\n{\"name\": \"", 50).1,
        "a"
    );
    assert_eq!(parse(parser(false), "a<tool", 50).1, "a<tool");
    assert_eq!(parse(parser(false), "<think", 50).1, "<think");
    assert_eq!(parse(parser(true), "Hm.</th", 50).0, "Hm.</th");
}

#[test]
fn a_reply_that_is_json_or_calls_may_contain_the_start_of_a_call_in_a_string() {
    let calls = Calls {
        syntax: CallSyntax::default(),
        after_text: false,
    };
    let call = calls.syntax.write("f", "{\"a\": 1}");
    let parser = || SegmentParser::new(None, Some(calls.clone()));
    let json = r#"{"a": "<tool_call>\n{}"}"#;

    for size in 1..=json.len() {
        let expected = (String::new(), json.to_owned(), vec![]);
        assert_eq!(parse(parser(), json, size), expected);
    }
    let (_, text, names) = parse(parser(), &format!("{call}\n{call}"), 1);
    assert_eq!((text.as_str(), names.len()), ("", 2));
    let thoughts = Thoughts {
        tags: TAGS,
        is_open: false,
    };
    for size in [1, 7, 100] {
        let parser = || SegmentParser::new(Some(thoughts), Some(calls.clone()));
        let (hm, text, names) = parse(parser(), &format!("<think>Hm.</think>\n{json}"), size);
        assert_eq!((&*hm, &*text, names.len()), ("Hm.", json, 0));
        let (hm, text, names) = parse(parser(), &format!("<think>Hm.</think>\n{call}"), size);
        assert_eq!((&*hm, &*text, names.len()), ("Hm.", "", 1));
    }
}

#[test]
fn a_tag_that_the_limit_cuts_off_is_dropped() {
    let text = |text: &str| Segment::Text(text.to_owned());
    let thought = |text: &str| Segment::Thought(text.to_owned());
    for (is_open, reply, expected) in [
        (false, "a <tool_", vec![text("a ")]),
        (false, "\n<thi", vec![text("\n")]),
        (true, "Hm.</thi", vec![thought("Hm.")]),
        (false, "<think>a</think><thi", vec![thought("a")]),
        (false, "a <", vec![text("a "), text("<")]),
    ] {
        let mut parser = parser(is_open);
        let mut segments = parser.push(reply);

        parser.drop_partial_tag();
        segments.extend(parser.finish());

        assert_eq!(segments, expected, "{reply}");
    }
}

/// The calls of gpt-oss begin with a word.
#[test]
fn the_beginning_of_a_tag_that_begins_with_a_word_is_text() {
    let calls = CallSyntax {
        before_name: "to=functions.".to_owned(),
        ..CallSyntax::default()
    };
    let mut parser = SegmentParser::new(None, Some(calls.into()));
    let mut segments = parser.push("I went to");

    parser.drop_partial_tag();
    segments.extend(parser.finish());

    let texts = ["I went ", "to"].map(|text| Segment::Text(text.to_owned()));
    assert_eq!(segments, texts);
}

/// Row 17 of tests/field.md: calls that are not JSON.
#[test]
fn calls_in_any_form_are_separated_from_text() {
    let tagged = "<call>\n<name=a>\n<set=x>\n<call> 1\n</set>\n</name>\n</call>";
    for (syntax, calls, expected) in [
        (
            CallSyntax::tagged(),
            format!("{tagged}\n{tagged}"),
            vec!["a", "a"],
        ),
        (
            CallSyntax::pythonic(),
            "<calls>[a(x=\")]</calls>\"), b()]</calls>".to_owned(),
            vec!["a", "b"],
        ),
        (
            CallSyntax::quoted(),
            "<|call>do:a{x:<|q|>}<call|><|q|>}<call|>".to_owned(),
            vec!["a"],
        ),
    ] {
        let reply = format!("<think>Hm.</think>\n\nI <c>look it up: {calls}");
        let thoughts = Thoughts {
            tags: TAGS,
            is_open: false,
        };
        let parser = || SegmentParser::new(Some(thoughts), Some(syntax.clone().into()));
        for size in 1..=reply.len() {
            let (thoughts, text, names) = parse(parser(), &reply, size);

            assert_eq!((&*thoughts, &*text), ("Hm.", "I <c>look it up: "), "{size}");
            assert_eq!(names, expected, "{size}");
        }
        for (end, _) in calls.char_indices() {
            let cut = format!("Yes. {}", &calls[..end]);
            let mut parser = parser();
            let mut segments = parser.push(&cut);
            parser.drop_partial_tag();
            segments.extend(parser.finish());

            let first = segments.first();
            assert!(
                matches!(first, Some(Segment::Text(text)) if text.trim_end_matches('<') == "Yes. "),
                "{cut}"
            );
            let others = segments.iter().skip(1);
            assert!(
                !others
                    .clone()
                    .any(|it| matches!(it, Segment::Text(text) if text != "<")),
                "{cut}"
            );
        }
    }
}

/// The template of gpt-oss writes a blank before a call.
#[test]
fn white_space_before_a_call_is_not_text() {
    let tags = ThinkingTags::of_template("<|channel|>analysis<|message|>").unwrap();
    let calls = CallSyntax {
        before_name: "to=functions.".to_owned(),
        ..CallSyntax::default()
    };
    let reply = format!(" {}", calls.write("a", "{}"));
    for size in 1..=reply.len() {
        let thoughts = Thoughts {
            tags,
            is_open: false,
        };
        let parser = SegmentParser::new(Some(thoughts), Some(calls.clone().into()));

        let (_, text, names) = parse(parser, &reply, size);

        assert_eq!((&*text, names.len()), ("", 1), "{size}");
    }
}
