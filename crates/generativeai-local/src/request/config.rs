//! Parses the generation config: sampling, limits and the response format.

use std::ops::RangeInclusive;

use generativeai::Result;
use generativeai::protocol::config::{GenerationConfig, ResponseModality, ThinkingConfig};
use generativeai::protocol::schema::Type;
use serde_json::{Value, json};

use crate::error::invalid_argument;
use crate::sampler::Sampling;
use crate::schema;

use super::tools::{CallingMode, Tools};

/// Defaults with which small models write coherent text.
const TEMPERATURE: f64 = 0.3;
const TOP_P: f64 = 0.9;
const TOP_K: i32 = 40;

/// Maximum number of stop sequences.
const MAX_STOPS: usize = 16;
/// Maximum number of alternatives that are reported with each token.
const MAX_LOGPROBS: i32 = 20;

/// Settings of a reply.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) sampling: Sampling,
    pub(crate) stops: Vec<String>,
    pub(crate) max_tokens: Option<usize>,
    pub(crate) format: ResponseFormat,
}

/// Format that a reply must have.
#[derive(Debug, PartialEq)]
pub(crate) enum ResponseFormat {
    /// Any text.
    Text,
    /// JSON that matches a schema.
    Json(Value),
    /// One of these texts.
    Choice(Vec<String>),
}

impl Settings {
    pub(super) fn parse(config: Option<&GenerationConfig>, tools: &Tools) -> Result<Self> {
        let nothing = GenerationConfig::default();
        let config = config.unwrap_or(&nothing);
        reject_unsupported(config)?;
        let format = ResponseFormat::parse(config)?;
        if format != ResponseFormat::Text && tools.mode != CallingMode::None {
            return Err(invalid_argument(
                "tools and a responseMimeType other than text/plain exclude each other: \
                 set functionCallingConfig.mode to NONE, or remove one of them",
            ));
        }
        let max_tokens = match config.max_output_tokens {
            None => None,
            Some(max @ 1..) => usize::try_from(max).ok(),
            Some(max) => {
                return Err(invalid_argument(format!(
                    "maxOutputTokens is {max}, but must be at least 1"
                )));
            }
        };
        Ok(Self {
            sampling: sampling(config)?,
            stops: stops(config)?,
            max_tokens,
            format,
        })
    }
}

fn sampling(config: &GenerationConfig) -> Result<Sampling> {
    let top_k = config.top_k.unwrap_or(TOP_K);
    if top_k < 1 {
        return Err(invalid_argument(format!(
            "topK is {top_k}, but must be at least 1"
        )));
    }
    Ok(Sampling {
        temperature: within(
            "temperature",
            config.temperature.unwrap_or(TEMPERATURE),
            0.0..=2.0,
        )?,
        top_p: within("topP", config.top_p.unwrap_or(TOP_P), 0.0..=1.0)?,
        top_k: usize::try_from(top_k).unwrap_or_default(),
        presence_penalty: within(
            "presencePenalty",
            config.presence_penalty.unwrap_or_default(),
            -2.0..=2.0,
        )?,
        frequency_penalty: within(
            "frequencyPenalty",
            config.frequency_penalty.unwrap_or_default(),
            -2.0..=2.0,
        )?,
        seed: config
            .seed
            .map_or_else(|| fastrand::u64(..), |seed| u64::from(seed.cast_unsigned())),
        logprobs: logprobs(config)?,
    })
}

fn logprobs(config: &GenerationConfig) -> Result<Option<usize>> {
    let count = config.logprobs.unwrap_or_default();
    if !(0..=MAX_LOGPROBS).contains(&count) {
        return Err(invalid_argument(format!(
            "logprobs is {count}, but must be from 0 to {MAX_LOGPROBS}"
        )));
    }
    if config.response_logprobs != Some(true) {
        return match config.logprobs {
            Some(_) => Err(invalid_argument(
                "logprobs is set: set responseLogprobs to true as well",
            )),
            None => Ok(None),
        };
    }
    Ok(usize::try_from(count).ok())
}

fn stops(config: &GenerationConfig) -> Result<Vec<String>> {
    let stops = &config.stop_sequences;
    if stops.len() > MAX_STOPS {
        return Err(invalid_argument(format!(
            "stopSequences has {} texts, but may have at most {MAX_STOPS}",
            stops.len()
        )));
    }
    if stops.iter().any(String::is_empty) {
        return Err(invalid_argument(
            "stopSequences contains an empty text: remove it",
        ));
    }
    Ok(stops.clone())
}

fn within(name: &str, value: f64, range: RangeInclusive<f64>) -> Result<f32> {
    if range.contains(&value) {
        return Ok(value as f32);
    }
    Err(invalid_argument(format!(
        "{name} is {value}, but must be from {} to {}",
        range.start(),
        range.end()
    )))
}

impl ResponseFormat {
    fn parse(config: &GenerationConfig) -> Result<Self> {
        let openapi = config.response_schema.as_deref();
        let json = config.response_json_schema.as_ref();
        let json = json.or(config.response_json_schema_ordered.as_ref());
        let mime_type = config.response_mime_type.as_deref().unwrap_or("text/plain");
        match (mime_type, openapi, json) {
            (_, Some(_), Some(_)) => Err(invalid_argument(
                "responseSchema and responseJsonSchema exclude each other: remove one of them",
            )),
            ("text/plain", None, None) => Ok(Self::Text),
            ("application/json", None, None) => {
                Ok(Self::Json(json!({ "type": ["object", "array"] })))
            }
            ("application/json", Some(openapi), None) => {
                Ok(Self::Json(schema::from_openapi(openapi)?))
            }
            ("application/json", None, Some(json)) => Ok(Self::Json(json.clone())),
            ("text/x.enum" | "text/x-enum", Some(openapi), None)
                if matches!(openapi.r#type, None | Some(Type::String))
                    && !openapi.r#enum.is_empty() =>
            {
                Ok(Self::Choice(openapi.r#enum.clone()))
            }
            ("text/x.enum" | "text/x-enum", None, Some(json)) => choices(json).map(Self::Choice),
            ("text/x.enum" | "text/x-enum", ..) => Err(invalid_argument(
                "responseMimeType is text/x.enum: set a responseSchema of type STRING with an enum",
            )),
            ("text/plain", ..) => Err(invalid_argument(
                "a response schema is set: set responseMimeType to application/json or text/x.enum",
            )),
            (other, ..) => Err(invalid_argument(format!(
                "responseMimeType is {other:?}: use text/plain, application/json or text/x.enum"
            ))),
        }
    }

    /// Returns the instructions for the model; `None` if it may answer freely.
    pub(super) fn instructions(&self) -> Option<String> {
        match self {
            Self::Text => None,
            Self::Json(schema) => Some(format!(
                "Answer with JSON only. It must match this JSON schema:\n{schema}"
            )),
            Self::Choice(choices) => Some(format!(
                "Answer with exactly one of these:\n{}",
                choices.join("\n")
            )),
        }
    }
}

fn choices(schema: &Value) -> Result<Vec<String>> {
    let texts = schema
        .get("enum")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let texts: Option<Vec<_>> = texts
        .iter()
        .map(|text| text.as_str().map(str::to_owned))
        .collect();
    texts.filter(|texts| !texts.is_empty()).ok_or_else(|| {
        invalid_argument("responseMimeType is text/x.enum: set a schema with an enum of strings")
    })
}

/// Rejects settings that the embedded model does not support.
fn reject_unsupported(config: &GenerationConfig) -> Result<()> {
    if let Some(count) = config.candidate_count
        && count != 1
    {
        return Err(invalid_argument(format!(
            "candidateCount is {count}, but the embedded model generates one candidate: set it to 1"
        )));
    }
    let other = |modality: &&ResponseModality| {
        !matches!(
            modality,
            ResponseModality::Text | ResponseModality::Unspecified
        )
    };
    if let Some(modality) = config.response_modalities.iter().find(other) {
        return Err(invalid_argument(format!(
            "responseModalities contains {modality}, but the embedded model only generates TEXT"
        )));
    }
    let unsupported = [
        ("speechConfig", config.speech_config.is_some()),
        ("imageConfig", config.image_config.is_some()),
        (
            "audioTranscriptionConfig",
            config.audio_transcription_config.is_some(),
        ),
        ("translationConfig", config.translation_config.is_some()),
        ("responseFormat", !config.response_format.is_empty()),
        (
            "enableEnhancedCivicAnswers",
            config.enable_enhanced_civic_answers == Some(true),
        ),
    ];
    if let Some((name, _)) = unsupported.iter().find(|(_, is_set)| *is_set) {
        return Err(invalid_argument(format!(
            "{name} is not supported by the embedded model: remove it"
        )));
    }
    config
        .thinking_config
        .as_deref()
        .map_or(Ok(()), check_thinking)
}

fn check_thinking(thinking: &ThinkingConfig) -> Result<()> {
    match (thinking.thinking_budget, &thinking.thinking_level) {
        (None | Some(-1 | 0), None) => Ok(()),
        _ => Err(invalid_argument(
            "thinkingConfig is not supported by the embedded model: remove it",
        )),
    }
}
