//! The generation config: what each setting means here, and which cannot be.

use std::hash::{BuildHasher, Hasher};
use std::ops::RangeInclusive;

use generativeai::Result;
use generativeai::protocol::config::{GenerationConfig, ResponseModality, ThinkingConfig};
use generativeai::protocol::schema::Type;
use serde_json::{Value, json};

use crate::grammar::schema;
use crate::refusal::invalid;
use crate::sampler::Sampling;

use super::conversation::line;
use super::tools::{Mode, Tools};

/// What small models speak best with, where a request leaves it open.
const TEMPERATURE: f64 = 0.3;
const TOP_P: f64 = 0.9;
const TOP_K: i32 = 40;

const MOST_STOPS: usize = 16;
const MOST_LOGPROBS: i32 = 20;

/// How a reply is to be made.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) sampling: Sampling,
    pub(crate) stops: Vec<String>,
    pub(crate) max_tokens: Option<usize>,
    pub(crate) form: Form,
}

/// What form a reply has.
#[derive(Debug, PartialEq)]
pub(crate) enum Form {
    /// Any text.
    Text,
    /// JSON after a schema.
    Json(Value),
    /// One of these texts.
    Choice(Vec<String>),
}

impl Settings {
    pub(super) fn read(config: Option<&GenerationConfig>, tools: &Tools) -> Result<Self> {
        let nothing = GenerationConfig::default();
        let config = config.unwrap_or(&nothing);
        refuse(config)?;
        let form = Form::read(config)?;
        if form != Form::Text && tools.mode != Mode::Never {
            return Err(invalid(
                "function calling and a responseMimeType other than text/plain \
                exclude each other: set functionCallingConfig.mode to NONE, or leave out one",
            ));
        }
        let max_tokens = match config.max_output_tokens {
            None => None,
            Some(most @ 1..) => usize::try_from(most).ok(),
            Some(most) => {
                return Err(invalid(format!(
                    "maxOutputTokens must be at least 1, and is {most}"
                )));
            }
        };
        Ok(Self {
            sampling: sampling(config)?,
            stops: stops(config)?,
            max_tokens,
            form,
        })
    }
}

fn sampling(config: &GenerationConfig) -> Result<Sampling> {
    let top_k = config.top_k.unwrap_or(TOP_K);
    if top_k < 1 {
        return Err(invalid(format!("topK must be at least 1, and is {top_k}")));
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
            .map_or_else(by_chance, |seed| u64::from(seed.cast_unsigned())),
        logprobs: logprobs(config)?,
    })
}

fn logprobs(config: &GenerationConfig) -> Result<Option<usize>> {
    let count = config.logprobs.unwrap_or_default();
    if !(0..=MOST_LOGPROBS).contains(&count) {
        return Err(invalid(format!(
            "logprobs must be from 0 to {MOST_LOGPROBS}, and is {count}"
        )));
    }
    if config.response_logprobs != Some(true) {
        return match config.logprobs {
            Some(_) => Err(invalid("logprobs needs responseLogprobs to be true")),
            None => Ok(None),
        };
    }
    Ok(usize::try_from(count).ok())
}

fn stops(config: &GenerationConfig) -> Result<Vec<String>> {
    let stops = &config.stop_sequences;
    if stops.len() > MOST_STOPS {
        return Err(invalid(format!(
            "stopSequences has {} texts, and may have {MOST_STOPS}",
            stops.len()
        )));
    }
    if stops.iter().any(String::is_empty) {
        return Err(invalid("stopSequences has an empty text"));
    }
    Ok(stops.clone())
}

fn within(name: &str, value: f64, range: RangeInclusive<f64>) -> Result<f32> {
    if range.contains(&value) {
        return Ok(value as f32);
    }
    Err(invalid(format!(
        "{name} must be from {} to {}, and is {value}",
        range.start(),
        range.end()
    )))
}

fn by_chance() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

impl Form {
    fn read(config: &GenerationConfig) -> Result<Self> {
        let openapi = config.response_schema.as_deref();
        let json = config.response_json_schema.as_ref();
        let json = json.or(config.response_json_schema_ordered.as_ref());
        let mime_type = config.response_mime_type.as_deref().unwrap_or("text/plain");
        match (mime_type, openapi, json) {
            (_, Some(_), Some(_)) => Err(invalid(
                "responseSchema and responseJsonSchema exclude each other",
            )),
            ("text/plain", None, None) => Ok(Self::Text),
            ("application/json", None, None) => {
                Ok(Self::Json(json!({ "type": ["object", "array"] })))
            }
            ("application/json", Some(openapi), None) => {
                Ok(Self::Json(schema::from_openapi(openapi)?))
            }
            ("application/json", None, Some(json)) => Ok(Self::Json(json.clone())),
            ("text/x.enum", Some(openapi), None)
                if matches!(openapi.r#type, None | Some(Type::String))
                    && !openapi.r#enum.is_empty() =>
            {
                Ok(Self::Choice(openapi.r#enum.clone()))
            }
            ("text/x.enum", None, Some(json)) => choices(json).map(Self::Choice),
            ("text/x.enum", ..) => Err(invalid(
                "responseMimeType text/x.enum needs a responseSchema of type STRING with an enum",
            )),
            ("text/plain", ..) => Err(invalid(
                "a response schema needs responseMimeType application/json or text/x.enum",
            )),
            (other, ..) => Err(invalid(format!(
                "responseMimeType {other:?} is not known: use text/plain, application/json or text/x.enum"
            ))),
        }
    }

    /// What the model is told of the form.
    pub(super) fn manual(&self) -> Option<String> {
        match self {
            Self::Text => None,
            Self::Json(schema) => Some(format!(
                "Answer with JSON alone, after this JSON schema:\n{}",
                line(schema)
            )),
            Self::Choice(choices) => Some(format!(
                "Answer with one of these alone:\n{}",
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
    texts
        .filter(|texts| !texts.is_empty())
        .ok_or_else(|| invalid("responseMimeType text/x.enum needs a schema with an enum of texts"))
}

/// Refuses what the embedded model does not have.
fn refuse(config: &GenerationConfig) -> Result<()> {
    if let Some(count) = config.candidate_count
        && count != 1
    {
        return Err(invalid(format!(
            "candidateCount is {count}: the embedded model gives one candidate"
        )));
    }
    let other = |modality: &&ResponseModality| {
        !matches!(
            modality,
            ResponseModality::Text | ResponseModality::Unspecified
        )
    };
    if let Some(modality) = config.response_modalities.iter().find(other) {
        return Err(invalid(format!(
            "responseModalities has {modality}: the embedded model answers in TEXT"
        )));
    }
    let absent = [
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
    if let Some((name, _)) = absent.iter().find(|(_, asked)| *asked) {
        return Err(invalid(format!(
            "{name}: the embedded model has nothing of the kind"
        )));
    }
    config
        .thinking_config
        .as_deref()
        .map_or(Ok(()), check_thinking)
}

/// The embedded model does not think apart: thoughts that may be shown are none, a budget that may
/// be zero is zero.
fn check_thinking(thinking: &ThinkingConfig) -> Result<()> {
    match (thinking.thinking_budget, &thinking.thinking_level) {
        (None | Some(-1 | 0), None) => Ok(()),
        _ => Err(invalid(
            "thinkingConfig: the embedded model does not think apart; leave it out",
        )),
    }
}
