//! Settings of a reply: sampling, length, format, thinking and images.

use serde_json::Value;

use crate::protocol::config::SpeechConfig;
use crate::protocol::schema::Schema;
use crate::protocol::wire::Message as _;

message! {
    /// Settings of a reply.
    ///
    /// Fields that are not set are not sent: the service uses the default of the model. An explicit 0 is
    /// sent. Not every model supports every field: an unsupported field is ignored, or the request is refused.
    ///
    /// | To | Set |
    /// | --- | --- |
    /// | get the same reply again | [`temperature`](Self::temperature) 0, and a [`seed`](Self::seed) |
    /// | limit the length | [`max_output_tokens`](Self::max_output_tokens) |
    /// | limit the thinking | [`thinking_config`](Self::thinking_config) |
    /// | get JSON | a schema, with [`response_schema_of`](Self::response_schema_of) |
    /// | choose among given strings | [`response_mime_type`](Self::response_mime_type) `text/x.enum` with an `enum` |
    /// | get images or speech | [`response_modalities`](Self::response_modalities) |
    /// | measure the confidence of the model | [`response_logprobs`](Self::response_logprobs) |
    /// | save tokens of images and videos | [`media_resolution`](Self::media_resolution) |
    ///
    /// ```
    /// use generativeai::protocol::config::GenerationConfig;
    ///
    /// let config = GenerationConfig::default()
    ///     .temperature(0.2)
    ///     .max_output_tokens(64)
    ///     .stop_sequences(["\n\n"]);
    /// assert_eq!(
    ///     serde_json::to_string(&config)?,
    ///     r#"{"stopSequences":["\n\n"],"maxOutputTokens":64,"temperature":0.2}"#,
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct GenerationConfig {
        /// Number of alternative replies, from 1 to 8. Default: 1. A chat refuses more than 1. Not supported by
        /// Gemini 3.
        pub candidate_count: Option<i32> => plain i32,
        /// Texts that end the reply when the model generates one of them. The text itself is not part of
        /// the reply. At most 5.
        pub stop_sequences: Vec<String> => list String,
        /// Maximum number of tokens in a reply, including thoughts. A reply that reaches it is cut off
        /// and ends with [`FinishReason::MaxTokens`]. Default: the
        /// [`output_token_limit`](crate::protocol::models::Model::output_token_limit) of the model.
        ///
        /// [`FinishReason::MaxTokens`]: crate::protocol::response::FinishReason::MaxTokens
        pub max_output_tokens: Option<i32> => plain i32,
        /// Randomness of the reply, from 0 to 2. With 0 the model always chooses the most likely token;
        /// higher values make replies more varied. Default: 1 for most models. Gemini 3 is tuned for 1.
        /// Deprecated since Gemini 3.6: newer models ignore or refuse this setting, `top_p` and `top_k`.
        pub temperature: Option<f64> => plain f64,
        /// Nucleus sampling, from 0 to 1: the model chooses among the most likely tokens whose
        /// probabilities add up to this value. Default: 0.95 for most models.
        pub top_p: Option<f64> => plain f64,
        /// Top-k sampling: the model chooses among this number of most likely tokens. Default: 64 for
        /// most models. Some models do not allow it.
        pub top_k: Option<i32> => plain i32,
        /// Seed of the random number generator. Requests that are equal in everything usually get equal
        /// replies; the service does not guarantee it. Default: a random seed.
        pub seed: Option<i32> => plain i32,
        /// Media type of the reply: `text/plain` (default), `application/json`, or `text/x.enum` for a
        /// reply that is one of the values of an `enum` in [`response_schema`](Self::response_schema).
        pub response_mime_type: Option<String> => into String,
        /// Schema of a JSON reply, in the OpenAPI form, which every model supports. Needs a [`response_mime_type`] of
        /// `application/json` or `text/x.enum`.
        ///
        /// [`response_mime_type`]: Self::response_mime_type
        pub response_schema: Option<Box<Schema>> => into Schema,
        /// Schema of a JSON reply, as JSON Schema, which can also express maps, tuples and recursive types. Needs a
        /// [`response_mime_type`] of `application/json`, and excludes [`response_schema`](Self::response_schema).
        ///
        /// The service reads `$id`, `$defs`, `$ref`, `$anchor`, `type`, `format`, `title`,
        /// `description`, `enum`, `items`, `prefixItems`, `minItems`, `maxItems`, `minimum`, `maximum`,
        /// `anyOf`, `oneOf` (as `anyOf`), `properties`, `additionalProperties`, `required` and
        /// `propertyOrdering`.
        ///
        /// [`response_mime_type`]: Self::response_mime_type
        pub response_json_schema: Option<Value> => into Value,
        /// Schema of a JSON reply, as JSON Schema in which the order of members is significant. Only the Protocol
        /// Buffers form of the API has this field.
        pub response_json_schema_ordered: Option<Value>,
        /// Penalty for tokens that the reply already contains, from -2 to 2. Positive values make the
        /// model use new words. Default: 0. Gemini 2.5 and older.
        pub presence_penalty: Option<f64> => plain f64,
        /// Penalty for tokens that grows with each occurrence in the reply, from -2 to 2. Positive
        /// values reduce repetition. Default: 0. Gemini 2.5 and older.
        pub frequency_penalty: Option<f64> => plain f64,
        /// Whether to return the log probabilities of the chosen tokens, in
        /// [`logprobs_result`](crate::protocol::response::Candidate::logprobs_result). Default: `false`.
        pub response_logprobs: Option<bool> => plain bool,
        /// Number of alternative tokens to return with log probabilities at each step, from 0 to 20.
        /// Needs [`response_logprobs`](Self::response_logprobs).
        pub logprobs: Option<i32> => plain i32,
        /// Whether to use answers that are prepared for questions about elections and other civic
        /// topics. Default: `false`. Gemini API only.
        pub enable_enhanced_civic_answers: Option<bool> => plain bool,
        /// Kinds of data that the reply contains. Default: text. A model that generates images needs
        /// `Image`, one that generates speech needs `Audio`.
        pub response_modalities: Vec<ResponseModality> => list ResponseModality,
        /// Voice and language of generated speech. Needs `Audio` in
        /// [`response_modalities`](Self::response_modalities).
        pub speech_config: Option<Box<SpeechConfig>> => into SpeechConfig,
        /// Amount of thinking before the reply. Models that do not think refuse it.
        pub thinking_config: Option<Box<ThinkingConfig>> => into ThinkingConfig,
        /// Shape and size of generated images.
        pub image_config: Option<Box<ImageConfig>> => into ImageConfig,
        /// Resolution at which the model sees the media of the request.
        pub media_resolution: Option<MediaResolution> => into MediaResolution,
        /// Settings for the transcription of audio.
        pub audio_transcription_config: Option<Box<AudioTranscriptionConfig>> => into AudioTranscriptionConfig,
        /// Output formats: one object with a member `text`, `image`, `audio` or `video` for each kind of
        /// output. Vertex AI only.
        pub response_format: Vec<Value>,
        /// Settings for the translation of speech, such as `targetLanguageCode`.
        pub translation_config: Option<Value>,
    }
}

open_enum! {
    /// Kind of data in a reply.
    pub enum ResponseModality {
        /// The default of the model.
        Unspecified = "MODALITY_UNSPECIFIED",
        /// Text.
        Text = "TEXT",
        /// Images, as parts with [inline data](crate::protocol::content::Part::as_inline_data).
        Image = "IMAGE",
        /// Speech, as a part with [inline data](crate::protocol::content::Part::as_inline_data).
        Audio = "AUDIO",
        ;
        /// Video.
        Video = "VIDEO",
    }
}

open_enum! {
    /// Resolution at which a model sees the media of a request. A higher resolution shows more detail, and
    /// costs more tokens.
    ///
    /// The token counts apply to Gemini 2; see [`PartMediaResolutionLevel`] for Gemini 3, which also
    /// takes a resolution for each part.
    ///
    /// [`PartMediaResolutionLevel`]: crate::protocol::content::PartMediaResolutionLevel
    ///
    /// API page: [Media resolution](https://ai.google.dev/gemini-api/docs/media-resolution).
    pub enum MediaResolution {
        /// The default of the model.
        Unspecified = "MEDIA_RESOLUTION_UNSPECIFIED",
        /// Low: 64 tokens for an image or a video frame.
        Low = "MEDIA_RESOLUTION_LOW",
        /// Medium: 256 tokens for an image or a video frame.
        Medium = "MEDIA_RESOLUTION_MEDIUM",
        /// High: 256 tokens for an image, and 256 for each section of a large one.
        High = "MEDIA_RESOLUTION_HIGH",
    }
}

message! {
    /// Amount of thinking before a reply.
    ///
    /// Gemini 2.5 takes a [`thinking_budget`](Self::thinking_budget) in tokens, Gemini 3 and newer a
    /// [`thinking_level`](Self::thinking_level). A request with both is refused.
    ///
    /// Thinking tokens are billed as output, and reported as
    /// [`thoughts_token_count`](crate::protocol::response::UsageMetadata::thoughts_token_count). The limit
    /// [`max_output_tokens`](GenerationConfig::max_output_tokens) includes them: with a small limit a reply may end
    /// before its text begins.
    ///
    /// ```
    /// use generativeai::protocol::config::{ThinkingConfig, ThinkingLevel};
    ///
    /// let gemini_3 = ThinkingConfig::default().thinking_level(ThinkingLevel::Low).include_thoughts(true);
    /// let gemini_2 = ThinkingConfig::default().thinking_budget(1_024);
    /// ```
    ///
    /// API page: [Thinking](https://ai.google.dev/gemini-api/docs/thinking).
    pub struct ThinkingConfig {
        /// Whether the reply contains summaries of the thoughts, as parts with
        /// [`thought`](crate::protocol::content::Part::thought). Default: `false`.
        pub include_thoughts: Option<bool> => plain bool,
        /// Maximum number of tokens for thinking. 0 turns thinking off, where the model allows it; -1
        /// lets the model decide. Default and range depend on the model.
        pub thinking_budget: Option<i32> => plain i32,
        /// Level of thinking.
        pub thinking_level: Option<ThinkingLevel> => into ThinkingLevel,
    }
}

open_enum! {
    /// Level of thinking. A higher level takes longer, and costs more tokens. Not every model has every
    /// level; the default is the highest or the second highest one of the model.
    ///
    /// ```
    /// use generativeai::GenerativeModel;
    /// use generativeai::protocol::config::{GenerationConfig, ThinkingConfig, ThinkingLevel};
    ///
    /// let fast = ThinkingConfig::default().thinking_level(ThinkingLevel::Low);
    /// let model = GenerativeModel::new("gemini-flash-latest")
    ///     .generation_config(GenerationConfig::default().thinking_config(fast));
    /// ```
    pub enum ThinkingLevel {
        /// The default of the model.
        Unspecified = "THINKING_LEVEL_UNSPECIFIED",
        ;
        /// Almost no thinking.
        Minimal = "MINIMAL",
        /// Little thinking, for simple tasks.
        Low = "LOW",
        /// A balance of speed and depth.
        Medium = "MEDIUM",
        /// Much thinking, for complex tasks.
        High = "HIGH",
        /// The most thinking that a model offers.
        XHigh = "XHIGH",
    }
}

message! {
    /// Shape and size of generated images.
    ///
    /// ```
    /// use generativeai::protocol::config::{GenerationConfig, ImageConfig, ResponseModality};
    ///
    /// let config = GenerationConfig::default()
    ///     .response_modalities([ResponseModality::Text, ResponseModality::Image])
    ///     .image_config(ImageConfig::default().aspect_ratio("16:9"));
    /// assert_eq!(config.image_config.unwrap().image_size, None); // the service chooses
    /// ```
    ///
    /// API page: [Image generation](https://ai.google.dev/gemini-api/docs/image-generation).
    pub struct ImageConfig {
        /// Ratio of width to height: `1:1`, `2:3`, `3:2`, `3:4`, `4:3`, `4:5`, `5:4`, `9:16`, `16:9` or
        /// `21:9`. Default: the ratio of the input image, else `1:1`.
        pub aspect_ratio: Option<String> => into String,
        /// Size: `1K` (default), `2K` or `4K`. Gemini 3 and newer.
        pub image_size: Option<String> => into String,
        /// File format of the images. Vertex AI only.
        pub image_output_options: Option<ImageOutputOptions> => into ImageOutputOptions,
    }
}

message! {
    /// File format of generated images.
    pub struct ImageOutputOptions {
        /// Media type: `image/png` (default) or `image/jpeg`.
        pub mime_type: Option<String> => into String,
        /// Quality of a JPEG image, from 0 to 100. Default: 75.
        pub compression_quality: Option<i32> => plain i32,
    }
}

message! {
    /// Settings for the transcription of audio.
    ///
    /// ```
    /// use generativeai::protocol::config::{AudioTranscriptionConfig, GenerationConfig};
    ///
    /// let interview = AudioTranscriptionConfig::default()
    ///     .language_codes(["en-GB"])
    ///     .custom_vocabulary(["Ben Nevis", "Càrn Mòr Dearg"])
    ///     .diarization(true);
    /// let config = GenerationConfig::default().audio_transcription_config(interview);
    /// assert_eq!(config.audio_transcription_config.unwrap().diarization, Some(true));
    /// ```
    pub struct AudioTranscriptionConfig {
        /// Languages of the audio as BCP 47 codes, such as `en-GB`. Default: detected automatically.
        pub language_codes: Vec<String> => list String,
        /// Words and names that the audio is likely to contain. They are recognized better.
        pub custom_vocabulary: Vec<String> => list String,
        /// Whether to distinguish speakers and label them. Default: `false`.
        pub diarization: Option<bool> => plain bool,
        /// Whether to return start and end of each word. Default: `false`.
        pub word_timestamp: Option<bool> => plain bool,
    }
}

impl GenerationConfig {
    /// Returns the name of the first member that a text model cannot follow, such as `speechConfig`. `None` if there is
    /// no such member.
    ///
    /// A backend for text models uses this to refuse such a request. If it ignored the member, the caller would receive
    /// text instead of an image or speech.
    ///
    /// ```
    /// use generativeai::protocol::config::{GenerationConfig, ResponseModality};
    ///
    /// let config = GenerationConfig::default().response_modalities([ResponseModality::Audio]);
    /// assert_eq!(config.non_text_member(), Some("responseModalities"));
    /// assert_eq!(GenerationConfig::default().temperature(0.5).non_text_member(), None);
    /// ```
    pub fn non_text_member(&self) -> Option<&'static str> {
        use ResponseModality::{Text, Unspecified};
        let is_text = |modality: &ResponseModality| matches!(modality, Text | Unspecified);
        let members = [
            (
                "responseModalities",
                !self.response_modalities.iter().all(is_text),
            ),
            ("speechConfig", self.speech_config.is_some()),
            ("imageConfig", self.image_config.is_some()),
            (
                "audioTranscriptionConfig",
                self.audio_transcription_config.is_some(),
            ),
            ("translationConfig", self.translation_config.is_some()),
            ("responseFormat", !self.response_format.is_empty()),
            (
                "enableEnhancedCivicAnswers",
                self.enable_enhanced_civic_answers == Some(true),
            ),
        ];
        let (name, _) = members.into_iter().find(|(_, is_set)| *is_set)?;
        Some(name)
    }

    /// Returns these settings, with the fields that are set in `over` replaced. Lists are replaced as a whole.
    ///
    /// ```
    /// use generativeai::protocol::config::GenerationConfig;
    ///
    /// let model = GenerationConfig::default().temperature(1.0).seed(7);
    /// let message = GenerationConfig::default().temperature(0.0);
    /// assert_eq!(model.merge(message), GenerationConfig::default().temperature(0.0).seed(7));
    /// ```
    #[must_use]
    pub fn merge(mut self, over: Self) -> Self {
        self.overwrite(&over);
        self
    }
}
