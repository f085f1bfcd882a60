//! Enums that the service may extend: read from a name or a number, never lost.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

/// An enum with a place for values that are not known.
pub(crate) trait OpenEnum: Clone + 'static {
    /// The values that have a number on the wire: their place here. None: it is a mere string.
    const NUMBERED: &'static [Self];

    fn known(text: &str) -> Option<Self>;
    fn unknown(text: String) -> Self;
    fn text(&self) -> &str;

    fn open<'a>(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        Self::known(&text).unwrap_or_else(|| Self::unknown(text.into_owned()))
    }
}

/// Reads an enum from its name or its number.
pub(crate) fn read_enum<'de, E: OpenEnum, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<E, D::Error> {
    deserializer.deserialize_any(EnumVisitor(PhantomData))
}

/// Writes the name of an enum's value; a number that has no name here is written as a number. One that
/// has a name can only have come as a text.
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

fn is_number<E: OpenEnum>(number: i64, text: &str) -> bool {
    let is_known = usize::try_from(number).is_ok_and(|place| place < E::NUMBERED.len());
    !E::NUMBERED.is_empty() && !is_known && number.to_string() == text
}

struct EnumVisitor<E>(PhantomData<E>);

impl<T: OpenEnum> Visitor<'_> for EnumVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name or the number of an enum value")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::open(text))
    }

    fn visit_string<E>(self, text: String) -> Result<T, E> {
        Ok(T::open(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        if T::NUMBERED.is_empty() {
            return Err(E::invalid_type(Unexpected::Unsigned(number), &"a string"));
        }
        let known = usize::try_from(number)
            .ok()
            .and_then(|place| T::NUMBERED.get(place));
        Ok(known
            .cloned()
            .unwrap_or_else(|| T::unknown(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) if T::NUMBERED.is_empty() => {
                Err(E::invalid_type(Unexpected::Signed(number), &"a string"))
            }
            Err(_) => Ok(T::unknown(number.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::protocol::content::Role;
    use crate::protocol::response::{BlockReason, FinishReason};
    use crate::protocol::schema::Type;

    #[test]
    fn a_value_is_read_by_name_and_by_number_and_written_by_name() {
        for form in [json!("MAX_TOKENS"), json!(2)] {
            let reason: FinishReason = serde_json::from_value(form).expect("a reason");
            assert_eq!(reason, FinishReason::MaxTokens);
            assert_eq!(json!(reason), json!("MAX_TOKENS"));
        }
    }

    #[test]
    fn a_value_that_is_not_known_is_written_as_it_came() {
        for form in [
            json!("HEAT_DEATH"),
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

    #[test]
    fn other_spellings_are_read() {
        assert_eq!(Type::from("object"), Type::Object);
        assert_eq!(
            BlockReason::from("BLOCKED_REASON_UNSPECIFIED"),
            BlockReason::Unspecified
        );
        assert_eq!(Type::from("object").to_string(), "OBJECT");
    }
}
