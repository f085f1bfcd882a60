//! Token counts and time of replies.

use std::fmt;
use std::time::Duration;

use generativeai::protocol::response::UsageMetadata;
use serde_json::{Value, json};

/// Usage of the replies of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionUsage {
    last: Option<ReplyUsage>,
    total: ReplyUsage,
}

/// Tokens and time of one reply, or of several added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplyUsage {
    tokens: UsageMetadata,
    /// Time from sending the message to the end of the reply.
    took: Duration,
    /// Number of requests that the reply took. It is not part of a sum.
    hops: usize,
}

impl SessionUsage {
    /// Adds a reply.
    pub(crate) fn add(&mut self, reply: ReplyUsage) {
        self.total.tokens.add(&reply.tokens);
        self.total.took += reply.took;
        self.last = Some(reply);
    }

    /// Returns the usage of the last reply, or `None` before the first one.
    pub(crate) fn last(&self) -> Option<&ReplyUsage> {
        self.last.as_ref()
    }

    /// Returns the usage of all replies.
    pub(crate) fn total(&self) -> &ReplyUsage {
        &self.total
    }
}

impl ReplyUsage {
    /// Creates the usage of one reply. Without token counts, all counts are zero: some servers report none.
    pub(crate) fn new(tokens: Option<&UsageMetadata>, took: Duration) -> Self {
        let tokens = tokens.cloned().unwrap_or_default();
        Self {
            tokens,
            took,
            hops: 1,
        }
    }

    /// Sets the number of requests that the reply took.
    pub(crate) fn hops(mut self, hops: usize) -> Self {
        self.hops = hops;
        self
    }

    /// Returns four token counts: sent, the cached ones among these, generated without thoughts, and thoughts.
    fn counts(&self) -> [i32; 4] {
        let count = |count: Option<i32>| count.unwrap_or_default().max(0);
        let tokens = &self.tokens;
        let sent = count(tokens.prompt_token_count)
            .saturating_add(count(tokens.tool_use_prompt_token_count));
        [
            sent,
            count(tokens.cached_content_token_count),
            count(tokens.candidates_token_count),
            count(tokens.thoughts_token_count),
        ]
    }

    /// Returns the number of tokens sent or generated in all requests of the turn, without thoughts.
    pub(crate) fn all_tokens(&self) -> i32 {
        let [sent, _, generated, _] = self.counts();
        sent.saturating_add(generated)
    }

    /// Returns the generated tokens per second, thoughts included.
    fn speed(&self) -> f64 {
        let [_, _, generated, thoughts] = self.counts();
        // At least a millisecond, so that the speed of an instant reply is finite.
        f64::from(generated.saturating_add(thoughts)) / self.took.as_secs_f64().max(0.001)
    }

    /// Returns the usage as the JSON that `docs/output.md` specifies.
    pub(crate) fn to_json(&self) -> Value {
        let [sent, cached, generated, thoughts] = self.counts();
        let round = |number: f64| (number * 1_000.0).round() / 1_000.0;
        json!({
            "input_tokens": sent,
            "cached_tokens": cached,
            "output_tokens": generated,
            "thought_tokens": thoughts,
            "seconds": round(self.took.as_secs_f64()),
            "tokens_per_second": round(self.speed()),
        })
    }
}

impl fmt::Display for ReplyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [sent, cached, generated, thoughts] = self.counts();
        let (seconds, speed) = (self.took.as_secs_f64(), self.speed());
        write!(
            f,
            "{sent} tokens in ({cached} cached), {generated} out, {thoughts} thought; \
             {seconds:.1} s, {speed:.0} tokens/s"
        )?;
        match self.hops {
            0 | 1 => Ok(()),
            hops => write!(f, "; {hops} hops"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_of_replies_adds_up() {
        let mut tokens = UsageMetadata::default();
        tokens.prompt_token_count = Some(20);
        tokens.cached_content_token_count = Some(16);
        tokens.candidates_token_count = Some(30);
        tokens.thoughts_token_count = Some(10);
        let mut usage = SessionUsage::default();
        assert!(usage.last().is_none());

        usage.add(ReplyUsage::new(Some(&tokens), Duration::from_secs(2)));
        usage.add(ReplyUsage::new(Some(&tokens), Duration::from_secs(2)));

        assert_eq!(
            usage.last().expect("a reply").to_string(),
            "20 tokens in (16 cached), 30 out, 10 thought; 2.0 s, 20 tokens/s"
        );
        assert_eq!(
            usage.total().to_string(),
            "40 tokens in (32 cached), 60 out, 20 thought; 4.0 s, 20 tokens/s"
        );
        let hops = ReplyUsage::new(Some(&tokens), Duration::from_secs(2)).hops(3);
        assert!(hops.to_string().ends_with("20 tokens/s; 3 hops"), "{hops}");
        usage.add(ReplyUsage::new(None, Duration::ZERO));
        let last = usage.last().expect("a reply").to_string();
        assert!(last.starts_with("0 tokens in"), "{last}");
    }
}
