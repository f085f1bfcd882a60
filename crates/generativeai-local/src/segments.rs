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
    /// models repeat the tag that the prompt ends with, or think again before they answer. White space before a call is
    /// removed as well. `next` is the state without a tag.
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
        let call = self.calls.as_ref().map(|calls| calls.syntax.start());
        if self.state == State::Start && !call.is_some_and(|start| text.starts_with(start)) {
            if call.is_some_and(|start| start.starts_with(text)) {
                return false;
            }
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

    /// Returns a call once it is complete, or all calls of a list. The grammar allows nothing but calls here, so an
    /// invalid one cannot be continued.
    fn call(&mut self, segments: &mut Vec<Segment>) -> bool {
        let Some(calls) = &self.calls else {
            return false;
        };
        // Parsing the whole text with each of its tokens would take quadratic time, so the new text must contain the
        // end of a call.
        let end = calls.syntax.end();
        let new = self.searched.saturating_sub(end.len());
        let mut ends = self.held.as_bytes()[new..].windows(end.len());
        let has_end = ends.any(|it| it == end.as_bytes());
        self.searched = self.held.len();
        let parsed = has_end.then(|| calls.syntax.parse(&self.held)).flatten();
        let Some((calls, length)) = parsed else {
            return false;
        };
        let calls = calls.into_iter();
        segments.extend(calls.map(|(name, arguments)| Segment::Call { name, arguments }));
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
mod tests;
