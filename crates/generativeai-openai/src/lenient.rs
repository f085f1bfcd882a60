//! Members whose form differs between servers: one that cannot be read is absent, and does not spoil the reply.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads a value; `None` if it has another form.
pub(crate) fn optional<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        value => serde_json::from_value(value).ok(),
    })
}

/// Reads an integer, which may be written as a decimal number or as a text.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = match &value {
        Value::String(digits) => digits.parse().ok(),
        number => number.as_f64(),
    };
    let fits = number.filter(|number| (0.0..=f64::from(i32::MAX)).contains(number));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the number is in the range"
    )]
    Ok(fits.map(|number| number as i32))
}

/// Reads a text, which may be written as a number.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}
