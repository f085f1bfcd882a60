//! What the replies of a conversation cost.

use std::fmt;
use std::time::Duration;

use generativeai::protocol::response::UsageMetadata;
use serde_json::{Value, json};

/// What the replies so far cost.
#[derive(Clone, Debug, Default)]
pub(super) struct Spent {
    last: Cost,
    sum: Cost,
    /// Whether it is told after each reply.
    pub(super) told_each_time: bool,
}

/// Tokens and time.
#[derive(Clone, Debug, Default)]
pub(super) struct Cost {
    usage: UsageMetadata,
    took: Duration,
}

impl Spent {
    /// Adds what a reply cost.
    pub(super) fn add(&mut self, usage: Option<&UsageMetadata>, took: Duration) {
        self.last = Cost::new(usage, took);
        self.sum.usage.add(&self.last.usage);
        self.sum.took += took;
    }

    /// What the last reply cost.
    pub(super) fn last(&self) -> &Cost {
        &self.last
    }

    /// What all of them cost.
    pub(super) fn sum(&self) -> &Cost {
        &self.sum
    }
}

impl Cost {
    /// What a reply cost that took so long.
    pub(super) fn new(usage: Option<&UsageMetadata>, took: Duration) -> Self {
        let usage = usage.cloned().unwrap_or_default();
        Self { usage, took }
    }

    /// What was sent, what of it was cached, what was answered, and what was thought.
    fn tokens(&self) -> [i32; 4] {
        let tokens = |count: Option<i32>| count.unwrap_or_default().max(0);
        let usage = &self.usage;
        let sent = tokens(usage.prompt_token_count)
            .saturating_add(tokens(usage.tool_use_prompt_token_count));
        [
            sent,
            tokens(usage.cached_content_token_count),
            tokens(usage.candidates_token_count),
            tokens(usage.thoughts_token_count),
        ]
    }

    /// How many tokens were made in a second, all in all.
    fn speed(&self) -> f64 {
        let [_, _, out, thought] = self.tokens();
        f64::from(out.saturating_add(thought)) / self.took.as_secs_f64().max(0.001)
    }

    /// The same for programs.
    pub(super) fn to_json(&self) -> Value {
        let [sent, cached, out, thought] = self.tokens();
        let round = |number: f64| (number * 1_000.0).round() / 1_000.0;
        json!({
            "input_tokens": sent,
            "cached_tokens": cached,
            "output_tokens": out,
            "thought_tokens": thought,
            "seconds": round(self.took.as_secs_f64()),
            "tokens_per_second": round(self.speed()),
        })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [sent, cached, out, thought] = self.tokens();
        let (seconds, speed) = (self.took.as_secs_f64(), self.speed());
        write!(
            f,
            "{sent} tokens in ({cached} cached), {out} out, {thought} thought; \
             {seconds:.1} s, {speed:.0} tokens/s"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_costs_of_replies_add_up() {
        let mut usage = UsageMetadata::default();
        usage.prompt_token_count = Some(20);
        usage.cached_content_token_count = Some(16);
        usage.candidates_token_count = Some(30);
        usage.thoughts_token_count = Some(10);
        let mut spent = Spent::default();

        spent.add(Some(&usage), Duration::from_secs(2));
        spent.add(Some(&usage), Duration::from_secs(2));

        assert_eq!(
            spent.last().to_string(),
            "20 tokens in (16 cached), 30 out, 10 thought; 2.0 s, 20 tokens/s"
        );
        assert_eq!(
            spent.sum().to_string(),
            "40 tokens in (32 cached), 60 out, 20 thought; 4.0 s, 20 tokens/s"
        );
        spent.add(None, Duration::ZERO);
        assert!(spent.last().to_string().starts_with("0 tokens in"));
    }
}
