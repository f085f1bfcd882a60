//! Parses the generation config: sampling, limits and the response format.

use std::ops::RangeInclusive;

use generativeai::Result;
use generativeai::protocol::config::GenerationConfig;

use crate::error::invalid_argument;
use crate::ignored::IgnoredSettings;
use crate::sampler::Sampling;

use super::format::ResponseFormat;
use super::thinking::ThinkingSettings;
use super::tools::{CallingMode, Tools};

/// Defaults that let small models write coherent text.
const TEMPERATURE: f64 = 0.3;
const TOP_P: f64 = 0.9;
const TOP_K: i32 = 40;

/// Maximum number of stop sequences; the API allows 5. Each is searched in the text after every token.
const MAX_STOPS: usize = 16;
/// Maximum length of a stop sequence in bytes.
const MAX_STOP_BYTES: usize = 1_024;
/// Maximum number of alternatives that are reported with each token, as in the API.
const MAX_LOGPROBS: i32 = 20;

/// Settings of a reply.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) sampling: Sampling,
    pub(crate) stops: Vec<String>,
    pub(crate) max_tokens: Option<usize>,
    pub(crate) format: ResponseFormat,
    pub(crate) thinking: ThinkingSettings,
}

impl Settings {
    /// Parses a generation config.
    ///
    /// # Errors
    ///
    /// 400 for a value out of range, and for a setting that the embedded model does not support.
    pub(super) fn parse(
        config: Option<&GenerationConfig>,
        tools: &Tools,
        ignored: &IgnoredSettings,
    ) -> Result<Self> {
        let nothing = GenerationConfig::default();
        let config = config.unwrap_or(&nothing);
        reject_unsupported(config)?;
        let mut format = ResponseFormat::parse(config, ignored)?;
        // The reply is a call, without text.
        if tools.mode == CallingMode::Any {
            format = ResponseFormat::Text;
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
            thinking: ThinkingSettings::parse(config.thinking_config.as_deref())?,
        })
    }
}

/// Parses the sampling settings. A request without a seed gets a random one.
fn sampling(config: &GenerationConfig) -> Result<Sampling> {
    let top_k = config.top_k.unwrap_or(TOP_K);
    if top_k < 0 {
        return Err(invalid_argument(format!(
            "topK is {top_k}, but must be at least 0; 0 is no limit"
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

/// Returns the number of alternatives to report with each token; `None` if no log-probabilities are requested.
fn logprobs(config: &GenerationConfig) -> Result<Option<usize>> {
    let count = config.logprobs.unwrap_or_default();
    if !(0..=MAX_LOGPROBS).contains(&count) {
        return Err(invalid_argument(format!(
            "logprobs is {count}, but must be from 0 to {MAX_LOGPROBS}"
        )));
    }
    if config.response_logprobs != Some(true) {
        return match config.logprobs {
            Some(1..) => Err(invalid_argument(
                "logprobs is set: set responseLogprobs to true as well",
            )),
            _ => Ok(None),
        };
    }
    Ok(usize::try_from(count).ok())
}

fn stops(config: &GenerationConfig) -> Result<Vec<String>> {
    let stops = &config.stop_sequences;
    if stops.len() > MAX_STOPS {
        return Err(invalid_argument(format!(
            "stopSequences has {} strings, but may have at most {MAX_STOPS}",
            stops.len()
        )));
    }
    if stops.iter().any(String::is_empty) {
        return Err(invalid_argument(
            "stopSequences contains an empty text: remove it",
        ));
    }
    if let Some(stop) = stops.iter().find(|stop| stop.len() > MAX_STOP_BYTES) {
        return Err(invalid_argument(format!(
            "stopSequences contains a string of {} bytes, but each may have at most {MAX_STOP_BYTES}",
            stop.len()
        )));
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

/// Rejects settings that the embedded model does not support.
fn reject_unsupported(config: &GenerationConfig) -> Result<()> {
    // 0 is an unset number in Protocol Buffers.
    if let Some(count) = config.candidate_count
        && !matches!(count, 0 | 1)
    {
        return Err(invalid_argument(format!(
            "candidateCount is {count}, but the embedded model generates one candidate: set it to 1"
        )));
    }
    if let Some(name) = config.non_text_member() {
        return Err(invalid_argument(format!(
            "{name} is not supported by the embedded model: remove it"
        )));
    }
    Ok(())
}
