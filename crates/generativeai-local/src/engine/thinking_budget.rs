//! Follows the thoughts of a reply, and ends them at their budget.
//!
//! A model writes its thoughts as text between two tags, in front of the answer. The budget of a request
//! (`thinkingConfig.thinkingBudget`) is enforced by forcing the tokens of the close tag.

use llama_cpp_2::token::LlamaToken;

use crate::segments::SegmentParser;
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

/// State of the thoughts of one reply. It separates them from the answer, and forces their end.
#[derive(Debug)]
pub(super) struct ThinkingBudget {
    limit: ThinkingLimit,
    /// Finds the end of the thoughts. Its segments are not used: those of the reply are read with the tokens.
    parser: SegmentParser,
    /// Whether the end of the thoughts was forced.
    is_forced: bool,
    /// Forced tokens that were not returned yet, last one first.
    forced: Vec<LlamaToken>,
}

impl ThinkingBudget {
    pub(super) fn new(limit: ThinkingLimit) -> Self {
        Self {
            parser: SegmentParser::new(Some(limit.thoughts), None),
            limit,
            is_forced: false,
            forced: Vec::new(),
        }
    }

    /// Returns the next token if it is forced, because the thoughts have reached their limit. `generated` is the number
    /// of tokens in the reply so far.
    pub(super) fn next_forced(&mut self, generated: usize) -> Option<LlamaToken> {
        let is_over = generated >= self.limit.max_tokens;
        // Forced once only: until `push` has the whole close tag, the thoughts are still beyond their limit.
        if is_over && !self.is_forced && self.parser.is_thinking() {
            self.is_forced = true;
            self.forced = self.limit.closing.iter().rev().copied().collect();
        }
        self.forced.pop()
    }

    /// Adds the text of a token. Returns whether it is part of the thoughts, or white space before or after them.
    pub(super) fn push(&mut self, text: &str) -> bool {
        self.parser.push(text);
        self.parser.is_before_answer()
    }
}

#[cfg(test)]
mod tests {
    use crate::template::ThinkingTags;

    use super::*;

    const NONE: [i32; 0] = [];

    fn budget(is_open: bool) -> ThinkingBudget {
        ThinkingBudget::new(ThinkingLimit {
            thoughts: Thoughts {
                tags: ThinkingTags::of_template("<think>").unwrap(),
                is_open,
            },
            max_tokens: 3,
            closing: vec![LlamaToken::new(7), LlamaToken::new(8)],
        })
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

    /// Row 18 of tests/field.md: stop sequences apply to the answer.
    #[test]
    fn thoughts_and_the_white_space_after_them_are_told_apart_from_the_answer() {
        let parts = |is_open: bool, pieces: &[&str]| -> Vec<bool> {
            let mut budget = budget(is_open);
            pieces.iter().map(|piece| budget.push(piece)).collect()
        };

        assert_eq!(
            parts(false, &["<think>", "a\n", "</think>", "\n\n", "b", "\n"]),
            [true, true, true, true, false, false]
        );
        assert_eq!(
            parts(true, &["a", "</thi", "nk>", "b"]),
            [true, true, true, false]
        );
        assert_eq!(
            parts(false, &["\n", "<think>", "a</think>", "b"]),
            [true, true, true, false]
        );
        assert_eq!(parts(false, &["\n", "b", "\n"]), [true, false, false]);
        assert_eq!(parts(true, &["a</think>b", "c"]), [false, false]);
        assert_eq!(
            parts(false, &["An ", "answer", "<think>"]),
            [false, false, false]
        );
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
