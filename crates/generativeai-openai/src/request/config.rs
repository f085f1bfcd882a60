//! Conversion of the generation config: sampling, length, response format, thinking.

use generativeai::Result;
use generativeai::protocol::config::{GenerationConfig, ThinkingConfig, ThinkingLevel};
use serde_json::{Map, Value, json};

use super::unsupported::{absent, refuse_unknown};
use crate::capabilities::{Capabilities, Thinking};
use crate::error::refused;

/// Path of the config, for messages.
const PATH: &str = "generationConfig";

/// Members that the config cannot set, as they decide how the reply is read.
const RESERVED: [&str; 3] = ["stream", "stream_options", "tools"];

/// Writes the config into a body that contains all other members of the request.
pub(super) fn write(
    config: &GenerationConfig,
    capabilities: &Capabilities,
    body: &mut Value,
) -> Result<()> {
    let numbers = [
        (capabilities.max_tokens, config.max_output_tokens),
        ("top_k", config.top_k),
        (capabilities.seed, config.seed),
        // 1 is the default of `n`, and 0 is an unset number in Protocol Buffers. Servers without `n` accept the request
        // if it is absent.
        (
            "n",
            config
                .candidate_count
                .filter(|count| !matches!(count, 0 | 1)),
        ),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            body[name] = number.into();
        }
    }
    let fractions = [
        ("temperature", config.temperature),
        ("top_p", config.top_p),
        ("presence_penalty", config.presence_penalty),
        ("frequency_penalty", config.frequency_penalty),
    ];
    for (name, fraction) in fractions {
        if let Some(fraction) = fraction {
            body[name] = fraction.into();
        }
    }
    if !config.stop_sequences.is_empty() {
        body["stop"] = config.stop_sequences.clone().into();
    }
    write_logprobs(config, body)?;
    if let Some(format) = response_format(config)? {
        body["response_format"] = format;
    }
    if let Some(thinking) = &config.thinking_config {
        write_thinking(thinking, capabilities.thinking, body)?;
    }
    // Settings of one server, such as `min_p`. None of them may replace a member that another setting has written.
    for (name, value) in config.unknown.iter() {
        if body.get(name).is_some() || RESERVED.contains(&name.as_str()) {
            return Err(refused(format!(
                "{PATH}.{name} would replace a member of the request: remove it"
            )));
        }
        body[name.as_str()] = value.clone();
    }
    Ok(())
}

fn write_logprobs(config: &GenerationConfig, body: &mut Value) -> Result<()> {
    if config.response_logprobs != Some(true) {
        return match config.logprobs {
            None | Some(0) => Ok(()),
            Some(_) => Err(refused(format!(
                "{PATH}.logprobs is set: set responseLogprobs to true as well"
            ))),
        };
    }
    body["logprobs"] = true.into();
    if let Some(count) = config.logprobs {
        body["top_logprobs"] = count.into();
    }
    Ok(())
}

fn response_format(config: &GenerationConfig) -> Result<Option<Value>> {
    // Serializers write a member that is not set as `null`.
    let json = [
        &config.response_json_schema,
        &config.response_json_schema_ordered,
    ];
    let mut json = json.into_iter().flatten().filter(|it| !it.is_null());
    let json = json.next();
    let openapi = config.response_schema.as_deref();
    let schema = match (json, openapi) {
        (Some(_), Some(_)) => {
            return Err(refused(format!(
                "{PATH} has both responseSchema and responseJsonSchema: remove one of them"
            )));
        }
        (Some(json), None) => Some(json.clone()),
        (None, Some(openapi)) => Some(
            openapi
                .to_json_schema()
                .map_err(|error| error.with_context(format_args!("{PATH}.responseSchema")))?,
        ),
        (None, None) => None,
    };
    let mime_type = config.response_mime_type.as_deref().unwrap_or_default();
    let (essence, _parameters) = mime_type.split_once(';').unwrap_or((mime_type, ""));
    match (essence.trim().to_ascii_lowercase().as_str(), schema) {
        ("" | "text/plain", None) => Ok(None),
        ("application/json", None) => Ok(Some(json!({"type": "json_object"}))),
        ("application/json", Some(schema)) => {
            let mut named = json!({"name": name_of(&schema), "schema": schema});
            if is_strict(&schema) {
                named["strict"] = true.into();
            }
            Ok(Some(json!({"type": "json_schema", "json_schema": named})))
        }
        ("" | "text/plain", Some(_)) => Err(refused(format!(
            "{PATH} has a response schema: set responseMimeType to application/json"
        ))),
        _ => Err(refused(format!(
            "{PATH}.responseMimeType is {mime_type:?}, which the server does not have: \
             use text/plain or application/json"
        ))),
    }
}

/// Returns a name for a schema, which OpenAI requires: its title, or `reply`. OpenAI allows at most 64 letters, digits,
/// `_` and `-`, so other characters are removed.
fn name_of(schema: &Value) -> String {
    let title = schema.get("title").and_then(Value::as_str);
    let is_allowed = |char: &char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
    let name: String = title
        .unwrap_or_default()
        .chars()
        .filter(is_allowed)
        .take(64)
        .collect();
    if name.is_empty() {
        "reply".to_owned()
    } else {
        name
    }
}

/// Returns whether OpenAI can enforce a schema ("strict mode"): each object requires all its members and forbids
/// others. For any other schema, OpenAI refuses a request in strict mode.
pub(super) fn is_strict(schema: &Value) -> bool {
    let is_strict_object = |object: &Map<String, Value>| match object.get("properties") {
        Some(Value::Object(properties)) => {
            let required = object.get("required").and_then(Value::as_array);
            let required = required.map(Vec::as_slice).unwrap_or_default();
            object.get("additionalProperties") == Some(&Value::Bool(false))
                && properties
                    .keys()
                    .all(|name| required.iter().any(|one| one == name))
        }
        _ => object.get("type").is_none_or(|kind| kind != "object"),
    };
    match schema {
        Value::Object(object) => is_strict_object(object) && object.values().all(is_strict),
        Value::Array(elements) => elements.iter().all(is_strict),
        _ => true,
    }
}

/// Writes the amount of thinking as the member that the server has.
fn write_thinking(config: &ThinkingConfig, thinking: Thinking, body: &mut Value) -> Result<()> {
    let path = |name: &str| absent(&format!("{PATH}.thinkingConfig.{name}"));
    refuse_unknown(&format!("{PATH}.thinkingConfig"), &config.unknown)?;
    let effort = config.thinking_level.as_ref().and_then(effort);
    // -1 lets the model choose the amount, so nothing is sent.
    let budget = config.thinking_budget.filter(|budget| *budget != -1);
    if effort.is_some() && budget.is_some() {
        return Err(refused(format!(
            "{PATH}.thinkingConfig has both thinkingLevel and thinkingBudget: remove one of them"
        )));
    }
    if let Some(effort) = effort {
        match thinking {
            Thinking::Effort | Thinking::Template => body["reasoning_effort"] = effort.into(),
            Thinking::Object => body["reasoning"] = json!({"effort": effort}),
            Thinking::Switch => return Err(path("thinkingLevel")),
        }
    }
    match (budget, thinking) {
        (None, _) => {}
        (Some(0), Thinking::Effort) => body["reasoning_effort"] = "none".into(),
        (Some(0), Thinking::Template) => {
            body["chat_template_kwargs"] = json!({"enable_thinking": false});
        }
        (Some(0), Thinking::Switch) => body["thinking"] = json!({"type": "disabled"}),
        (Some(0), Thinking::Object) => body["reasoning"] = json!({"enabled": false}),
        (Some(budget), Thinking::Object) => body["reasoning"] = json!({"max_tokens": budget}),
        (Some(_), _) => return Err(path("thinkingBudget")),
    }
    Ok(())
}

/// Returns the name of a level in the API of OpenAI: that of the Gemini API in lower case.
fn effort(level: &ThinkingLevel) -> Option<String> {
    match level {
        ThinkingLevel::Unspecified => None,
        level => Some(level.as_str().to_ascii_lowercase()),
    }
}
