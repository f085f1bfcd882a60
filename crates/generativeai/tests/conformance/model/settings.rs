//! Generation config, safety settings and tool config, converted from the inputs of the recordings.

use serde_json::{Map, Value, json};

use super::input::odd;
use super::known;
use crate::fault;
use crate::normal::TABLES;
use crate::rows::{Row, Rows};
use crate::scenario::untyped;

const NUMBERS: [&str; 9] = [
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "logprobs",
];

const WHOLE_NUMBERS: [&str; 5] = [
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "seed",
    "logprobs",
];

/// Converts a generation config. A null unsets the setting of the model, or is ignored (D19).
pub(super) fn generation(value: &Value, rows: &Rows) -> Result<Map<String, Value>, Value> {
    let typed = value.get("$proto").is_some();
    let mut config = match untyped(value) {
        Value::Null => Map::new(),
        Value::Object(config) => config,
        _ => return odd(rows, Row::D17, None),
    };
    // The Python SDK looks at the values when it makes a request.
    if rows.here(Row::D17) {
        sensible(&mut config)?;
    }
    if rows.here(Row::D19) {
        config.retain(|_, value| !value.is_null() && *value != json!([]));
    } else if value.get("$dataclass").is_some() {
        config.retain(|_, value| !value.is_null());
    }
    if typed && !rows.here(Row::D17) {
        // Fields without presence override the settings of the model.
        for name in [
            "stopSequences",
            "responseMimeType",
            "responseModalities",
            "responseSchema",
        ] {
            config.entry(name).or_insert(Value::Null);
        }
    }
    if let Some(schema) = config.get_mut("responseSchema") {
        *schema = super::tools::schema(schema);
        known::check("Schema", schema, rows)?;
    }
    Ok(config)
}

/// Converts numbers that are given as strings, and a single stop sequence.
///
/// # Errors
/// A value has another type.
fn sensible(config: &mut Map<String, Value>) -> Result<(), Value> {
    for name in NUMBERS {
        let Some(value) = config.get_mut(name).filter(|value| !value.is_null()) else {
            continue;
        };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(fault::request)?;
        let is_whole = number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX);
        if WHOLE_NUMBERS.contains(&name) && !is_whole {
            return Err(fault::request());
        }
        *value = json!(number);
    }
    if let Some(stops) = config.get_mut("stopSequences") {
        if stops.is_string() {
            *stops = json!([stops]);
        }
        let mut all = stops.as_array().into_iter().flatten();
        if !all.all(Value::is_string) {
            return Err(fault::request());
        }
    }
    if let Some(modalities) = config.get_mut("responseModalities") {
        if modalities.is_string() {
            *modalities = json!([modalities]);
        }
        for modality in modalities.as_array_mut().into_iter().flatten() {
            if let Some(word) = modality.as_str() {
                *modality = known::with_known_case("responseModalities", word).into();
            }
        }
    }
    let mime_type = config.get("responseMimeType");
    if mime_type.is_some_and(|value| !value.is_string() && !value.is_null()) {
        return Err(fault::request());
    }
    let schema = config.get("responseSchema");
    if schema.is_some_and(|value| !value.is_object() && !value.is_null()) {
        return Err(fault::request());
    }
    Ok(())
}

/// Merges the settings of a message over the model's, key by key.
pub(super) fn merged(
    model: &Map<String, Value>,
    message: Map<String, Value>,
) -> Map<String, Value> {
    let mut merged = model.clone();
    merged.extend(message);
    merged
}

/// Converts safety settings to pairs of category and threshold.
pub(super) fn safety(value: &Value, rows: &Rows) -> Result<Vec<(Value, Value)>, Value> {
    let pairs: Vec<(Value, Value)> = match value {
        Value::Null => Vec::new(),
        Value::String(_) | Value::Number(_) => ["harassment", "hate", "sexual", "dangerous"]
            .map(|category| (category.into(), value.clone()))
            .into(),
        Value::Object(members) if members.contains_key("$intkeys") => {
            let pairs = value["$intkeys"].as_object().into_iter().flatten();
            pairs
                .map(|(number, threshold)| (number_or_word(number), threshold.clone()))
                .collect()
        }
        Value::Object(members) => members
            .iter()
            .map(|(word, threshold)| (word.as_str().into(), threshold.clone()))
            .collect(),
        Value::Array(settings) => {
            let mut pairs = Vec::new();
            for setting in settings {
                // The members of a typed object have default values.
                let default = setting.get("$proto").map(|_| json!(0));
                let setting = untyped(setting);
                let member = |name: &str| setting.get(name).cloned().or(default.clone());
                match (member("category"), member("threshold")) {
                    (Some(category), Some(threshold)) => pairs.push((category, threshold)),
                    _ => return odd(rows, Row::D17, None),
                }
            }
            pairs
        }
        Value::Bool(said) if !rows.here(Row::D17) => {
            return safety(&i64::from(*said).into(), rows);
        }
        Value::Bool(_) => return Err(fault::request()),
    };
    let read = |(category_word, threshold_word): (Value, Value)| {
        Ok((
            category(&category_word, rows)?,
            threshold(&threshold_word, rows)?,
        ))
    };
    pairs.into_iter().map(read).collect()
}

fn number_or_word(text: &str) -> Value {
    text.parse::<i64>()
        .map_or_else(|_| text.into(), Value::from)
}

/// Merges the safety settings of a message over the model's, by category.
pub(super) fn safety_merged(model: &[(Value, Value)], message: Vec<(Value, Value)>) -> Value {
    let mut merged = model.to_vec();
    for (category, threshold) in message {
        match merged.iter_mut().find(|(known, _)| *known == category) {
            Some(known) => known.1 = threshold,
            None => merged.push((category, threshold)),
        }
    }
    let setting = |(category, threshold)| json!({"category": category, "threshold": threshold});
    merged.into_iter().map(setting).collect()
}

fn category(word: &Value, rows: &Rows) -> Result<Value, Value> {
    let Some(word) = word.as_str() else {
        return number(word, "category", &[0, 7, 8, 9, 10], rows);
    };
    let lower = word.to_lowercase();
    let short = lower.strip_prefix("harm_category_").unwrap_or(&lower);
    let name = match lower.as_str() {
        "unspecified" | "harm_category_unspecified" => "UNSPECIFIED",
        "harassment" | "harm_category_harassment" => "HARASSMENT",
        "hate" | "hate_speech" | "harm_category_hate_speech" => "HATE_SPEECH",
        "sex"
        | "sexual"
        | "sexually_explicit"
        | "harm_category_sexual"
        | "harm_category_sexually_explicit" => "SEXUALLY_EXPLICIT",
        "danger" | "dangerous" | "harm_category_dangerous" | "harm_category_dangerous_content" => {
            "DANGEROUS_CONTENT"
        }
        _ => {
            let known = TABLES.enums["category"].values().find(|name| {
                name.strip_prefix("HARM_CATEGORY_")
                    .is_some_and(|name| name.to_lowercase() == short)
            });
            let known = known
                .map(String::as_str)
                .map(Value::from)
                .or_else(|| (short == "civic").then(|| "HARM_CATEGORY_CIVIC_INTEGRITY".into()));
            return odd(rows, Row::D16, known);
        }
    };
    Ok(format!("HARM_CATEGORY_{name}").into())
}

fn threshold(word: &Value, rows: &Rows) -> Result<Value, Value> {
    let Some(word) = word.as_str() else {
        return number(word, "threshold", &[0, 1, 2, 3, 4], rows);
    };
    Ok(match word.to_lowercase().as_str() {
        "unspecified" | "block_threshold_unspecified" | "harm_block_threshold_unspecified" => {
            "HARM_BLOCK_THRESHOLD_UNSPECIFIED"
        }
        "low" | "block_low_and_above" => "BLOCK_LOW_AND_ABOVE",
        "med" | "medium" | "block_medium_and_above" => "BLOCK_MEDIUM_AND_ABOVE",
        "high" | "block_only_high" => "BLOCK_ONLY_HIGH",
        "block_none" => "BLOCK_NONE",
        "none" => return odd(rows, Row::D16, Some("BLOCK_NONE".into())),
        "off" => return odd(rows, Row::D16, Some("OFF".into())),
        _ => return odd(rows, Row::D16, None),
    }
    .into())
}

/// Converts the number of an enum value. The Python SDK accepts the numbers in `taken`.
fn number(number: &Value, table: &str, taken: &[i64], rows: &Rows) -> Result<Value, Value> {
    let Some(number) = number.as_f64().filter(|number| number.fract() == 0.0) else {
        return odd(rows, Row::D16, None);
    };
    let number = number as i64;
    let name = TABLES.enums[table]
        .get(&number.to_string())
        .map(|name| Value::from(name.as_str()));
    match (name, number) {
        (Some(name), number) if taken.contains(&number) => Ok(name),
        (name, _) => odd(rows, Row::D16, name),
    }
}

/// Converts a tool config, if any.
pub(super) fn tool_config(value: &Value, rows: &Rows) -> Result<Option<Value>, Value> {
    if value.is_null() {
        return Ok(None);
    }
    if value.get("$proto").is_some() {
        return Ok(Some(value["value"].clone()));
    }
    let Some(members) = value.as_object() else {
        return odd(rows, Row::D17, None);
    };
    let Some(calling) = members.get("functionCallingConfig") else {
        return odd(rows, Row::D17, members.is_empty().then(|| Some(json!({}))));
    };
    let calling = match calling {
        _ if calling.get("$proto").is_some() => calling["value"].clone(),
        Value::Object(members) => {
            let mut calling = members.clone();
            match members.get("mode") {
                Some(word) => {
                    calling.insert("mode".into(), mode(word, rows)?);
                }
                None => odd(rows, Row::D17, Some(()))?,
            }
            Value::Object(calling)
        }
        word => json!({"mode": mode(word, rows)?}),
    };
    known::check_members("ToolConfig", value, rows)?;
    known::check_members("FunctionCallingConfig", &calling, rows)?;
    Ok(Some(json!({ "functionCallingConfig": calling })))
}

fn mode(word: &Value, rows: &Rows) -> Result<Value, Value> {
    if let Value::Bool(said) = word {
        return match rows.here(Row::D17) {
            true => Err(fault::request()),
            false => mode(&i64::from(*said).into(), rows),
        };
    }
    let Some(word) = word.as_str() else {
        let name = TABLES.enums["mode"].get(&word.to_string());
        return match name {
            Some(name) if *word == json!(0) => odd(rows, Row::D16, Some(name.as_str().into())),
            Some(name) => Ok(name.as_str().into()),
            None if *word == json!(4) => odd(rows, Row::D16, Some("VALIDATED".into())),
            None => odd(rows, Row::D17, None),
        };
    };
    let lower = word.to_lowercase();
    Ok(match lower.strip_prefix("mode_").unwrap_or(&lower) {
        "unspecified" => return odd(rows, Row::D16, Some("MODE_UNSPECIFIED".into())),
        "auto" => "AUTO",
        "any" => "ANY",
        "none" => "NONE",
        "validated" => return odd(rows, Row::D16, Some("VALIDATED".into())),
        _ => return odd(rows, Row::D17, None),
    }
    .into())
}

/// Checks that a chat requests one candidate.
pub(super) fn one_candidate(config: &Map<String, Value>) -> Result<(), Value> {
    match config.get("candidateCount") {
        Some(Value::Null | Value::String(_)) => Err(fault::accident()),
        Some(count) if count.as_f64() > Some(1.0) => Err(fault::request()),
        _ => Ok(()),
    }
}
