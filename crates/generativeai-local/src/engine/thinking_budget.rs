//! Separates the answer of a reply from its thoughts and calls, and ends the thoughts at their budget.
//!
//! A model writes its thoughts as text between two tags, in front of the answer. The budget of a request
//! (`thinkingConfig.thinkingBudget`) is enforced by forcing the tokens of the close tag.

use llama_cpp_2::token::LlamaToken;

use crate::segments::{Calls, SegmentParser};
use crate::template::Thoughts;

/// Thoughts of a reply, and their limit.
#[derive(Clone, Debug)]
pub(crate) struct ThinkingLimit {
    pub(crate) thoughts: Thoughts,
    /// Maximum number of tokens. `usize::MAX` if there is no limit.
    pub(crate) max_tokens: usize,
    /// Tokens that end the thoughts: the close tag and the white space around it.
    pub(crate) closing: Vec<LlamaToken>,
}

/// State of the thoughts of one reply. It separates them and calls from the answer, and forces their end.
#[derive(Debug)]
pub(super) struct ThinkingBudget {
    /// `None` if the model does not think.
    limit: Option<ThinkingLimit>,
    /// Finds the answer. Its segments are not used: those of the reply are read with the tokens.
    parser: SegmentParser,
    /// Whether the end of the current thoughts was forced.
    is_forced: bool,
    /// Forced tokens that were not returned yet, last one first.
    forced: Vec<LlamaToken>,
}

impl ThinkingBudget {
    pub(super) fn new(limit: Option<ThinkingLimit>, calls: Option<Calls>) -> Self {
        let thoughts = limit.as_ref().map(|limit| limit.thoughts);
        Self {
            parser: SegmentParser::new(thoughts, calls),
            limit,
            is_forced: false,
            forced: Vec::new(),
        }
    }

    /// Returns the next token if it is forced, because the thoughts have reached their limit. `generated` is the number
    /// of tokens in the reply so far.
    pub(super) fn next_forced(&mut self, generated: usize) -> Option<LlamaToken> {
        let limit = self.limit.as_ref()?;
        let is_over = generated >= limit.max_tokens;
        let is_thinking = self.parser.is_thinking();
        // Forced once for each block of thoughts: until `push` has the whole close tag, they are still beyond their
        // limit. The model may open further blocks.
        self.is_forced &= is_thinking;
        if is_over && !self.is_forced && is_thinking {
            self.is_forced = true;
            self.forced = limit.closing.iter().rev().copied().collect();
        }
        self.forced.pop()
    }

    /// Adds the text of a token. Returns whether it is part of the answer, and not of thoughts, of a call, or of the
    /// white space around them.
    pub(super) fn push(&mut self, text: &str) -> bool {
        self.parser.push(text);
        self.parser.is_answering()
    }
}

#[cfg(test)]
mod tests {
    use crate::call_syntax::CallSyntax;
    use crate::template::ThinkingTags;

    use super::*;

    const NONE: [i32; 0] = [];

    fn budget(is_open: bool) -> ThinkingBudget {
        let limit = ThinkingLimit {
            thoughts: Thoughts {
                tags: ThinkingTags::of_template("<think>").unwrap(),
                is_open,
            },
            max_tokens: 3,
            closing: vec![LlamaToken::new(7), LlamaToken::new(8)],
        };
        ThinkingBudget::new(Some(limit), Some(CallSyntax::default().into()))
    }

    /// Adds pieces; returns the tokens that are forced after them.
    fn forced_after(mut budget: ThinkingBudget, pieces: &[&str]) -> Vec<i32> {
        let mut forced = Vec::new();
        for (generated, piece) in pieces.iter().enumerate() {
            assert_eq!(budget.next_forced(generated), None);
            budget.push(piece);
        }
        while let Some(token) = budget.next_forced(pieces.len() + forced.len()) {
            forced.push(token.0);
        }
        forced
    }

    /// Row 18 of tests/field.md: a thinking budget is an upper limit.
    #[test]
    fn thoughts_are_ended_at_the_limit() {
        assert_eq!(forced_after(budget(true), &["a", "b", "c"]), [7, 8]);
        assert_eq!(forced_after(budget(false), &["<think>", "b", "c"]), [7, 8]);
        assert_eq!(forced_after(budget(true), &["a", "b"]), NONE);
    }

    /// Row 18 of tests/field.md: a budget ends thoughts in several blocks.
    #[test]
    fn thoughts_that_are_opened_again_are_ended_again() {
        let mut budget = budget(false);
        let pieces = [
            "<think>", "a", "b", "</think>", "\n\n", "<think>", "</think>", "\n\n", "Yes.",
        ];
        let forced = pieces.iter().enumerate().map(|(generated, piece)| {
            let token = budget.next_forced(generated);
            budget.push(piece);
            token.map_or(0, |token| token.0)
        });

        assert_eq!(forced.collect::<Vec<_>>(), [0, 0, 0, 7, 8, 0, 7, 8, 0]);
    }

    /// Row 18 of tests/field.md: stop sequences apply to the answer.
    #[test]
    fn the_answer_is_told_apart_from_thoughts_calls_and_the_white_space_around_them() {
        let call = CallSyntax::default().write("f", "{\"a\":\n1}");
        for (is_open, pieces, expected) in [
            (
                false,
                &["<think>", "a\n", "</think>", "\n\n", "b", "\n"][..],
                "----aa",
            ),
            (false, &["\n", "<think>", "a</think>", "b"], "---a"),
            (false, &["\n", "b", "\n"], "-aa"),
            (true, &["a", "</thi", "nk>", "b"], "---a"),
            (true, &["a</think>b", "c"], "aa"),
            (false, &["An ", "answer", "<think>"], "aaa"),
            (false, &["a", "<tool_call>", "\n", "{"], "a---"),
            (false, &["a", call.as_str(), "\n", "<tool_call>"], "a---"),
        ] {
            let mut budget = budget(is_open);
            let answer = |piece: &&str| if budget.push(piece) { 'a' } else { '-' };
            let parts: String = pieces.iter().map(answer).collect();

            assert_eq!(parts, expected, "{pieces:?}");
        }
    }

    #[test]
    fn nothing_is_forced_outside_of_thoughts() {
        assert_eq!(forced_after(budget(true), &["a", "</thi", "nk>"]), NONE);
        assert_eq!(
            forced_after(budget(false), &["The answer", " is", " 7"]),
            NONE
        );
        assert_eq!(
            forced_after(budget(false), &["<think>", "</think>", "7"]),
            NONE
        );
    }
}
