//! What the model answers.

use crate::protocol::content::{Content, FunctionCall, Part};
use crate::protocol::response::{Candidate, FinishReason};
use crate::protocol::safety::SafetyRating;
use crate::protocol::time::Timestamp;
use crate::protocol::tokens::ModalityTokenCount;

message! {
    /// What the model answers: the whole reply, or a chunk of it.
    ///
    /// ```
    /// use generativeai::protocol::content::Content;
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let response = GenerateContentResponse::from(Content::model("1345 metres."));
    /// assert_eq!(response.text()?, "1345 metres.");
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub struct GenerateContentResponse {
        /// The replies: one, unless more were asked for.
        pub candidates: Vec<Candidate>,
        /// What is said about the prompt, a block above all.
        pub prompt_feedback: Option<Box<PromptFeedback>>,
        /// What the reply costs.
        pub usage_metadata: Option<Box<UsageMetadata>>,
        /// The exact model that answered.
        pub model_version: Option<String>,
        /// Tells one reply from another.
        pub response_id: Option<String>,
        /// When the request came in.
        pub create_time: Option<Timestamp>,
        /// How long the model will be there.
        pub model_status: Option<Box<ModelStatus>>,
    }
}

impl GenerateContentResponse {
    /// The calls that the first reply asks for, in order.
    pub fn function_calls(&self) -> impl Iterator<Item = &FunctionCall> {
        self.first_parts().iter().filter_map(Part::as_function_call)
    }

    /// Why the first reply ended, if it did.
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.candidates.first()?.finish_reason.as_ref()
    }

    /// What the model thought on the way to the first reply, as far as it told.
    pub fn thoughts(&self) -> String {
        let thoughts = self.first_parts().iter().filter(|part| part.is_thought());
        thoughts.filter_map(Part::as_text).collect()
    }

    /// Why the prompt was blocked, if it was.
    pub fn block_reason(&self) -> Option<&BlockReason> {
        let reason = self.prompt_feedback.as_ref()?.block_reason.as_ref()?;
        (*reason != BlockReason::Unspecified).then_some(reason)
    }

    fn first_parts(&self) -> &[Part] {
        self.candidates
            .first()
            .map(Candidate::parts)
            .unwrap_or_default()
    }
}

impl From<Content> for GenerateContentResponse {
    /// A whole reply that says this and came to its natural end.
    fn from(content: Content) -> Self {
        let finish_reason = Some(FinishReason::Stop);
        let candidate = Candidate {
            content: Some(content),
            finish_reason,
            ..Candidate::default()
        };
        Self {
            candidates: vec![candidate],
            ..Self::default()
        }
    }
}

message! {
    /// What is said about a prompt.
    pub struct PromptFeedback {
        /// Why it was blocked, if it was.
        pub block_reason: Option<BlockReason>,
        /// The same in a sentence.
        pub block_reason_message: Option<String>,
        /// How harmful it seems.
        pub safety_ratings: Vec<SafetyRating>,
    }
}

open_enum! {
    /// Why a prompt was blocked.
    pub enum BlockReason {
        /// It was not.
        Unspecified = "BLOCK_REASON_UNSPECIFIED" | "BLOCKED_REASON_UNSPECIFIED",
        /// It seems harmful; the ratings tell how.
        Safety = "SAFETY",
        /// For a reason that is not told.
        Other = "OTHER",
        /// It has words of the list that is blocked.
        Blocklist = "BLOCKLIST",
        /// It has what is never allowed.
        ProhibitedContent = "PROHIBITED_CONTENT",
        /// The picture it asks for would be unsafe.
        ImageSafety = "IMAGE_SAFETY",
        ;
        /// Model Armor stopped it.
        ModelArmor = "MODEL_ARMOR",
        /// It tries to get around the rules of the model.
        Jailbreak = "JAILBREAK",
    }
}

message! {
    /// What a reply costs, in tokens.
    pub struct UsageMetadata {
        /// What was sent, cached content included.
        pub prompt_token_count: Option<i32>,
        /// What of it was in the cache.
        pub cached_content_token_count: Option<i32>,
        /// What was answered, all replies together.
        pub candidates_token_count: Option<i32>,
        /// What the answers of tools added to the prompt.
        pub tool_use_prompt_token_count: Option<i32>,
        /// What was thought.
        pub thoughts_token_count: Option<i32>,
        /// All together.
        pub total_token_count: Option<i32>,
        /// What was sent, by what it is.
        pub prompt_tokens_details: Vec<ModalityTokenCount>,
        /// What was in the cache, by what it is.
        pub cache_tokens_details: Vec<ModalityTokenCount>,
        /// What was answered, by what it is.
        pub candidates_tokens_details: Vec<ModalityTokenCount>,
        /// What the answers of tools added, by what it is.
        pub tool_use_prompt_tokens_details: Vec<ModalityTokenCount>,
    }
}

message! {
    /// How long a model will be there.
    pub struct ModelStatus {
        /// Where it stands in its life.
        pub model_stage: Option<ModelStage>,
        /// When it goes.
        pub retirement_time: Option<Timestamp>,
        /// The same in a sentence.
        pub message: Option<String>,
    }
}

open_enum! {
    /// Where a model stands in its life.
    pub enum ModelStage {
        /// Not said.
        Unspecified = "MODEL_STAGE_UNSPECIFIED",
        ;
        /// A trial that may change at any time.
        UnstableExperimental = "UNSTABLE_EXPERIMENTAL",
        /// A trial.
        Experimental = "EXPERIMENTAL",
        /// A first look, which may change.
        Preview = "PREVIEW",
        /// Here to stay.
        Stable = "STABLE",
        /// A newer one is there.
        Legacy = "LEGACY",
        /// It will go.
        Deprecated = "DEPRECATED",
        /// It is gone.
        Retired = "RETIRED",
    }
}
