//! Separates thoughts and function calls from the text of a reply.
//!
//! A reply is one text: thoughts between tags, an answer, and calls in the form of the chat template. The API has
//! separate parts for them.

use serde_json::{Map, Value};

use crate::call_syntax::CallSyntax;
use crate::template::{ThinkingTags, Thoughts};

/// A part of a reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Segment {
    Text(String),
    Thought(String),
    Call {
        name: String,
        arguments: Map<String, Value>,
    },
}

/// Calls that a reply may contain.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    pub(crate) syntax: CallSyntax,
    /// Whether text may precede the calls. If not, the reply is either text or calls, and the text may contain the
    /// start of a call, as in a string of JSON.
    pub(crate) after_text: bool,
}

/// Incremental parser of a reply.
///
/// Tags may be split over any number of pieces, so text that may be the start of one is held back. The states follow
/// each other in the order in which [`State`] lists them. Without a tag, `Start` leads to `Text`, and with a header to
/// `AfterThought`; after thoughts, a further open tag leads back to `ThoughtStart`; after a call, the reply continues
/// with `Text`.
#[derive(Debug)]
pub(crate) struct SegmentParser {
    thinking: Option<ThinkingTags>,
    /// `None` if the reply cannot contain calls.
    calls: Option<Calls>,
    state: State,
    /// Text that is not classified yet.
    held: String,
    /// Length of the beginning of `held` that contains no whole call.
    searched: usize,
}

/// Position of the parser in a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the beginning, where thoughts may be opened.
    Start,
    /// After the open tag of thoughts, where whitespace is not part of them.
    ThoughtStart,
    /// Between the tags of thoughts.
    Thought,
    /// After thoughts or a header, where whitespace is not part of the text.
    AfterThought,
    /// In the answer.
    Text,
    /// At the start of a call.
    Call,
    /// After a call, where whitespace is not part of the text.
    AfterCall,
}

impl SegmentParser {
    pub(crate) fn new(thoughts: Option<Thoughts>, calls: Option<Calls>) -> Self {
        let state = match thoughts {
            Some(Thoughts { is_open: true, .. }) => State::ThoughtStart,
            Some(_) => State::Start,
            None => State::Text,
        };
        Self {
            thinking: thoughts.map(|thoughts| thoughts.tags),
            calls,
            state,
            held: String::new(),
            searched: 0,
        }
    }

    /// Returns whether the end of the text so far is inside the answer. Thoughts, calls and the white space around them
    /// are not part of it.
    pub(crate) fn is_answering(&self) -> bool {
        self.state == State::Text
    }

    /// Returns whether the end of the text so far is inside thoughts.
    pub(crate) fn is_thinking(&self) -> bool {
        matches!(self.state, State::ThoughtStart | State::Thought)
    }

    /// Returns whether the end of the text so far is inside a call, or after the start of an invalid one.
    pub(crate) fn is_calling(&self) -> bool {
        self.state == State::Call
    }

    /// Adds text of the reply; returns the segments that are complete.
    pub(crate) fn push(&mut self, text: &str) -> Vec<Segment> {
        self.held.push_str(text);
        let mut segments = Vec::new();
        while self.step(&mut segments) {}
        segments
    }

    /// Returns the text that was held back, at the end of the reply.
    ///
    /// An incomplete call is dropped; the finish reason shows that the reply was cut off.
    pub(crate) fn finish(&mut self) -> Option<Segment> {
        let rest = std::mem::take(&mut self.held);
        match self.state {
            State::Call => None,
            State::ThoughtStart | State::Thought => segment(Segment::Thought, rest.trim()),
            State::AfterThought | State::AfterCall => segment(Segment::Text, rest.trim_start()),
            State::Start | State::Text => segment(Segment::Text, &rest),
        }
    }

    /// Drops a tag that the limit of the length cuts off: it is not text, and the model would repeat it if it became
    /// part of the history. A single byte such as `<` stays, since it may be text as well, and so does the beginning of
    /// a tag that begins with a word.
    pub(crate) fn drop_partial_tag(&mut self) {
        let call = self.calls.as_ref().map(|calls| calls.syntax.start());
        let tags = self.thinking.map(|tags| [tags.open, tags.close]);
        let headers = self.thinking.map_or([].as_slice(), |tags| tags.headers);
        let tags = tags.into_iter().flatten().chain(headers.iter().copied());
        let tags = tags
            .chain(call)
            .filter(|tag| !tag.starts_with(char::is_alphanumeric));
        let longest = tags.map(|tag| partial_suffix(&self.held, tag)).max();
        let length = longest.filter(|&length| length > 1).unwrap_or(0);
        self.held.truncate(self.held.len() - length);
    }

    /// Advances by one state. Returns `false` if more text is needed.
    fn step(&mut self, segments: &mut Vec<Segment>) -> bool {
        match self.state {
            State::Start => self.lead(State::Text),
            State::Thought => self.thought(segments),
            State::ThoughtStart => self.lead(State::Thought),
            State::AfterThought => self.lead(State::Text),
            State::AfterCall => self.skip_whitespace(State::Text),
            State::Text => self.text(segments),
            State::Call => self.call(segments),
        }
    }

    /// Removes a tag at the beginning, and the white space before it: a tag of thoughts, or a header of the answer. Some
    /// models repeat the tag that the prompt ends with, or think again before they answer. `next` is the state without
    /// a tag.
    fn lead(&mut self, next: State) -> bool {
        let text = self.held.trim_start();
        if let Some(tags) = self.thinking {
            let around = [
                (tags.open, State::ThoughtStart),
                (tags.close, State::AfterThought),
            ];
            let headers = tags.headers.iter();
            let headers = headers.map(|&header| (header, State::AfterThought));
            for (tag, state) in around.into_iter().chain(headers) {
                if let Some(rest) = text.strip_prefix(tag) {
                    self.held = rest.to_owned();
                    self.state = state;
                    return true;
                }
                if tag.starts_with(text) {
                    return false;
                }
            }
        }
        if self.state == State::Start {
            self.state = next;
            return true;
        }
        self.skip_whitespace(next)
    }

    /// Returns thoughts up to the close tag, or up to what may be its beginning.
    fn thought(&mut self, segments: &mut Vec<Segment>) -> bool {
        let close = self.thinking.map_or("", |tags| tags.close);
        if let Some(at) = self.held.find(close) {
            segments.extend(segment(Segment::Thought, self.held[..at].trim_end()));
            self.held.drain(..at + close.len());
            self.state = State::AfterThought;
            return true;
        }
        let certain = self.held.len() - partial_suffix(&self.held, close);
        // White space is held back as well: it is not part of the thoughts if the close tag follows.
        let certain = self.held[..certain].trim_end().len();
        segments.extend(segment(Segment::Thought, &self.held[..certain]));
        self.held.drain(..certain);
        false
    }

    /// Drops white space at the beginning, and enters the next state once other text follows.
    fn skip_whitespace(&mut self, next: State) -> bool {
        let skipped = self.held.len() - self.held.trim_start().len();
        self.held.drain(..skipped);
        if self.held.is_empty() {
            return false;
        }
        self.state = next;
        true
    }

    /// Returns text up to the start of a call, or up to what may be its start.
    fn text(&mut self, segments: &mut Vec<Segment>) -> bool {
        let Some(calls) = &self.calls else {
            segments.extend(segment(Segment::Text, &self.held));
            self.held.clear();
            return false;
        };
        let start = calls.syntax.start();
        let may_call = self.held.starts_with(start) || start.starts_with(&self.held);
        if !calls.after_text && !may_call {
            self.calls = None;
            return true;
        }
        let (end, found) = match self.held.find(start) {
            Some(at) => (at, true),
            None => (self.held.len() - partial_suffix(&self.held, start), false),
        };
        segments.extend(segment(Segment::Text, &self.held[..end]));
        self.held.drain(..end);
        if found {
            self.state = State::Call;
            self.searched = 0;
        }
        found
    }

    /// Returns a call once it is complete. The grammar allows nothing but calls here, so an invalid one cannot be
    /// continued.
    fn call(&mut self, segments: &mut Vec<Segment>) -> bool {
        let Some(calls) = &self.calls else {
            return false;
        };
        // Parsing the whole text with each of its tokens would take quadratic time, so the new text must contain the
        // end of a call.
        let end = format!("}}{}", calls.syntax.after_arguments);
        let new = self.searched.saturating_sub(end.len());
        let mut ends = self.held.as_bytes()[new..].windows(end.len());
        let has_end = ends.any(|it| it == end.as_bytes());
        self.searched = self.held.len();
        let parsed = has_end.then(|| calls.syntax.parse(&self.held)).flatten();
        let Some((name, arguments, length)) = parsed else {
            return false;
        };
        segments.push(Segment::Call { name, arguments });
        self.held.drain(..length);
        self.state = State::AfterCall;
        true
    }
}

/// Returns a segment with the text; `None` if it is empty.
fn segment(kind: fn(String) -> Segment, text: &str) -> Option<Segment> {
    (!text.is_empty()).then(|| kind(text.to_owned()))
}

/// Returns the length of the longest suffix of the text that is the beginning of a mark, but not the whole mark.
pub(crate) fn partial_suffix(text: &str, mark: &str) -> usize {
    mark.char_indices()
        .map(|(at, _)| at)
        .rev()
        .find(|&length| text.ends_with(&mark[..length]))
        .unwrap_or(0)
}

#[cfg(test)]
impl From<CallSyntax> for Calls {
    fn from(syntax: CallSyntax) -> Self {
        let after_text = true;
        Self { syntax, after_text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
