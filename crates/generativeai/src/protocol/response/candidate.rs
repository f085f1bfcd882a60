//! One reply, and why it ended.

use crate::protocol::content::{Content, Part};
use crate::protocol::grounding::{GroundingAttribution, GroundingMetadata, UrlContextMetadata};
use crate::protocol::response::{CitationMetadata, LogprobsResult};
use crate::protocol::safety::SafetyRating;

message! {
    /// One reply, or a chunk of it.
    pub struct Candidate {
        /// What is said.
        pub content: Option<Content>,
        /// Why the reply ended; absent while it goes on.
        pub finish_reason: Option<FinishReason>,
        /// The same in a sentence.
        pub finish_message: Option<String>,
        /// Which of several replies it is, from 0.
        pub index: Option<i32>,
        /// How harmful it seems.
        pub safety_ratings: Vec<SafetyRating>,
        /// Whose words it uses.
        pub citation_metadata: Option<Box<CitationMetadata>>,
        /// How many tokens it has.
        pub token_count: Option<i32>,
        /// The sources that an answer to a question on given passages rests on.
        pub grounding_attributions: Vec<GroundingAttribution>,
        /// The sources that it rests on.
        pub grounding_metadata: Option<Box<GroundingMetadata>>,
        /// How likely its tokens were on the average, as a logarithm.
        pub avg_logprobs: Option<f64>,
        /// How likely its tokens were.
        pub logprobs_result: Option<Box<LogprobsResult>>,
        /// The pages that were read for it.
        pub url_context_metadata: Option<Box<UrlContextMetadata>>,
        /// What to send to have it continued.
        pub continuation_token: Option<String>,
    }
}

impl Candidate {
    /// What is said, part by part.
    pub fn parts(&self) -> &[Part] {
        self.content
            .as_ref()
            .map(|content| content.parts.as_slice())
            .unwrap_or_default()
    }
}

open_enum! {
    /// Why a reply ended.
    pub enum FinishReason {
        /// Not said.
        Unspecified = "FINISH_REASON_UNSPECIFIED",
        /// It came to its natural end, or to a stop sequence.
        Stop = "STOP",
        /// It reached `max_output_tokens`.
        MaxTokens = "MAX_TOKENS",
        /// It seemed harmful; the ratings tell how.
        Safety = "SAFETY",
        /// It came too close to somebody's words.
        Recitation = "RECITATION",
        /// For a reason that is not told.
        Other = "OTHER",
        /// It was in a language the model does not support.
        Language = "LANGUAGE",
        /// It had words of the list that is blocked.
        Blocklist = "BLOCKLIST",
        /// It had what is never allowed.
        ProhibitedContent = "PROHIBITED_CONTENT",
        /// It had what must not be known of a person.
        Spii = "SPII",
        /// The call of a function it made was not well formed.
        MalformedFunctionCall = "MALFORMED_FUNCTION_CALL",
        /// The pictures seemed unsafe.
        ImageSafety = "IMAGE_SAFETY",
        /// It called a tool where there is none.
        UnexpectedToolCall = "UNEXPECTED_TOOL_CALL",
        /// It called tools too often in a row.
        TooManyToolCalls = "TOO_MANY_TOOL_CALLS",
        /// The pictures had what is never allowed.
        ImageProhibitedContent = "IMAGE_PROHIBITED_CONTENT",
        /// No picture was made, for a reason that is not told.
        ImageOther = "IMAGE_OTHER",
        /// A picture was due, and none was made.
        NoImage = "NO_IMAGE",
        /// The pictures came too close to somebody's.
        ImageRecitation = "IMAGE_RECITATION",
        ;
        /// It can be continued with the token that came with it.
        Continuation = "CONTINUATION",
        /// It was not well formed.
        MalformedResponse = "MALFORMED_RESPONSE",
        /// Model Armor stopped it.
        ModelArmor = "MODEL_ARMOR",
        /// The history lacks a thought signature that the model gave.
        MissingThoughtSignature = "MISSING_THOUGHT_SIGNATURE",
        /// It was handed on.
        Escalation = "ESCALATION",
        /// The account is limited.
        PupLimitedDisabled = "PUP_LIMITED_DISABLED",
    }
}

impl FinishReason {
    /// Whether the reply is as long as it was to be, rather than stopped for a reason.
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

    /// What it means, as the end of a sentence about the reply, where the name alone does not say it.
    pub fn meaning(&self) -> Option<&'static str> {
        Some(match self {
            Self::MaxTokens => "it reached `max_output_tokens`, perhaps while thinking",
            Self::Safety => "it seemed harmful, see `safety_ratings`",
            Self::Recitation => "it came too close to somebody's words",
            Self::Language => "it was in a language the model does not support",
            Self::Blocklist => "it had words that are blocked",
            Self::ProhibitedContent => "it had what is never allowed",
            Self::Spii => "it had sensitive data of a person",
            Self::MalformedFunctionCall => {
                "the function call was not well formed, which the mode `ANY` or `VALIDATED` prevents"
            }
            Self::ImageSafety => "the picture seemed unsafe",
            Self::UnexpectedToolCall => "it called a tool where none was declared",
            Self::TooManyToolCalls => "it called tools too often in a row",
            Self::ImageProhibitedContent => "the picture had what is never allowed",
            Self::NoImage => "a picture was due, and none was made",
            Self::ImageRecitation => "the picture came too close to somebody's",
            Self::Continuation => "it can be continued with its `continuation_token`",
            Self::MalformedResponse => "it was not well formed",
            Self::ModelArmor => "Model Armor stopped it",
            Self::MissingThoughtSignature => {
                "the history lacks a thought signature: send every part as it came"
            }
            _ => return None,
        })
    }
}
