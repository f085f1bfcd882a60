//! What is blocked, and how harmful something seems.

message! {
    /// From how harmful on something of a category is blocked.
    ///
    /// ```
    /// use generativeai::protocol::safety::{HarmBlockThreshold, HarmCategory, SafetySetting};
    ///
    /// let setting = SafetySetting::new(HarmCategory::Harassment, HarmBlockThreshold::BlockOnlyHigh);
    /// assert_eq!(setting, SafetySetting::easy("harassment", "high")?);
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub struct SafetySetting {
        /// The category.
        pub category: Option<HarmCategory>,
        /// From how harmful on.
        pub threshold: Option<HarmBlockThreshold>,
    }
}

impl SafetySetting {
    /// Blocks what is of that category, from that threshold on. Text is taken as the service writes it;
    /// for shorter words see [`easy`](Self::easy).
    pub fn new(
        category: impl Into<HarmCategory>,
        threshold: impl Into<HarmBlockThreshold>,
    ) -> Self {
        let (category, threshold) = (Some(category.into()), Some(threshold.into()));
        Self {
            category,
            threshold,
            ..Self::default()
        }
    }
}

message! {
    /// How harmful something seems.
    pub struct SafetyRating {
        /// In which way.
        pub category: Option<HarmCategory>,
        /// How likely it is harmful.
        pub probability: Option<HarmProbability>,
        /// Whether it was blocked for that.
        pub blocked: Option<bool>,
    }
}

open_enum! {
    /// In which way something may be harmful.
    pub enum HarmCategory {
        /// Not said.
        Unspecified = "HARM_CATEGORY_UNSPECIFIED",
        /// Insults to groups of people; for the oldest models.
        Derogatory = "HARM_CATEGORY_DEROGATORY",
        /// Rudeness; for the oldest models.
        Toxicity = "HARM_CATEGORY_TOXICITY",
        /// Violence; for the oldest models.
        Violence = "HARM_CATEGORY_VIOLENCE",
        /// Sex; for the oldest models.
        Sexual = "HARM_CATEGORY_SEXUAL",
        /// Medical advice; for the oldest models.
        Medical = "HARM_CATEGORY_MEDICAL",
        /// Help with what is dangerous; for the oldest models.
        Dangerous = "HARM_CATEGORY_DANGEROUS",
        /// Harassment.
        Harassment = "HARM_CATEGORY_HARASSMENT",
        /// Hate speech.
        HateSpeech = "HARM_CATEGORY_HATE_SPEECH",
        /// Sex.
        SexuallyExplicit = "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        /// Help with what is dangerous.
        DangerousContent = "HARM_CATEGORY_DANGEROUS_CONTENT",
        /// Untruths on elections and the like.
        CivicIntegrity = "HARM_CATEGORY_CIVIC_INTEGRITY",
        ;
        /// Getting around the rules of the model.
        Jailbreak = "HARM_CATEGORY_JAILBREAK",
        /// Hate in pictures.
        ImageHate = "HARM_CATEGORY_IMAGE_HATE",
        /// Help with what is dangerous, in pictures.
        ImageDangerousContent = "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
        /// Harassment in pictures.
        ImageHarassment = "HARM_CATEGORY_IMAGE_HARASSMENT",
        /// Sex in pictures.
        ImageSexuallyExplicit = "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
    }
}

open_enum! {
    /// From how harmful on something is blocked.
    pub enum HarmBlockThreshold {
        /// Left to the service.
        Unspecified = "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
        /// From a low probability on.
        BlockLowAndAbove = "BLOCK_LOW_AND_ABOVE",
        /// From a medium probability on.
        BlockMediumAndAbove = "BLOCK_MEDIUM_AND_ABOVE",
        /// Only if the probability is high.
        BlockOnlyHigh = "BLOCK_ONLY_HIGH",
        /// Never.
        BlockNone = "BLOCK_NONE",
        /// Never, and it is not even rated.
        Off = "OFF",
    }
}

open_enum! {
    /// How likely something is harmful.
    pub enum HarmProbability {
        /// Not said.
        Unspecified = "HARM_PROBABILITY_UNSPECIFIED",
        /// Hardly.
        Negligible = "NEGLIGIBLE",
        /// Little.
        Low = "LOW",
        /// Rather.
        Medium = "MEDIUM",
        /// Much.
        High = "HIGH",
    }
}
