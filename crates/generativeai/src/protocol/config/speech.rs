//! How a spoken reply sounds.

use serde_json::Value;

message! {
    /// How a spoken reply sounds: one voice, or several speakers.
    pub struct SpeechConfig {
        /// The voice, if one speaks.
        pub voice_config: Option<Box<VoiceConfig>>,
        /// The speakers, if there are several.
        pub multi_speaker_voice_config: Option<Box<MultiSpeakerVoiceConfig>>,
        /// The language, such as `en-US`.
        pub language_code: Option<String>,
    }
}

setters!(SpeechConfig {
    boxed voice_config: VoiceConfig,
    boxed multi_speaker_voice_config: MultiSpeakerVoiceConfig,
    into language_code: String,
});

message! {
    /// A voice; one of the fields.
    pub struct VoiceConfig {
        /// One of the voices of the service.
        pub prebuilt_voice_config: Option<PrebuiltVoiceConfig>,
        /// A voice made after a sample.
        pub replicated_voice_config: Option<Value>,
        /// A voice that was made before.
        pub voice: Option<Value>,
    }
}

setters!(VoiceConfig {
    into prebuilt_voice_config: PrebuiltVoiceConfig,
    into replicated_voice_config: Value,
    into voice: Value,
});

impl VoiceConfig {
    /// The voice of the service that has this name, such as `Kore`.
    pub fn prebuilt(voice_name: impl Into<String>) -> Self {
        Self::default().prebuilt_voice_config(PrebuiltVoiceConfig::default().voice_name(voice_name))
    }
}

message! {
    /// One of the voices of the service.
    pub struct PrebuiltVoiceConfig {
        /// Its name, such as `Kore`.
        pub voice_name: Option<String>,
    }
}

setters!(PrebuiltVoiceConfig {
    into voice_name: String,
});

message! {
    /// Several speakers.
    pub struct MultiSpeakerVoiceConfig {
        /// Each of them.
        pub speaker_voice_configs: Vec<SpeakerVoiceConfig>,
    }
}

setters!(MultiSpeakerVoiceConfig {
    list speaker_voice_configs: SpeakerVoiceConfig,
});

message! {
    /// One of several speakers.
    pub struct SpeakerVoiceConfig {
        /// The name the text calls the speaker by.
        pub speaker: Option<String>,
        /// The speaker's voice.
        pub voice_config: Option<VoiceConfig>,
    }
}

setters!(SpeakerVoiceConfig {
    into speaker: String,
    into voice_config: VoiceConfig,
});
