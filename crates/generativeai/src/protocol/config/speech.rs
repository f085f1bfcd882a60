//! Voice and language of generated speech.

use serde_json::Value;

message! {
    /// Voice and language of generated speech: one voice, or one for each of several speakers.
    ///
    /// ```
    /// use generativeai::protocol::config::{
    ///     GenerationConfig, ResponseModality, SpeechConfig, VoiceConfig,
    /// };
    ///
    /// let config = GenerationConfig::default()
    ///     .response_modalities([ResponseModality::Audio])
    ///     .speech_config(SpeechConfig::default().voice_config(VoiceConfig::prebuilt("Kore")));
    /// ```
    ///
    /// API page: [Speech generation](https://ai.google.dev/gemini-api/docs/speech-generation).
    pub struct SpeechConfig {
        /// Voice of a single speaker. Excludes
        /// [`multi_speaker_voice_config`](Self::multi_speaker_voice_config).
        pub voice_config: Option<Box<VoiceConfig>> => into VoiceConfig,
        /// Voices of several speakers.
        pub multi_speaker_voice_config: Option<Box<MultiSpeakerVoiceConfig>> => into MultiSpeakerVoiceConfig,
        /// Language of the speech as a BCP 47 code, such as `en-US`. Default: detected from the text.
        pub language_code: Option<String> => into String,
    }
}

message! {
    /// Voice of a speaker. Set one of the fields.
    pub struct VoiceConfig {
        /// Voice that the service offers.
        pub prebuilt_voice_config: Option<PrebuiltVoiceConfig> => into PrebuiltVoiceConfig,
        /// Voice that is cloned from a recording: an object with `mimeType` (`audio/wav`),
        /// `voiceSampleAudio` and `consentAudio`, both in base64.
        pub replicated_voice_config: Option<Value> => into Value,
        /// Previously created voice.
        pub voice: Option<Value> => into Value,
    }
}

impl VoiceConfig {
    /// Selects a voice of the service by name, such as `Kore`, `Puck` or `Zephyr`.
    ///
    /// The name is not checked here: the service refuses an unknown one.
    pub fn prebuilt(voice_name: impl Into<String>) -> Self {
        Self::default().prebuilt_voice_config(PrebuiltVoiceConfig::default().voice_name(voice_name))
    }
}

message! {
    /// Voice that the service offers.
    ///
    /// A voice is not bound to a language, which follows from the text. Voices are Kore, Puck, Zephyr, Charon,
    /// Fenrir, Leda, Orus, Aoede, Callirrhoe, Enceladus, Algieba, Despina, Erinome, Gacrux and Sulafat.
    pub struct PrebuiltVoiceConfig {
        /// Name of the voice, such as `Kore`. The documentation of the service lists about 30.
        pub voice_name: Option<String> => into String,
    }
}

message! {
    /// Voices of a dialogue.
    ///
    /// The text is written like a play, with the name of the speaker before each line: `Ann: Hello!`.
    ///
    /// ```
    /// use generativeai::protocol::config::{
    ///     MultiSpeakerVoiceConfig, SpeakerVoiceConfig, SpeechConfig, VoiceConfig,
    /// };
    ///
    /// let voices = [("Ann", "Kore"), ("Ben", "Puck")].map(|(speaker, voice)| {
    ///     SpeakerVoiceConfig::default()
    ///         .speaker(speaker)
    ///         .voice_config(VoiceConfig::prebuilt(voice))
    /// });
    /// let config = SpeechConfig::default().multi_speaker_voice_config(
    ///     MultiSpeakerVoiceConfig::default().speaker_voice_configs(voices),
    /// );
    /// ```
    pub struct MultiSpeakerVoiceConfig {
        /// Voice of each speaker. The service requires exactly 2.
        pub speaker_voice_configs: Vec<SpeakerVoiceConfig> => list SpeakerVoiceConfig,
    }
}

message! {
    /// Voice of one speaker of a dialogue.
    pub struct SpeakerVoiceConfig {
        /// Name of the speaker in the text, such as `Ann` for `Ann: Hello!`.
        pub speaker: Option<String> => into String,
        /// Voice of the speaker.
        pub voice_config: Option<VoiceConfig> => into VoiceConfig,
    }
}
