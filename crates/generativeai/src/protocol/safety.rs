//! Safety filters: the thresholds of a request, and the ratings of a prompt or a reply.
//!
//! The service rates every prompt and every candidate by category. A prompt whose rating reaches the
//! threshold of its category is blocked ([`PromptFeedback`]), and a candidate is stopped with
//! [`FinishReason::Safety`]. Thresholds are set for a model or for a single message:
//!
//! ```
//! use generativeai::GenerativeModel;
//! use generativeai::protocol::safety::{HarmBlockThreshold, HarmCategory, SafetySetting};
//!
//! let model = GenerativeModel::new("gemini-flash-latest").safety_settings([SafetySetting::new(
//!     HarmCategory::Harassment,
//!     HarmBlockThreshold::BlockOnlyHigh,
//! )]);
//! ```
//!
//! API page: [Safety settings](https://ai.google.dev/gemini-api/docs/safety-settings).
//!
//! [`PromptFeedback`]: crate::protocol::response::PromptFeedback
//! [`FinishReason::Safety`]: crate::protocol::response::FinishReason::Safety

message! {
    /// Threshold of one harm category.
    ///
    /// A category without a setting has the default threshold of the model. A request may contain at
    /// most one setting for each category.
    ///
    /// ```
    /// use generativeai::protocol::safety::{HarmBlockThreshold, HarmCategory, SafetySetting};
    ///
    /// let setting = SafetySetting::new(HarmCategory::Harassment, HarmBlockThreshold::BlockOnlyHigh);
    /// assert_eq!(setting, SafetySetting::new("HARM_CATEGORY_HARASSMENT", "BLOCK_ONLY_HIGH"));
    /// ```
    pub struct SafetySetting {
        /// Category that the setting is for. Required by the service.
        pub category: Option<HarmCategory>,
        /// Lowest probability of harm that is blocked. Required by the service.
        pub threshold: Option<HarmBlockThreshold>,
    }
}

impl SafetySetting {
    /// Creates a setting. Both values can be given as text, in the spelling of the API.
    pub fn new(
        category: impl Into<HarmCategory>,
        threshold: impl Into<HarmBlockThreshold>,
    ) -> Self {
        Self {
            category: Some(category.into()),
            threshold: Some(threshold.into()),
            ..Self::default()
        }
    }

    /// Creates one setting for each of the four categories that all current models support.
    ///
    /// ```
    /// use generativeai::protocol::safety::{HarmBlockThreshold, SafetySetting};
    ///
    /// let settings = SafetySetting::for_all(HarmBlockThreshold::BlockNone);
    /// assert_eq!(settings.len(), 4);
    /// ```
    pub fn for_all(threshold: impl Into<HarmBlockThreshold>) -> Vec<Self> {
        let threshold = threshold.into();
        let categories = [
            HarmCategory::HateSpeech,
            HarmCategory::SexuallyExplicit,
            HarmCategory::DangerousContent,
            HarmCategory::Harassment,
        ];
        categories
            .map(|category| Self::new(category, threshold.clone()))
            .into()
    }

    /// Returns whether the setting blocks nothing, so that a backend without a filter can accept it. An unset threshold
    /// means the default of the backend, which is none.
    ///
    /// ```
    /// use generativeai::protocol::safety::{HarmBlockThreshold, HarmCategory, SafetySetting};
    ///
    /// assert!(SafetySetting::new(HarmCategory::Harassment, HarmBlockThreshold::Off).is_off());
    /// assert!(!SafetySetting::new(HarmCategory::Harassment, "BLOCK_SOME").is_off());
    /// ```
    pub fn is_off(&self) -> bool {
        use HarmBlockThreshold::{BlockNone, Off, Unspecified};
        matches!(&self.threshold, None | Some(Unspecified | BlockNone | Off))
    }
}

message! {
    /// Rating of a prompt or a candidate in one harm category.
    ///
    /// Ratings show why a prompt or a reply was blocked, and how close others were to a threshold:
    ///
    /// ```
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let response: GenerateContentResponse = serde_json::from_str(
    ///     r#"{"candidates":[{"finishReason":"SAFETY","safetyRatings":[
    ///         {"category":"HARM_CATEGORY_HARASSMENT","probability":"MEDIUM","blocked":true},
    ///         {"category":"HARM_CATEGORY_HATE_SPEECH","probability":"NEGLIGIBLE"}]}]}"#,
    /// )?;
    /// let ratings = &response.candidates[0].safety_ratings;
    /// let blocked = ratings.iter().filter(|rating| rating.blocked == Some(true));
    /// let categories: Vec<&str> = blocked.filter_map(|rating| Some(rating.category.as_ref()?.as_str())).collect();
    /// assert_eq!(categories, ["HARM_CATEGORY_HARASSMENT"]);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct SafetyRating {
        /// Rated category. A list of ratings has at most one for each category.
        pub category: Option<HarmCategory>,
        /// Probability that the content is harmful. It is not a measure of how severe the harm is.
        pub probability: Option<HarmProbability>,
        /// Whether the content was blocked because of this rating. Absent means `false`.
        pub blocked: Option<bool>,
        /// Probability as a number from 0 to 1. Vertex AI only.
        pub probability_score: Option<f64>,
        /// Severity of the harm. Vertex AI only.
        pub severity: Option<HarmSeverity>,
        /// Severity as a number from 0 to 1. Vertex AI only.
        pub severity_score: Option<f64>,
        /// Threshold that the service used instead of the configured one. Vertex AI only.
        pub overwritten_threshold: Option<HarmBlockThreshold>,
    }
}

open_enum! {
    /// Category of harm that the service rates.
    ///
    /// Settings accept [`Harassment`](Self::Harassment), [`HateSpeech`](Self::HateSpeech),
    /// [`SexuallyExplicit`](Self::SexuallyExplicit) and [`DangerousContent`](Self::DangerousContent)
    /// on every current Gemini model. Names are also read without the prefix `HARM_CATEGORY_`.
    pub enum HarmCategory {
        /// Zero value of the enum. The service does not send it.
        Unspecified = "HARM_CATEGORY_UNSPECIFIED",
        /// Negative comments about identity or protected attributes. PaLM models only.
        Derogatory = "HARM_CATEGORY_DEROGATORY",
        /// Rude, disrespectful or profane content. PaLM models only.
        Toxicity = "HARM_CATEGORY_TOXICITY",
        /// Scenes of violence against a person or a group. PaLM models only.
        Violence = "HARM_CATEGORY_VIOLENCE",
        /// References to sexual acts, and other lewd content. PaLM models only.
        Sexual = "HARM_CATEGORY_SEXUAL",
        /// Unchecked medical advice. PaLM models only.
        Medical = "HARM_CATEGORY_MEDICAL",
        /// Content that promotes or enables harmful acts. PaLM models only.
        Dangerous = "HARM_CATEGORY_DANGEROUS",
        /// Abuse, threats, and content intended to bully or ridicule a person.
        Harassment = "HARM_CATEGORY_HARASSMENT",
        /// Content that promotes violence or hatred against people because of protected attributes.
        HateSpeech = "HARM_CATEGORY_HATE_SPEECH",
        /// Sexually explicit material.
        SexuallyExplicit = "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        /// Content that promotes, facilitates or enables dangerous activities.
        DangerousContent = "HARM_CATEGORY_DANGEROUS_CONTENT",
        /// False statements about elections. Deprecated: newer models no longer rate it.
        CivicIntegrity = "HARM_CATEGORY_CIVIC_INTEGRITY",
        ;
        /// Prompts written to bypass the safety filters.
        Jailbreak = "HARM_CATEGORY_JAILBREAK",
        /// Hate speech in generated images. Vertex AI only.
        ImageHate = "HARM_CATEGORY_IMAGE_HATE",
        /// Dangerous content in generated images. Vertex AI only.
        ImageDangerousContent = "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
        /// Harassment in generated images. Vertex AI only.
        ImageHarassment = "HARM_CATEGORY_IMAGE_HARASSMENT",
        /// Sexually explicit content in generated images. Vertex AI only.
        ImageSexuallyExplicit = "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
    }
}

open_enum! {
    /// Lowest probability of harm that is blocked.
    ///
    /// The default depends on the model: `Off` for Gemini 2.5 and newer. The short names `LOW`,
    /// `MEDIUM`, `HIGH` and `NONE` are also read.
    ///
    /// | Threshold | Negligible | Low | Medium | High |
    /// | --- | --- | --- | --- | --- |
    /// | [`BlockLowAndAbove`](Self::BlockLowAndAbove) | | blocked | blocked | blocked |
    /// | [`BlockMediumAndAbove`](Self::BlockMediumAndAbove) | | | blocked | blocked |
    /// | [`BlockOnlyHigh`](Self::BlockOnlyHigh) | | | | blocked |
    /// | [`BlockNone`](Self::BlockNone), [`Off`](Self::Off) | | | | |
    pub enum HarmBlockThreshold {
        /// The default of the model.
        Unspecified = "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
        /// Blocks content with a low probability or above: the strictest threshold.
        BlockLowAndAbove = "BLOCK_LOW_AND_ABOVE" | "LOW",
        /// Blocks content with a medium or a high probability.
        BlockMediumAndAbove = "BLOCK_MEDIUM_AND_ABOVE" | "MEDIUM",
        /// Blocks content with a high probability only.
        BlockOnlyHigh = "BLOCK_ONLY_HIGH" | "HIGH",
        /// Blocks nothing. Ratings are still reported.
        BlockNone = "BLOCK_NONE" | "NONE",
        /// Turns the filter off: blocks nothing and reports no ratings.
        Off = "OFF",
    }
}

open_enum! {
    /// Severity of a harm.
    pub enum HarmSeverity {
        /// Zero value of the enum. The service does not send it.
        Unspecified = "HARM_SEVERITY_UNSPECIFIED",
        /// Negligible.
        Negligible = "HARM_SEVERITY_NEGLIGIBLE",
        /// Low.
        Low = "HARM_SEVERITY_LOW",
        /// Medium.
        Medium = "HARM_SEVERITY_MEDIUM",
        /// High.
        High = "HARM_SEVERITY_HIGH",
    }
}

open_enum! {
    /// Probability that content is harmful.
    pub enum HarmProbability {
        /// Zero value of the enum. The service does not send it.
        Unspecified = "HARM_PROBABILITY_UNSPECIFIED",
        /// Negligible. No threshold blocks it.
        Negligible = "NEGLIGIBLE",
        /// Low. Blocked by [`HarmBlockThreshold::BlockLowAndAbove`].
        Low = "LOW",
        /// Medium. Blocked by [`HarmBlockThreshold::BlockMediumAndAbove`] and stricter.
        Medium = "MEDIUM",
        /// High. Blocked by every threshold except `BlockNone` and `Off`.
        High = "HIGH",
    }
}
