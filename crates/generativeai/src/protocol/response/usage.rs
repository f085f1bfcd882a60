//! Token usage of a request and its reply, and the sum over several requests.

use crate::protocol::request::ServiceTier;
use crate::protocol::tokens::ModalityTokenCount;
use crate::protocol::wire::Message as _;

message! {
    /// Token counts of a request and its reply.
    ///
    /// In a stream each chunk has the counts so far, and the last one is final. A count that is absent
    /// from a final chunk is 0. Prompt tokens are billed as input, replies and thoughts as output.
    ///
    /// In a conversation the counts of a turn are the sum over all its requests. They grow with the history, which each
    /// request repeats.
    ///
    /// ```
    /// use generativeai::protocol::response::UsageMetadata;
    ///
    /// let usage: UsageMetadata = serde_json::from_str(
    ///     r#"{"promptTokenCount":10,"candidatesTokenCount":20,"thoughtsTokenCount":5}"#,
    /// )?;
    /// assert_eq!(usage.thoughts_token_count, Some(5));
    /// assert_eq!(usage.cached_content_token_count, None); // nothing came from a cache
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// Prices differ by model. With the prices of input, cached input and output per million tokens:
    ///
    /// ```
    /// use generativeai::protocol::response::UsageMetadata;
    ///
    /// fn price(usage: &UsageMetadata, [input, cached, output]: [f64; 3]) -> f64 {
    ///     let count = |tokens: Option<i32>| f64::from(tokens.unwrap_or(0)) / 1e6;
    ///     let from_cache = count(usage.cached_content_token_count);
    ///     let prompt = count(usage.prompt_token_count) + count(usage.tool_use_prompt_token_count) - from_cache;
    ///     let reply = count(usage.candidates_token_count) + count(usage.thoughts_token_count);
    ///     prompt * input + from_cache * cached + reply * output
    /// }
    ///
    /// let usage: UsageMetadata = serde_json::from_str(
    ///     r#"{"promptTokenCount":1000000,"cachedContentTokenCount":400000,"candidatesTokenCount":100000}"#,
    /// )?;
    /// assert_eq!(price(&usage, [0.30, 0.03, 2.50]), 0.60 * 0.30 + 0.40 * 0.03 + 0.10 * 2.50);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct UsageMetadata {
        /// Tokens in the prompt, including cached tokens and media.
        pub prompt_token_count: Option<i32>,
        /// Prompt tokens served from a cache, at a lower price. They are already part of
        /// [`prompt_token_count`](Self::prompt_token_count): do not add the two.
        pub cached_content_token_count: Option<i32>,
        /// Tokens in the replies, all candidates together, without thoughts.
        /// Absent or 0 if the prompt was blocked.
        pub candidates_token_count: Option<i32>,
        /// Tokens in the results of built-in tools, added to the prompt.
        pub tool_use_prompt_token_count: Option<i32>,
        /// Tokens of thinking. They are billed as output, and are not part of
        /// [`candidates_token_count`](Self::candidates_token_count).
        pub thoughts_token_count: Option<i32>,
        /// Sum of the tokens in prompt, replies, tool results and thoughts.
        /// Cached tokens are part of the prompt.
        pub total_token_count: Option<i32>,
        /// Prompt tokens by modality.
        pub prompt_tokens_details: Vec<ModalityTokenCount>,
        /// Cached tokens by modality.
        pub cache_tokens_details: Vec<ModalityTokenCount>,
        /// Tokens of the replies by modality.
        pub candidates_tokens_details: Vec<ModalityTokenCount>,
        /// Tokens of tool results by modality.
        pub tool_use_prompt_tokens_details: Vec<ModalityTokenCount>,
        /// Size of the prompt in billing units: characters, images and seconds. Vertex AI only.
        pub billable_prompt_usage: Option<Box<BillablePromptUsage>>,
        /// Quota that the request was charged to. Vertex AI only.
        pub traffic_type: Option<TrafficType>,
        /// Service tier in which the request was processed. Gemini API only.
        pub service_tier: Option<ServiceTier>,
    }
}

message! {
    /// Size of a prompt in billing units.
    pub struct BillablePromptUsage {
        /// Number of characters.
        pub text_count: Option<i32>,
        /// Number of images.
        pub image_count: Option<i32>,
        /// Length of the videos in seconds.
        pub video_duration_seconds: Option<i32>,
        /// Length of the audio recordings in seconds.
        pub audio_duration_seconds: Option<i32>,
    }
}

open_enum! {
    /// Quota that a request was charged to.
    pub enum TrafficType {
        /// Zero value of the enum.
        Unspecified = "TRAFFIC_TYPE_UNSPECIFIED",
        /// Pay-as-you-go quota.
        OnDemand = "ON_DEMAND",
        /// Capacity reserved in advance.
        ProvisionedThroughput = "PROVISIONED_THROUGHPUT",
        ;
        /// Pay-as-you-go quota with priority.
        OnDemandPriority = "ON_DEMAND_PRIORITY",
        /// Pay-as-you-go quota of the cheaper, slower tier.
        OnDemandFlex = "ON_DEMAND_FLEX",
        /// Pay-as-you-go quota outside peak hours.
        OnDemandOffpeak = "ON_DEMAND_OFFPEAK",
    }
}

impl UsageMetadata {
    /// Adds the usage of another request, such as the next round of function calls.
    ///
    /// An absent total is computed from the counts. If one of the two has a count without counts by modality, the sum
    /// has none either, since they would not add up to the count.
    ///
    /// ```
    /// use generativeai::protocol::response::UsageMetadata;
    ///
    /// let mut usage = UsageMetadata::default();
    /// for json in [
    ///     r#"{"promptTokenCount":10,"candidatesTokenCount":20}"#,
    ///     r#"{"promptTokenCount":40,"candidatesTokenCount":7,"totalTokenCount":47}"#,
    /// ] {
    ///     usage.add(&serde_json::from_str(json)?);
    /// }
    /// assert_eq!(usage.total_token_count, Some(77));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn add(&mut self, more: &UsageMetadata) {
        // First: the loop changes the counts that an absent total is computed from.
        let total = sum(self.total(), more.total());
        let mut more = more.clone();
        for (known, more) in self.counts().into_iter().zip(more.counts()) {
            known.add(more);
        }
        self.total_token_count = total;
        if let Some(more) = more.billable_prompt_usage.take() {
            let known = self.billable_prompt_usage.get_or_insert_default();
            known.add(&more);
        }
        more.clear_counts();
        self.overwrite(&more);
    }

    /// Replaces each value by the one of a later chunk, if that has one.
    ///
    /// The counts of a chunk belong together: mixed with earlier ones they would not add up to the total. So if the
    /// chunk has any count, those that it lacks are removed.
    pub(crate) fn update(&mut self, later: &Self) {
        if later.total().is_some() || later.cached_content_token_count.is_some() {
            self.clear_counts();
        }
        self.overwrite(later);
    }

    fn clear_counts(&mut self) {
        for Count { count, details } in self.counts() {
            *count = None;
            if let Some(details) = details {
                details.clear();
            }
        }
    }

    /// Returns the counts that a chunk replaces as a whole, and that are added up over requests.
    fn counts(&mut self) -> [Count<'_>; 6] {
        // All fields are named, so that a new one cannot be forgotten.
        let Self {
            prompt_token_count,
            cached_content_token_count,
            candidates_token_count,
            tool_use_prompt_token_count,
            thoughts_token_count,
            total_token_count,
            prompt_tokens_details,
            cache_tokens_details,
            candidates_tokens_details,
            tool_use_prompt_tokens_details,
            billable_prompt_usage: _,
            traffic_type: _,
            service_tier: _,
            unknown: _,
        } = self;
        [
            (prompt_token_count, Some(prompt_tokens_details)),
            (cached_content_token_count, Some(cache_tokens_details)),
            (candidates_token_count, Some(candidates_tokens_details)),
            (
                tool_use_prompt_token_count,
                Some(tool_use_prompt_tokens_details),
            ),
            (thoughts_token_count, None),
            (total_token_count, None),
        ]
        .map(|(count, details)| Count { count, details })
    }

    /// Returns the total, or the sum of the counts that are present.
    fn total(&self) -> Option<i32> {
        let counts = [
            self.prompt_token_count,
            self.candidates_token_count,
            self.tool_use_prompt_token_count,
            self.thoughts_token_count,
        ];
        self.total_token_count
            .or_else(|| counts.into_iter().fold(None, sum))
    }
}

impl BillablePromptUsage {
    fn add(&mut self, more: &Self) {
        let Self {
            text_count,
            image_count,
            video_duration_seconds,
            audio_duration_seconds,
            unknown,
        } = more;
        self.text_count = sum(self.text_count, *text_count);
        self.image_count = sum(self.image_count, *image_count);
        self.video_duration_seconds = sum(self.video_duration_seconds, *video_duration_seconds);
        self.audio_duration_seconds = sum(self.audio_duration_seconds, *audio_duration_seconds);
        self.unknown.extend(unknown);
    }
}

/// Adds two counts. An absent count is 0, and the sum of two absent counts is absent.
///
/// Saturates, so that wrong counts of a service cannot overflow.
fn sum(one: Option<i32>, other: Option<i32>) -> Option<i32> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

/// A count, with its parts by modality if it has any in the API.
struct Count<'a> {
    count: &'a mut Option<i32>,
    details: Option<&'a mut Vec<ModalityTokenCount>>,
}

impl Count<'_> {
    fn add(self, more: Self) {
        if let (Some(details), Some(more_details)) = (self.details, more.details) {
            // If only one of the two had details, their sum would be less than the count.
            let unknown = |count: Option<i32>, details: &[ModalityTokenCount]| {
                details.is_empty() && count.is_some_and(|count| count > 0)
            };
            if unknown(*self.count, details) || unknown(*more.count, more_details) {
                details.clear();
            } else {
                add_details(details, more_details);
            }
        }
        *self.count = sum(*self.count, *more.count);
    }
}

/// Adds counts by modality.
fn add_details(details: &mut Vec<ModalityTokenCount>, more: &[ModalityTokenCount]) {
    for new in more {
        match details
            .iter_mut()
            .find(|known| known.modality == new.modality)
        {
            Some(known) => known.token_count = sum(known.token_count, new.token_count),
            None => details.push(new.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn total(usages: &[Value]) -> Value {
        let mut total = UsageMetadata::default();
        for usage in usages {
            total.add(&serde_json::from_value(usage.clone()).expect("usage"));
        }
        json!(total)
    }

    /// Row 7 of tests/field.md.
    #[test]
    fn a_total_that_is_absent_is_computed_from_the_counts() {
        let without = json!({"promptTokenCount": 10, "candidatesTokenCount": 20});
        let with =
            json!({"promptTokenCount": 40, "candidatesTokenCount": 7, "totalTokenCount": 47});

        for order in [[&without, &with], [&with, &without]] {
            let sum = total(&order.map(Value::clone));
            assert_eq!(sum["totalTokenCount"], 77);
            assert_eq!(sum["promptTokenCount"], 50);
        }
        assert_eq!(total(&[json!({}), json!({})]), json!({}));
    }

    #[test]
    fn counts_by_modality_add_up_to_the_count_or_are_absent() {
        let text = |count: i32| json!([{"modality": "TEXT", "tokenCount": count}]);
        let with = json!({"promptTokenCount": 4, "promptTokensDetails": text(4)});
        let without = json!({"promptTokenCount": 10});

        let both = total(&[with.clone(), with.clone()]);
        assert_eq!(both["promptTokensDetails"], text(8));
        for partly in [[&with, &without, &with], [&without, &with, &with]] {
            let sum = total(&partly.map(Value::clone));
            assert_eq!(sum, json!({"promptTokenCount": 18, "totalTokenCount": 18}));
        }
    }
}
