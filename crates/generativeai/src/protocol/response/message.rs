//! Response of `generateContent`: candidates, feedback about the prompt, status of the model.

use crate::protocol::content::{Content, FunctionCall, Part};
use crate::protocol::response::{Candidate, FinishReason, UsageMetadata};
use crate::protocol::safety::SafetyRating;
use crate::protocol::time::Timestamp;

message! {
    /// Response to a request: a whole reply, or one chunk of a streamed reply.
    ///
    /// | Question | Answer |
    /// | --- | --- |
    /// | What did the model write? | [`text`](Self::text), [`text_lossy`](Self::text_lossy), [`json`](Self::json), [`parts`](Self::parts) |
    /// | Which functions does it call? | [`function_calls`](Self::function_calls) |
    /// | What did it think? | [`thoughts`](Self::thoughts) |
    /// | Why did it end? | [`finish_reason`](Self::finish_reason) |
    /// | Was the prompt blocked? | [`is_blocked`](Self::is_blocked), [`block_reason`](Self::block_reason) |
    /// | What does it cost? | [`usage_metadata`](Self::usage_metadata) |
    /// | Where does it come from? | [`grounding_metadata`](Candidate::grounding_metadata) of a candidate |
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
        /// Replies: one, unless
        /// [`candidate_count`](crate::protocol::config::GenerationConfig::candidate_count) requests more.
        /// Empty if the prompt was blocked.
        pub candidates: Vec<Candidate>,
        /// Feedback about the prompt. Present if the prompt was blocked.
        pub prompt_feedback: Option<Box<PromptFeedback>>,
        /// Token counts of the request and the reply. In a stream, the counts of the last chunk are final.
        pub usage_metadata: Option<Box<UsageMetadata>>,
        /// Exact version of the model that replied, such as `gemini-3-flash-001`.
        pub model_version: Option<String>,
        /// Identifier of the response. All chunks of a stream have the same.
        pub response_id: Option<String>,
        /// Time when the service received the request. Vertex AI only.
        pub create_time: Option<Timestamp>,
        /// Token that identifies the turn in logs of the service.
        pub turn_token: Option<String>,
        /// Stage of the model in its life cycle. Gemini API only.
        pub model_status: Option<Box<ModelStatus>>,
    }
}

impl GenerateContentResponse {
    /// Returns the function calls of the first candidate, in order. A call that is still being streamed is left out,
    /// see [`FunctionCall::is_complete`].
    ///
    /// ```
    /// use generativeai::protocol::content::{Content, FunctionCall};
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let call = FunctionCall::new("height", Default::default());
    /// let response = GenerateContentResponse::from(Content::model(call));
    /// assert!(response.function_calls().map(|call| call.name()).eq(["height"]));
    /// ```
    pub fn function_calls(&self) -> impl Iterator<Item = &FunctionCall> {
        let calls = self.first_parts().iter().filter_map(Part::as_function_call);
        calls.filter(|call| call.is_complete())
    }

    /// Returns the reason why the first candidate ended; `None` for a chunk of a reply that continues.
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.candidates.first()?.finish_reason.as_ref()
    }

    /// Returns the thought summaries of the first candidate, concatenated. Empty unless
    /// [`include_thoughts`](crate::protocol::config::ThinkingConfig::include_thoughts) is set.
    ///
    /// ```
    /// use generativeai::protocol::content::{Content, Part};
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let reply = Content::model([Part::text("The user asks for a height.").thought(true), Part::text("1,345 m")]);
    /// let response = GenerateContentResponse::from(reply);
    /// assert_eq!(response.thoughts(), "The user asks for a height.");
    /// assert_eq!(response.text()?, "1,345 m");
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub fn thoughts(&self) -> String {
        let thoughts = self.first_parts().iter().filter(|part| part.is_thought());
        thoughts.filter_map(Part::as_text).collect()
    }

    /// Returns the reason why the prompt was blocked, if it was.
    pub fn block_reason(&self) -> Option<&BlockReason> {
        self.prompt_feedback.as_ref()?.known_reason()
    }

    /// Returns whether the prompt was blocked.
    pub fn is_blocked(&self) -> bool {
        self.prompt_feedback
            .as_ref()
            .is_some_and(|feedback| feedback.is_block())
    }

    pub(crate) fn first_parts(&self) -> &[Part] {
        self.candidates
            .first()
            .map(Candidate::parts)
            .unwrap_or_default()
    }
}

impl From<Content> for GenerateContentResponse {
    /// Creates a whole reply with this content and the finish reason `STOP`.
    fn from(content: Content) -> Self {
        let candidate = Candidate {
            content: Some(content),
            finish_reason: Some(FinishReason::Stop),
            ..Candidate::default()
        };
        Self {
            candidates: vec![candidate],
            ..Self::default()
        }
    }
}

message! {
    /// Feedback about a prompt: whether it was blocked, and its safety ratings.
    ///
    /// ```
    /// use generativeai::protocol::response::{BlockReason, GenerateContentResponse};
    ///
    /// let response: GenerateContentResponse =
    ///     serde_json::from_str(r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}"#)?;
    /// assert!(response.is_blocked() && response.candidates.is_empty());
    /// assert_eq!(response.block_reason(), Some(&BlockReason::ProhibitedContent));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// A conversation turns it into an error of the kind [`Blocked`](crate::ErrorKind::Blocked).
    pub struct PromptFeedback {
        /// Reason why the prompt was blocked. Absent if it was not.
        pub block_reason: Option<BlockReason>,
        /// Explanation of the block reason, in English. Vertex AI only.
        pub block_reason_message: Option<String>,
        /// Safety ratings of the prompt, at most one for each category.
        pub safety_ratings: Vec<SafetyRating>,
    }
}

impl PromptFeedback {
    /// Returns whether the prompt was blocked: the feedback has a reason, or at least a message.
    pub fn is_block(&self) -> bool {
        self.known_reason().is_some() || self.message().is_some()
    }

    /// Returns the reason. An unspecified or empty one is treated as absent.
    pub(crate) fn known_reason(&self) -> Option<&BlockReason> {
        let is_known = |reason: &&BlockReason| {
            **reason != BlockReason::Unspecified && !reason.as_str().is_empty()
        };
        self.block_reason.as_ref().filter(is_known)
    }

    /// Returns the explanation of the reason. An empty one is treated as absent.
    pub(crate) fn message(&self) -> Option<&str> {
        let message = self.block_reason_message.as_deref();
        message.filter(|message| !message.is_empty())
    }
}

open_enum! {
    /// Reason why a prompt was blocked.
    ///
    /// ```
    /// use generativeai::protocol::response::{BlockReason, GenerateContentResponse};
    ///
    /// let response: GenerateContentResponse =
    ///     serde_json::from_str(r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#)?;
    /// assert_eq!(response.block_reason(), Some(&BlockReason::Safety));
    /// // Without a reply, `text` returns an error that names the reason.
    /// assert!(response.text().unwrap_err().to_string().contains("SAFETY"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum BlockReason {
        /// Zero value of the enum. It is treated as absent.
        Unspecified = "BLOCK_REASON_UNSPECIFIED" | "BLOCKED_REASON_UNSPECIFIED",
        /// The prompt was rated harmful; see the safety ratings.
        Safety = "SAFETY",
        /// The service does not specify the reason. It may be an unsupported language, for example.
        Other = "OTHER",
        /// The prompt contains a term of a blocklist.
        Blocklist = "BLOCKLIST",
        /// The prompt contains prohibited content. This filter cannot be turned off.
        ProhibitedContent = "PROHIBITED_CONTENT",
        /// The prompt requests an image that would be harmful.
        ImageSafety = "IMAGE_SAFETY",
        ;
        /// Model Armor, a filter of Google Cloud, blocked the prompt. Vertex AI only.
        ModelArmor = "MODEL_ARMOR",
        /// The prompt tries to bypass the safety filters. Vertex AI only.
        Jailbreak = "JAILBREAK",
    }
}

message! {
    /// Stage of a model in its life cycle.
    ///
    /// A program can log the status, so that its maintainers notice in time that a model will be retired:
    ///
    /// ```
    /// use generativeai::protocol::response::{GenerateContentResponse, ModelStage};
    ///
    /// let response: GenerateContentResponse = serde_json::from_str(
    ///     r#"{"modelStatus":{"modelStage":"LEGACY","retirementTime":"2027-06-01T00:00:00Z"}}"#,
    /// )?;
    /// let status = response.model_status.unwrap();
    /// if status.model_stage != Some(ModelStage::Stable) {
    ///     let end = status.retirement_time.as_ref().map_or("", |time| time.as_str());
    ///     assert_eq!(end, "2027-06-01T00:00:00Z");
    /// }
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ModelStatus {
        /// Stage of the model.
        pub model_stage: Option<ModelStage>,
        /// Time when the model is retired. Absent if it is not planned.
        pub retirement_time: Option<Timestamp>,
        /// Explanation of the status, in English.
        pub message: Option<String>,
    }
}

open_enum! {
    /// Stage of a model in its life cycle.
    pub enum ModelStage {
        /// Zero value of the enum.
        Unspecified = "MODEL_STAGE_UNSPECIFIED",
        ;
        /// An experiment that may change at any time.
        UnstableExperimental = "UNSTABLE_EXPERIMENTAL",
        /// An experiment, not for production.
        Experimental = "EXPERIMENTAL",
        /// A preview, which is more mature than an experiment.
        Preview = "PREVIEW",
        /// Ready for production.
        Stable = "STABLE",
        /// About to be deprecated. Only existing customers can use it.
        Legacy = "LEGACY",
        /// Deprecated, and no longer usable.
        Deprecated = "DEPRECATED",
        /// Retired, and no longer usable.
        Retired = "RETIRED",
    }
}
