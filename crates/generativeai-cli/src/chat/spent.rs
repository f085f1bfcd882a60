//! What the replies of a conversation cost.

use std::fmt;
use std::time::Duration;

use generativeai::protocol::UsageMetadata;

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
        self.last = Cost {
            usage: usage.cloned().unwrap_or_default(),
            took,
        };
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

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = |count: Option<i32>| count.unwrap_or_default().max(0);
        let usage = &self.usage;
        let cached = tokens(usage.cached_content_token_count);
        let out = tokens(usage.candidates_token_count);
        let thought = tokens(usage.thoughts_token_count);
        let sent = tokens(usage.prompt_token_count)
            .saturating_add(tokens(usage.tool_use_prompt_token_count));
        let seconds = self.took.as_secs_f64();
        let speed = f64::from(out.saturating_add(thought)) / seconds.max(0.001);
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
