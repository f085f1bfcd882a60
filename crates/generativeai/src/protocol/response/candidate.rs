//! Candidates: alternative replies to one request, with the reason why each ended.

use crate::protocol::content::{Content, Part};
use crate::protocol::grounding::{GroundingAttribution, GroundingMetadata, UrlContextMetadata};
use crate::protocol::response::{CitationMetadata, LogprobsResult};
use crate::protocol::safety::SafetyRating;

message! {
    /// One of the replies to a request, or a chunk of it.
    ///
    /// A request has one candidate unless
    /// [`candidate_count`](crate::protocol::config::GenerationConfig::candidate_count) requests more.
    ///
    /// ```
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let response: GenerateContentResponse = serde_json::from_str(
    ///     r#"{"candidates":[
    ///         {"content":{"role":"model","parts":[{"text":"Ben Wobble"}]},"finishReason":"STOP"},
    ///         {"content":{"role":"model","parts":[{"text":"Mount Sock"}]},"finishReason":"STOP","index":1}]}"#,
    /// )?;
    /// // `response.text()` refuses to choose.
    /// let names = response.candidates.iter().filter_map(|candidate| candidate.parts().first()?.as_text());
    /// assert!(names.eq(["Ben Wobble", "Mount Sock"]));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Candidate {
        /// Message of the model. Absent from chunks without parts, and from blocked replies.
        pub content: Option<Content>,
        /// Reason why the reply ended. Absent from the chunks of a reply that continues.
        pub finish_reason: Option<FinishReason>,
        /// Explanation of the finish reason, in English.
        pub finish_message: Option<String>,
        /// Number of the candidate among several, from 0. Absent means 0.
        pub index: Option<i32>,
        /// Safety ratings of the reply, at most one for each category.
        pub safety_ratings: Vec<SafetyRating>,
        /// Sources that the reply quotes.
        pub citation_metadata: Option<Box<CitationMetadata>>,
        /// Number of tokens in this candidate.
        pub token_count: Option<i32>,
        /// Sources of an answer to a question about given passages. Only the method `generateAnswer` returned them,
        /// which is no longer documented.
        pub grounding_attributions: Vec<GroundingAttribution>,
        /// Sources that a search tool found for the reply.
        pub grounding_metadata: Option<Box<GroundingMetadata>>,
        /// Mean log probability of the tokens: a measure of the confidence of the model that does not
        /// depend on the length of the reply.
        pub avg_logprobs: Option<f64>,
        /// Sum of the log probabilities of all tokens. Sent by Vertex AI with some older models.
        pub score: Option<f64>,
        /// Log probabilities of single tokens.
        pub logprobs_result: Option<Box<LogprobsResult>>,
        /// Web pages that the tool [`UrlContext`](crate::protocol::tools::UrlContext) read for the reply.
        pub url_context_metadata: Option<Box<UrlContextMetadata>>,
        /// Token to send in
        /// [`continuation_token`](crate::protocol::request::GenerateContentRequest::continuation_token)
        /// so that the service continues the reply. Present with [`FinishReason::Continuation`].
        pub continuation_token: Option<String>,
    }
}

impl Candidate {
    /// Returns the parts of the content. Empty if the content is absent.
    pub fn parts(&self) -> &[Part] {
        self.content
            .as_ref()
            .map(|content| content.parts.as_slice())
            .unwrap_or_default()
    }
}

open_enum! {
    /// Reason why a reply ended.
    ///
    /// With [`Stop`](Self::Stop) and [`MaxTokens`](Self::MaxTokens) a turn of a chat is complete; with
    /// any other reason it ends in an error, unless the reason is accepted with `accept_finish_reasons`.
    ///
    /// | Reasons | Remedy |
    /// | --- | --- |
    /// | [`MaxTokens`](Self::MaxTokens) | a higher limit, or a message that asks to continue |
    /// | [`Safety`](Self::Safety), [`ImageSafety`](Self::ImageSafety) | another prompt, or other thresholds |
    /// | [`ProhibitedContent`](Self::ProhibitedContent), [`Blocklist`](Self::Blocklist) | another prompt |
    /// | [`Recitation`](Self::Recitation) | a prompt that asks for a paraphrase |
    /// | [`MalformedFunctionCall`](Self::MalformedFunctionCall) | another attempt, or the mode `VALIDATED` |
    /// | [`UnexpectedToolCall`](Self::UnexpectedToolCall) | declaring the tool, or an instruction that forbids it |
    /// | [`Other`](Self::Other), [`MalformedResponse`](Self::MalformedResponse) | another attempt |
    ///
    /// If a reply with `MALFORMED_FUNCTION_CALL` or `UNEXPECTED_TOOL_CALL` contains the rejected call, a chat with
    /// automatic function calling answers it with an error for the model, so that the model can correct its call.
    /// Without the call there is nothing to answer, and the turn ends in an error. The same if the reply calls a
    /// function that is only declared.
    ///
    /// New models have new reasons, so a `match` needs a wildcard arm:
    ///
    /// ```
    /// use generativeai::protocol::response::FinishReason;
    ///
    /// fn advice(reason: &FinishReason) -> &'static str {
    ///     match reason {
    ///         FinishReason::Stop => "the reply is complete",
    ///         FinishReason::MaxTokens => "raise the limit, or ask the model to continue",
    ///         FinishReason::Safety | FinishReason::ImageSafety => "rephrase the prompt",
    ///         other => other.meaning().unwrap_or("try again"),
    ///     }
    /// }
    ///
    /// assert_eq!(advice(&FinishReason::MaxTokens), "raise the limit, or ask the model to continue");
    /// assert_eq!(advice(&"BAD_WEATHER".into()), "try again");
    /// ```
    pub enum FinishReason {
        /// Zero value of the enum. It is treated as absent.
        Unspecified = "FINISH_REASON_UNSPECIFIED",
        /// The model finished, or generated a
        /// [stop sequence](crate::protocol::config::GenerationConfig::stop_sequences).
        Stop = "STOP",
        /// The reply reached
        /// [`max_output_tokens`](crate::protocol::config::GenerationConfig::max_output_tokens).
        MaxTokens = "MAX_TOKENS",
        /// The reply was rated harmful; see the safety ratings.
        Safety = "SAFETY",
        /// The reply was too similar to text in the training data.
        Recitation = "RECITATION",
        /// The service does not specify the reason.
        Other = "OTHER",
        /// The reply was in a language that the model does not support.
        Language = "LANGUAGE",
        /// The reply contained a term of a blocklist.
        Blocklist = "BLOCKLIST",
        /// The reply contained prohibited content. This filter cannot be turned off.
        ProhibitedContent = "PROHIBITED_CONTENT",
        /// The reply may contain sensitive personally identifiable information.
        Spii = "SPII",
        /// The model generated an invalid function call.
        MalformedFunctionCall = "MALFORMED_FUNCTION_CALL",
        /// The generated images were rated harmful.
        ImageSafety = "IMAGE_SAFETY",
        /// The model called a tool although the request enables none.
        UnexpectedToolCall = "UNEXPECTED_TOOL_CALL",
        /// The model called built-in tools too many times in a row.
        TooManyToolCalls = "TOO_MANY_TOOL_CALLS",
        /// The generated images contained prohibited content.
        ImageProhibitedContent = "IMAGE_PROHIBITED_CONTENT",
        /// Image generation stopped for a reason that the service does not specify.
        ImageOther = "IMAGE_OTHER",
        /// The model was expected to generate an image and did not.
        NoImage = "NO_IMAGE",
        /// The generated images were too similar to an image in the training data.
        ImageRecitation = "IMAGE_RECITATION",
        ;
        /// The reply is longer than one request may return. It continues with the
        /// [`continuation_token`](Candidate::continuation_token) of the candidate. Gemini 4 and newer.
        Continuation = "CONTINUATION",
        /// The model generated an invalid reply.
        MalformedResponse = "MALFORMED_RESPONSE",
        /// Model Armor, a filter of Google Cloud, blocked the reply. Vertex AI only.
        ModelArmor = "MODEL_ARMOR",
        /// The history lacks a thought signature that the model sent: parts of the model must be sent
        /// back unchanged.
        MissingThoughtSignature = "MISSING_THOUGHT_SIGNATURE",
        /// The reply was handed over to another system.
        Escalation = "ESCALATION",
        /// The account is restricted.
        PupLimitedDisabled = "PUP_LIMITED_DISABLED",
    }
}

impl FinishReason {
    /// Returns whether the reply ended as requested: [`Stop`](Self::Stop) or [`MaxTokens`](Self::MaxTokens).
    ///
    /// ```
    /// use generativeai::protocol::response::FinishReason;
    ///
    /// assert!(FinishReason::Stop.is_end() && FinishReason::MaxTokens.is_end());
    /// assert!(!FinishReason::Safety.is_end() && !FinishReason::from("BAD_WEATHER").is_end());
    /// ```
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Stop | Self::MaxTokens)
    }

    /// Returns whether the reason is the zero value or empty. It is treated as absent.
    pub fn is_unspecified(&self) -> bool {
        match self {
            Self::Unspecified => true,
            Self::Unknown(name) => name.is_empty(),
            _ => false,
        }
    }

    /// Returns whether the service stopped the reply before its end, so that it may be incomplete or empty. True for
    /// unknown reasons as well.
    pub fn is_stop(&self) -> bool {
        !self.is_end() && !self.is_unspecified()
    }

    /// Returns whether the reply is over. After [`Continuation`](Self::Continuation) another request continues it.
    pub(crate) fn ends_reply(&self) -> bool {
        !self.is_unspecified() && *self != Self::Continuation
    }

    /// Returns an explanation of the reason for error messages. `None` for unknown reasons, and if the name is clear.
    pub fn meaning(&self) -> Option<&'static str> {
        Some(match self {
            Self::MaxTokens => {
                "the maximum number of output tokens was reached, possibly while thinking"
            }
            Self::Safety => "the reply was rated harmful",
            Self::Recitation => "the reply was too similar to text in the training data",
            Self::Language => "the reply was in a language that the model does not support",
            Self::Blocklist => "the reply contained a blocked term",
            Self::ProhibitedContent => "the reply contained prohibited content",
            Self::Spii => "the reply contained sensitive personal information",
            Self::MalformedFunctionCall => "the model generated an invalid function call",
            Self::ImageSafety => "the image was rated harmful",
            Self::UnexpectedToolCall => "the model called a tool that the request does not declare",
            Self::TooManyToolCalls => "the model called too many tools in a row",
            Self::ImageProhibitedContent => "the image contained prohibited content",
            Self::NoImage => "the model generated no image",
            Self::ImageRecitation => "the image was too similar to one in the training data",
            Self::Continuation => "the reply continues with its `continuation_token`",
            Self::MalformedResponse => "the model generated an invalid reply",
            Self::ModelArmor => "Model Armor blocked the reply",
            Self::MissingThoughtSignature => {
                "the history lacks a thought signature: send parts of the model back unchanged"
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_ends_a_reply_stops_it_or_does_neither() {
        for (reason, is_end, is_stop, ends_reply) in [
            ("STOP", true, false, true),
            ("MAX_TOKENS", true, false, true),
            ("SAFETY", false, true, true),
            ("BAD_WEATHER", false, true, true),
            ("CONTINUATION", false, true, false),
            ("FINISH_REASON_UNSPECIFIED", false, false, false),
            ("", false, false, false),
        ] {
            let reason = FinishReason::from(reason);
            let found = (reason.is_end(), reason.is_stop(), reason.ends_reply());

            assert_eq!(found, (is_end, is_stop, ends_reply), "{reason:?}");
        }
    }
}
