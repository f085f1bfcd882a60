//! Inputs of the recordings, converted to the types of the library.

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::{
    Blob, CodeExecutionResult, Content, ExecutableCode, FileData, FunctionCall, FunctionResponse,
    Part, Role,
};
use generativeai::protocol::files::File;
use generativeai::protocol::safety::{HarmBlockThreshold, HarmCategory, SafetySetting};
use generativeai::protocol::tools::{FunctionCallingConfig, FunctionCallingMode, ToolConfig};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::scenario::untyped;

/// The types of the library cannot express the input.
pub(super) struct Unwritable;

pub(super) type Written<T> = Result<T, Unwritable>;

/// Deserializes a value.
fn typed<T: DeserializeOwned>(value: &Value) -> Written<T> {
    serde_json::from_value(value.clone()).map_err(|_| Unwritable)
}

/// Converts one content.
pub(super) fn content(value: &Value) -> Written<Content> {
    if value["$proto"] == "Content" {
        return typed(&json!({"parts": []})).and_then(|empty: Content| {
            let role = value["value"]["role"].as_str();
            let parts = value["value"]["parts"].as_array().into_iter().flatten();
            let parts: Written<Vec<Part>> = parts.map(typed).collect();
            Ok(with_role(empty.parts(parts?), role))
        });
    }
    if let Some(parts) = value.get("parts") {
        let content = match parts {
            Value::String(text) => Content::from(vec![text.as_str()]),
            Value::Array(parts) => {
                Content::from(parts.iter().map(part).collect::<Written<Vec<_>>>()?)
            }
            _ => return Err(Unwritable),
        };
        return Ok(with_role(content, value["role"].as_str()));
    }
    match value {
        Value::String(text) => Ok(Content::from(text.as_str())),
        Value::Array(parts) => Ok(Content::from(
            parts.iter().map(part).collect::<Written<Vec<_>>>()?,
        )),
        // An empty input.
        Value::Object(members) if members.is_empty() => Ok(Content::default()),
        Value::Null => Ok(Content::default()),
        one => part(one).map(Content::from),
    }
}

fn with_role(content: Content, role: Option<&str>) -> Content {
    match role {
        Some(role) => content.role(Role::from(role)),
        None => content,
    }
}

/// Converts several contents, or one.
pub(super) fn contents(value: &Value) -> Written<Vec<Content>> {
    let is_content = |value: &Value| value.get("parts").is_some() || value["$proto"] == "Content";
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(elements) if elements.iter().all(is_content) => {
            elements.iter().map(content).collect()
        }
        one => Ok(vec![entry(one)?]),
    }
}

/// Converts one content of a history, which must not be empty.
pub(super) fn entry(value: &Value) -> Written<Content> {
    let said = if value.get("$proto").is_some() {
        &value["value"]
    } else {
        value
    };
    let nothing = match said {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(parts) => parts.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    if nothing {
        Err(Unwritable)
    } else {
        content(value)
    }
}

fn part(value: &Value) -> Written<Part> {
    let data = &value["value"];
    match value["$proto"].as_str() {
        None => {}
        Some("Part") => return typed(data),
        Some("Blob") => return typed::<Blob>(data).map(Part::from),
        Some("FileData") => return typed::<FileData>(data).map(Part::from),
        Some("File") => return typed::<File>(data).map(Part::from),
        Some("ExecutableCode") => return typed::<ExecutableCode>(data).map(Part::from),
        Some("CodeExecutionResult") => return typed::<CodeExecutionResult>(data).map(Part::from),
        Some("FunctionCall") => return typed::<FunctionCall>(data).map(Part::from),
        Some("FunctionResponse") => return typed::<FunctionResponse>(data).map(Part::from),
        Some(_) => return Err(Unwritable),
    }
    let members = match value {
        Value::String(text) => return Ok(Part::from(text.as_str())),
        Value::Object(members) => members,
        _ => return Err(Unwritable),
    };
    let is_blob = |value: &Value| value["mimeType"].is_string() && value["data"].is_string();
    if is_blob(value) {
        return typed::<Blob>(value).map(Part::from);
    }
    let only = members.iter().next().filter(|_| members.len() == 1);
    let only = only.map(|(name, data)| (name.as_str(), untyped(data)));
    match only.as_ref().map(|(name, data)| (*name, data)) {
        Some(("text", Value::String(text))) => return Ok(Part::from(text.as_str())),
        Some(("inlineData", blob)) if is_blob(blob) => return typed::<Blob>(blob).map(Part::from),
        Some(("functionCall", call)) => return typed::<FunctionCall>(call).map(Part::from),
        Some(("functionResponse", answer)) => {
            return typed::<FunctionResponse>(answer).map(Part::from);
        }
        Some(("fileData", file)) if file.get("uri").is_some() => {
            return typed::<File>(file).map(Part::from);
        }
        Some(("fileData", file)) => return typed::<FileData>(file).map(Part::from),
        _ => {}
    }
    let known = ["text", "thought", "executableCode", "codeExecutionResult"];
    if members.keys().all(|name| known.contains(&name.as_str())) {
        typed(value)
    } else {
        Err(Unwritable)
    }
}

/// Converts a generation config. `null` leaves a field unset.
pub(super) fn generation_config(value: &Value) -> Written<GenerationConfig> {
    let Value::Object(members) = untyped(value) else {
        return Err(Unwritable);
    };
    let set: Map<String, Value> = members
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect();
    typed(&Value::Object(set))
}

/// Converts safety settings, also short forms such as `"harassment"`.
pub(super) fn safety_settings(value: &Value) -> Written<Vec<SafetySetting>> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(_) | Value::Number(_) => Ok(SafetySetting::for_all(threshold(value)?)),
        Value::Object(members) => {
            let pairs = members
                .get("$intkeys")
                .and_then(Value::as_object)
                .unwrap_or(members);
            let setting = |(word, level): (&String, &Value)| {
                let key = word
                    .parse::<i64>()
                    .map_or_else(|_| word.as_str().into(), Value::from);
                Ok(SafetySetting::new(category(&key)?, threshold(level)?))
            };
            pairs.iter().map(setting).collect()
        }
        Value::Array(settings) => {
            let setting = |setting: &Value| {
                if setting.get("$proto").is_some() {
                    return typed(&setting["value"]);
                }
                Ok(SafetySetting::new(
                    category(&setting["category"])?,
                    threshold(&setting["threshold"])?,
                ))
            };
            settings.iter().map(setting).collect()
        }
        Value::Bool(_) => Err(Unwritable),
    }
}

/// Returns a category, which may have the short name of the recorded SDK.
fn category(value: &Value) -> Written<HarmCategory> {
    let Value::String(word) = value else {
        return named(value);
    };
    let word = word.to_lowercase();
    let category = match word.as_str() {
        "hate" => "hate_speech",
        "sex" | "sexual" | "harm_category_sexual" => "sexually_explicit",
        "danger" | "dangerous" | "harm_category_dangerous" => "dangerous_content",
        "civic" | "harm_category_civic" => "civic_integrity",
        word => word.strip_prefix("harm_category_").unwrap_or(word),
    };
    match HarmCategory::from(format!("HARM_CATEGORY_{category}")) {
        HarmCategory::Unknown(_) => Err(Unwritable),
        category => Ok(category),
    }
}

/// Returns a threshold, which may have the short name of the recorded SDK.
fn threshold(value: &Value) -> Written<HarmBlockThreshold> {
    let Value::String(word) = value else {
        return named(value);
    };
    let threshold = match word.to_lowercase().as_str() {
        "block_threshold_unspecified" | "unspecified" => HarmBlockThreshold::Unspecified,
        "med" => HarmBlockThreshold::BlockMediumAndAbove,
        word => HarmBlockThreshold::from(word),
    };
    match threshold {
        HarmBlockThreshold::Unknown(_) => Err(Unwritable),
        threshold => Ok(threshold),
    }
}

/// Converts the number of an enum value that has a name.
fn named<T: DeserializeOwned + serde::Serialize>(number: &Value) -> Written<T> {
    let value: T = typed(number)?;
    let has_name = serde_json::to_value(&value).is_ok_and(|written| {
        written
            .as_str()
            .is_some_and(|name| name.parse::<i64>().is_err())
    });
    if has_name { Ok(value) } else { Err(Unwritable) }
}

/// Converts a tool config.
pub(super) fn tool_config(value: &Value) -> Written<ToolConfig> {
    if value.get("$proto").is_some() {
        return typed(&value["value"]);
    }
    let Value::Object(members) = value else {
        return Err(Unwritable);
    };
    let Some(calling) = members.get("functionCallingConfig") else {
        return if members.is_empty() {
            Ok(ToolConfig::default())
        } else {
            Err(Unwritable)
        };
    };
    let calling: FunctionCallingConfig = match calling {
        _ if calling.get("$proto").is_some() => typed(&calling["value"])?,
        Value::Object(members) => {
            let mut rest = members.clone();
            let word = rest.remove("mode");
            let config: FunctionCallingConfig = typed(&Value::Object(rest))?;
            match word {
                Some(word) => config.mode(mode(&word)?),
                None => config,
            }
        }
        word => FunctionCallingConfig::from(mode(word)?),
    };
    Ok(calling.into())
}

fn mode(value: &Value) -> Written<FunctionCallingMode> {
    let Some(word) = value.as_str() else {
        return named(value);
    };
    Ok(match word.to_lowercase().trim_start_matches("mode_") {
        "unspecified" => FunctionCallingMode::Unspecified,
        "auto" => FunctionCallingMode::Auto,
        "any" => FunctionCallingMode::Any,
        "none" => FunctionCallingMode::None,
        "validated" => FunctionCallingMode::Validated,
        _ => return Err(Unwritable),
    })
}
