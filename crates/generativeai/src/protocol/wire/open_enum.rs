//! Enums that the service may extend. They are read from a name or a number, and keep unknown values.

use std::borrow::Cow;

use serde::Serializer;

use super::error::quote;
use super::number::parse_integer;
use super::reader::{Kind, Reader, Result};

/// An enum with a variant for unknown values. The macro `open_enum!` implements it.
pub(crate) trait OpenEnum: Clone + 'static {
    /// Variants in the order of their numbers on the wire, from 0. Empty for an enum that is a string in the API.
    const NUMBERED: &'static [Self];

    /// Variants by name, and by other spellings that are read.
    const NAMED: &'static [(&'static str, Self)];

    /// Returns the variant with exactly this name.
    fn known(text: &str) -> Option<Self>;
    /// Returns the variant for a value that has none.
    fn unknown(text: String) -> Self;
    /// Returns the name of the value, or the received text.
    fn text(&self) -> &str;

    /// Reads a name in any spelling, see [`normalized`]. An unknown name is kept unchanged.
    fn open<'a>(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        // The exact name first: it is the usual one, and `known` is a `match` that does not allocate. `normalized`
        // allocates for each variant.
        if let Some(known) = Self::known(&text) {
            return known;
        }
        let prefix = Self::NAMED.iter().find_map(|(name, _)| prefix_of(name));
        let normalized = |name: &str| normalized(name, prefix.unwrap_or_default());
        let wanted = normalized(&text);
        let mut named = Self::NAMED.iter();
        match named.find(|(name, _)| !wanted.is_empty() && normalized(name) == wanted) {
            Some((_, known)) => known.clone(),
            None => Self::unknown(text.into_owned()),
        }
    }
}

/// Returns the prefix that the values of an enum may have, `FINISH_REASON_` for `FINISH_REASON_UNSPECIFIED`.
///
/// By the conventions of Protocol Buffers, the zero value is named after its enum.
fn prefix_of(zero_value: &str) -> Option<&str> {
    let prefix = zero_value.strip_suffix("UNSPECIFIED")?;
    (!prefix.is_empty()).then_some(prefix)
}

/// Returns a name in capitals, without the prefix of its enum, underscores and hyphens. All spellings of a value have
/// the same result:
///
/// | Name | Other spellings |
/// | --- | --- |
/// | `MAX_TOKENS` | `max_tokens`, `maxTokens`, `max-tokens`, `FINISH_REASON_MAX_TOKENS` |
/// | `MEDIA_RESOLUTION_LOW` | `media_resolution_low`, `LOW`, `low` |
fn normalized(name: &str, prefix: &str) -> String {
    let letters = |text: &str| -> String {
        let letters = text.chars().filter(|char| !matches!(char, '_' | '-'));
        letters.map(|char| char.to_ascii_uppercase()).collect()
    };
    let name = letters(name);
    match name.strip_prefix(&letters(prefix)) {
        Some(rest) => rest.to_owned(),
        None => name,
    }
}

/// Reads an enum value from its name or its number. Some services write all numbers with a fraction of zero.
pub(crate) fn read_enum<E: OpenEnum>(reader: &mut Reader<'_>) -> Result<E> {
    let has_numbers = !E::NUMBERED.is_empty();
    match reader.kind()? {
        Kind::String => Ok(E::open(reader.string()?)),
        Kind::Number if has_numbers => {
            let text = reader.number()?;
            let Some(number) = parse_integer(text) else {
                let has_digits_only = text
                    .trim_start_matches('-')
                    .bytes()
                    .all(|byte| byte.is_ascii_digit());
                let message = format!("`{}` is not the number of a value", quote(text));
                // An integer of more than 64 bits is unknown.
                return has_digits_only
                    .then(|| E::unknown(text.to_owned()))
                    .ok_or_else(|| reader.error(message));
            };
            let known = usize::try_from(number).ok();
            let known = known.and_then(|number| E::NUMBERED.get(number)).cloned();
            Ok(known.unwrap_or_else(|| E::unknown(number.to_string())))
        }
        _ if has_numbers => Err(reader.expected("the name or the number of a value")),
        _ => Err(reader.expected("a string")),
    }
}

/// Writes the name of an enum value. An unknown number is written as a number.
pub(crate) fn write_enum<E: OpenEnum, S: Serializer>(
    value: &E,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = value.text();
    match text.parse::<i64>() {
        Ok(number) if is_number::<E>(number, text) => serializer.serialize_i64(number),
        _ => serializer.serialize_str(text),
    }
}

/// Returns whether an unknown value was received as a number.
///
/// A number of a variant became that variant, and `007` is not a number in JSON. Such texts were received as strings,
/// and are written as strings again.
fn is_number<E: OpenEnum>(number: i64, text: &str) -> bool {
    let is_known = usize::try_from(number).is_ok_and(|place| place < E::NUMBERED.len());
    !E::NUMBERED.is_empty() && !is_known && number.to_string() == text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::protocol::config::{MediaResolution, ThinkingLevel};
    use crate::protocol::content::Role;
    use crate::protocol::read_json;
    use crate::protocol::response::{BlockReason, FinishReason, TrafficType};
    use crate::protocol::safety::HarmCategory;
    use crate::protocol::schema::Type;
    use crate::protocol::tools::FunctionCallingMode;

    #[test]
    fn a_value_is_read_by_name_and_by_number_and_written_by_name() {
        for form in [json!("MAX_TOKENS"), json!(2)] {
            let reason: FinishReason = serde_json::from_value(form).expect("a reason");
            assert_eq!(reason, FinishReason::MaxTokens);
            assert_eq!(json!(reason), json!("MAX_TOKENS"));
        }
    }

    #[test]
    fn a_traffic_type_has_the_numbers_of_vertex_ai() {
        for (number, name) in [(1, "ON_DEMAND"), (2, "PROVISIONED_THROUGHPUT")] {
            let traffic: TrafficType = serde_json::from_value(json!(number)).expect("a type");
            assert_eq!(json!(traffic), json!(name));
        }
    }

    #[test]
    fn an_unknown_value_is_written_as_it_was_read() {
        for form in [
            json!("HEAT_DEATH"),
            json!("heat_death"),
            json!(""),
            json!(99),
            json!(-1),
            json!("007"),
            json!("3"),
        ] {
            let reason: FinishReason = serde_json::from_value(form.clone()).expect("a reason");
            assert!(matches!(reason, FinishReason::Unknown(_)), "{form}");
            assert_eq!(json!(reason), form);
        }
    }

    #[test]
    fn a_role_is_a_string_even_if_it_looks_like_a_number() {
        let role: Role = serde_json::from_value(json!("1")).expect("a role");

        assert_eq!(json!(role), json!("1"));
        assert!(serde_json::from_value::<Role>(json!(1)).is_err());
    }

    /// Rows 19 and 28 of tests/field.md.
    #[test]
    fn a_name_is_read_in_any_case_and_written_as_the_api_writes_it() {
        assert_eq!(Type::from("object").to_string(), "OBJECT");
        assert_eq!(ThinkingLevel::from("low").to_string(), "LOW");
        assert_eq!(FunctionCallingMode::from("Any").to_string(), "ANY");
        assert_eq!(Role::from("USER").to_string(), "user");
    }

    /// Rows 4 and 28 of tests/field.md.
    #[test]
    fn a_name_is_read_with_and_without_the_prefix_of_its_enum_and_in_every_style() {
        for text in [
            "FINISH_REASON_MAX_TOKENS",
            "FinishReasonMaxTokens",
            "maxTokens",
            "max-tokens",
        ] {
            assert_eq!(FinishReason::from(text), FinishReason::MaxTokens, "{text}");
        }
        for text in ["LOW", "low", "media-resolution-low", "mediaResolutionLow"] {
            assert_eq!(MediaResolution::from(text), MediaResolution::Low, "{text}");
        }
        assert_eq!(Type::from("TYPE_STRING"), Type::String);
        assert_eq!(
            ThinkingLevel::from("THINKING_LEVEL_HIGH"),
            ThinkingLevel::High
        );
        assert_eq!(
            FunctionCallingMode::from("MODE_ANY"),
            FunctionCallingMode::Any
        );
        assert_eq!(BlockReason::from("unspecified"), BlockReason::Unspecified);
        for text in [
            "FINISH_REASON_",
            "FINISH_REASON",
            "_",
            "MAX",
            "TOKENS",
            "STOPS",
        ] {
            let reason = FinishReason::from(text);
            assert_eq!(reason, FinishReason::Unknown(text.to_owned()));
        }
    }

    /// Row 6 of tests/field.md.
    #[test]
    fn a_number_is_read_with_a_fraction_of_zero() {
        let read = |json: &str| serde_json::from_str::<FinishReason>(json);

        assert_eq!(read("1.0").expect("a reason"), FinishReason::Stop);
        assert_eq!(read("-0").expect("a reason"), FinishReason::Unspecified);
        assert_eq!(read("2e0").expect("a reason"), FinishReason::MaxTokens);
        let large = read_json::<FinishReason>(b"18446744073709551616").expect("a reason");
        assert_eq!(large.as_str(), "18446744073709551616");
        // 2 to the power of 63 is one more than an `i64` holds.
        for wrong in ["1.5", "9223372036854775808.0", "true", "[]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn other_spellings_are_read() {
        assert_eq!(
            BlockReason::from("BLOCKED_REASON_UNSPECIFIED"),
            BlockReason::Unspecified
        );
        assert_eq!(
            HarmCategory::from("civic_integrity"),
            HarmCategory::CivicIntegrity
        );
    }
}
