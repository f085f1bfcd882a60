//! How a reply is to be made.

use serde_json::Value;

use crate::protocol::config::SpeechConfig;
use crate::protocol::schema::Schema;

message! {
    /// How a reply is to be made.
    ///
    /// What is not set is not sent: the service decides. An explicit zero is sent.
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
        /// How many replies to make. A chat takes one only.
        pub candidate_count: Option<i32>,
        /// Texts at which the reply ends; they are not part of it. At most five.
        pub stop_sequences: Vec<String>,
        /// How many tokens the reply may have at most, thoughts included.
        pub max_output_tokens: Option<i32>,
        /// How freely tokens are chosen: 0 always takes the likeliest; at most 2.
        pub temperature: Option<f64>,
        /// Chooses among the likeliest tokens that together are this likely; from 0 to 1.
        pub top_p: Option<f64>,
        /// Chooses among that many of the likeliest tokens.
        pub top_k: Option<i32>,
        /// Where chance begins: the same seed tends to give the same reply.
        pub seed: Option<i32>,
        /// What the reply is: `text/plain`, `application/json` or `text/x-enum`.
        pub response_mime_type: Option<String>,
        /// The shape of a reply in JSON.
        pub response_schema: Option<Box<Schema>>,
        /// The shape of a reply in JSON, as JSON Schema.
        pub response_json_schema: Option<Value>,
        /// The shape of a reply in JSON, as JSON Schema whose members have an order.
        pub response_json_schema_ordered: Option<Value>,
        /// How much less likely a token gets once it was used.
        pub presence_penalty: Option<f64>,
        /// How much less likely a token gets each time it is used.
        pub frequency_penalty: Option<f64>,
        /// Whether to tell how likely the chosen tokens were.
        pub response_logprobs: Option<bool>,
        /// How many likely tokens to tell of at each step; with `response_logprobs`.
        pub logprobs: Option<i32>,
        /// Whether questions on elections and the like get the answers made for them.
        pub enable_enhanced_civic_answers: Option<bool>,
        /// What the reply may be: text, pictures, speech.
        pub response_modalities: Vec<ResponseModality>,
        /// How a spoken reply sounds.
        pub speech_config: Option<Box<SpeechConfig>>,
        /// How much the model thinks before it speaks.
        pub thinking_config: Option<Box<ThinkingConfig>>,
        /// What pictures are made.
        pub image_config: Option<Box<ImageConfig>>,
        /// How finely media are looked at.
        pub media_resolution: Option<MediaFineness>,
        /// How audio is put into writing.
        pub audio_transcription_config: Option<Box<AudioTranscriptionConfig>>,
        /// The forms the reply may take.
        pub response_format: Vec<Value>,
        /// How speech is translated.
        pub translation_config: Option<Value>,
    }
}

setters!(GenerationConfig {
    plain candidate_count: i32,
    list stop_sequences: String,
    plain max_output_tokens: i32,
    plain temperature: f64,
    plain top_p: f64,
    plain top_k: i32,
    plain seed: i32,
    into response_mime_type: String,
    boxed response_schema: Schema,
    into response_json_schema: Value,
    plain presence_penalty: f64,
    plain frequency_penalty: f64,
    plain response_logprobs: bool,
    plain logprobs: i32,
    plain enable_enhanced_civic_answers: bool,
    list response_modalities: ResponseModality,
    boxed speech_config: SpeechConfig,
    boxed thinking_config: ThinkingConfig,
    boxed image_config: ImageConfig,
    into media_resolution: MediaFineness,
    boxed audio_transcription_config: AudioTranscriptionConfig,
});

open_enum! {
    /// What a reply may be.
    pub enum ResponseModality {
        /// Left to the service.
        Unspecified = "MODALITY_UNSPECIFIED",
        /// Text.
        Text = "TEXT",
        /// Pictures.
        Image = "IMAGE",
        /// Speech.
        Audio = "AUDIO",
        ;
        /// Moving pictures.
        Video = "VIDEO",
    }
}

open_enum! {
    /// How finely all media of a request are looked at.
    pub enum MediaFineness {
        /// Left to the service.
        Unspecified = "MEDIA_RESOLUTION_UNSPECIFIED",
        /// Coarsely: 64 tokens a picture.
        Low = "MEDIA_RESOLUTION_LOW",
        /// Between: 256 tokens a picture.
        Medium = "MEDIA_RESOLUTION_MEDIUM",
        /// Finely: 256 tokens a picture, and more for its sections.
        High = "MEDIA_RESOLUTION_HIGH",
    }
}

message! {
    /// How much the model thinks before it speaks.
    pub struct ThinkingConfig {
        /// Whether the thoughts are told, as far as the service tells them.
        pub include_thoughts: Option<bool>,
        /// How many tokens it may think; 0 is none, -1 leaves it to the model. For older models.
        pub thinking_budget: Option<i32>,
        /// How much it thinks. For newer models.
        pub thinking_level: Option<ThinkingLevel>,
    }
}

setters!(ThinkingConfig {
    plain include_thoughts: bool,
    plain thinking_budget: i32,
    into thinking_level: ThinkingLevel,
});

open_enum! {
    /// How much the model thinks.
    pub enum ThinkingLevel {
        /// Left to the service.
        Unspecified = "THINKING_LEVEL_UNSPECIFIED",
        ;
        /// Next to nothing.
        Minimal = "MINIMAL",
        /// Little.
        Low = "LOW",
        /// Some.
        Medium = "MEDIUM",
        /// Much.
        High = "HIGH",
        /// As much as it can.
        XHigh = "XHIGH",
    }
}

message! {
    /// What pictures are made.
    pub struct ImageConfig {
        /// Width to height, such as `16:9`.
        pub aspect_ratio: Option<String>,
        /// How large: `1K`, `2K`, `4K`.
        pub image_size: Option<String>,
    }
}

setters!(ImageConfig {
    into aspect_ratio: String,
    into image_size: String,
});

message! {
    /// How audio is put into writing.
    pub struct AudioTranscriptionConfig {
        /// The languages that are spoken, such as `en-GB`; found out if there are none.
        pub language_codes: Vec<String>,
        /// Words that are likely, names above all.
        pub custom_vocabulary: Vec<String>,
        /// Whether to tell the speakers apart.
        pub diarization: Option<bool>,
        /// Whether to tell when each word was said.
        pub word_timestamp: Option<bool>,
    }
}

setters!(AudioTranscriptionConfig {
    list language_codes: String,
    list custom_vocabulary: String,
    plain diarization: bool,
    plain word_timestamp: bool,
});

impl GenerationConfig {
    /// Takes over every setting that `over` has, and keeps the others.
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
        macro_rules! take_over {
            ($($field:ident,)*) => {
                let Self { $($field,)* unknown } = over;
                $(if !crate::protocol::wire::Member::is_absent(&$field) {
                    self.$field = $field;
                })*
                for (name, value) in unknown.iter() {
                    self.unknown.insert(name.as_str(), value.clone());
                }
            };
        }
        take_over! {
            candidate_count, stop_sequences, max_output_tokens, temperature, top_p, top_k, seed,
            response_mime_type, response_schema, response_json_schema,
            response_json_schema_ordered, presence_penalty, frequency_penalty, response_logprobs,
            logprobs, enable_enhanced_civic_answers, response_modalities, speech_config,
            thinking_config, image_config, media_resolution, audio_transcription_config,
            response_format, translation_config,
        }
        self
    }
}
