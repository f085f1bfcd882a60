//! Lenient reading of replies: of their JSON, and of members whose type differs between servers.
//!
//! A member with an unexpected type is read as absent. Otherwise serde would reject the whole reply because of, say, a
//! token count that is a string.

use generativeai::protocol::read_json;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads JSON like [`read_json`], which reads it as a [`Value`] first.
///
/// The detour takes longer, and most chunks do not need it: serde_json refuses all JSON that the two read differently,
/// except for an integer of more than 64 bits, which it rounds. Such an integer has at least 19 digits.
pub(crate) fn from_json<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    let mut numbers = json.split(|byte| !byte.is_ascii_digit());
    let may_round = numbers.any(|digits| digits.len() >= 19);
    if !may_round && let Ok(read) = serde_json::from_slice(json) {
        return Ok(read);
    }
    read_json::<Value>(json).and_then(serde_json::from_value)
}

/// Reads a value. `None` if it has another type.
pub(crate) fn optional<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    // Through a `Value`: it consumes the member completely, so that the deserializer can continue after a failure.
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        value => serde_json::from_value(value).ok(),
    })
}

/// Reads the objects of a list, and skips its other elements. `None` if it is not a list.
pub(crate) fn objects<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let Value::Array(elements) = Value::deserialize(deserializer)? else {
        return Ok(None);
    };
    let objects = elements.into_iter().filter(Value::is_object);
    let objects: Result<_, _> = objects.map(serde_json::from_value).collect();
    objects.map(Some).map_err(D::Error::custom)
}

/// Reads an integer, which may also be a number with a fraction (`12.0`) or a string.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = match &value {
        Value::String(digits) => digits.parse().ok(),
        number => number.as_f64(),
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and such a number is out of every range"
    )]
    Ok(number
        .filter(|number| number.is_finite())
        .map(|number| number as i64))
}

/// Reads an integer like [`integer`]. `None` outside of `0..=i32::MAX`.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let count = integer(deserializer)?.and_then(|count| i32::try_from(count).ok());
    Ok(count.filter(|count| *count >= 0))
}

/// Reads a string, which may also be a number.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}
