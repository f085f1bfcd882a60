//! How full the context of a model is.

use std::fmt;

/// Approximate number of tokens of the prompt for a summary.
const SUMMARY_PROMPT: i64 = 64;

/// Number of tokens that a summary needs, unless the context of the model is small.
const SUMMARY: i64 = 1_024;

/// Number of tokens of a history, and the number that the context of the model holds. Its `Display` is a note.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) tokens: i32,
    pub(super) limit: i32,
}

impl Level {
    /// Returns whether there is no room left.
    pub(super) fn is_full(self) -> bool {
        self.tokens >= self.limit
    }

    /// Returns whether the model could summarize the history: the request for it has a prompt in addition to the history,
    /// and the reply is the summary.
    pub(super) fn can_be_summarized(self) -> bool {
        let limit = i64::from(self.limit);
        i64::from(self.tokens) + SUMMARY_PROMPT + SUMMARY.min(limit / 8) <= limit
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit;
        // The count includes the template around a next message, which needs no room yet.
        let tokens = self.tokens.min(limit);
        let percent = i64::from(tokens) * 100 / i64::from(limit);
        let undo = match self.is_full() {
            true => "/undo removes the last turn, ",
            false => "",
        };
        let verb = match self.can_be_summarized() {
            true => "summarizes",
            false => "drops",
        };
        write!(
            f,
            "(the context is {percent} % full, {tokens} of {limit} tokens: {undo}/compact {verb} older turns, \
             /new starts a session)"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_that_fills_the_context_cannot_be_summarized() {
        let can_be_summarized = |tokens, limit| Level { tokens, limit }.can_be_summarized();
        assert!(can_be_summarized(800_000, 1_000_000));
        assert!(can_be_summarized(3_100, 4_096));
        assert!(!can_be_summarized(4_000, 4_096));
        assert!(!can_be_summarized(261, 256));
    }
}
