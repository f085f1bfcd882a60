//! serde's `Deserialize` for types that implement [`Wire`]: finds the JSON text of a value, and reads that.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{Reader, Wire};

/// Name of the type and of its only member with which serde_json passes on the text of a value, as for its `RawValue`.
///
/// Other formats ignore the name, and so would a version of serde_json that renames it. Their values are converted to a
/// [`Value`], whose JSON is read.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Reads a value of any data format. Other formats are converted to JSON, so that only one reader has rules.
pub(crate) fn deserialize<'de, T: Wire, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(RAW_VALUE, AnyValue(PhantomData))
}

fn read<T: Wire, E: Error>(json: &str) -> Result<T, E> {
    T::read(&mut Reader::new(json)).map_err(E::custom)
}

/// A value of any format, which may be the text of serde_json.
struct AnyValue<T>(PhantomData<T>);

impl<'de, T: Wire> Visitor<'de> for AnyValue<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the API")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        read(&Value::deserialize(deserializer)?.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<T, A::Error> {
        let Some(first) = members.next_key::<String>()? else {
            return read("{}");
        };
        if first == RAW_VALUE {
            return read(&members.next_value::<String>()?);
        }
        let mut map = Map::new();
        map.insert(first, members.next_value()?);
        map.extend(Map::deserialize(MapAccessDeserializer::new(members))?);
        read(&Value::from(map).to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        self.visit_newtype_struct(SeqAccessDeserializer::new(items))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        read(&Value::from(text).to_string())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        read(&Value::from(value).to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        read(&Value::from(number).to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        read(&Value::from(number).to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        read(&Value::from(number).to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        read("null")
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde::de::IntoDeserializer;
    use serde_json::json;

    use super::*;
    use crate::protocol::content::{Content, Role};
    use crate::protocol::response::FinishReason;

    fn content() -> Content {
        let json = json!({"role": "model", "parts": [{"text": "Hi\n"}], "new": [null, 1.5, true]});
        serde_json::from_value(json).expect("a content")
    }

    #[test]
    fn the_text_of_json_is_read_directly() {
        struct IsText;

        impl<'de> Visitor<'de> for IsText {
            type Value = bool;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
                Ok(map.next_entry::<String, String>()?
                    == Some((RAW_VALUE.to_owned(), "[1]".to_owned())))
            }
        }

        let mut deserializer = serde_json::Deserializer::from_str("[1]");
        let is_text = deserializer.deserialize_newtype_struct(RAW_VALUE, IsText);
        assert!(
            is_text.expect("a value"),
            "serde_json has another name for raw values"
        );
    }

    #[test]
    fn every_way_to_deserialize_has_the_same_result() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type")]
        enum Tagged {
            Message { content: Content },
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Flattened {
            id: u8,
            #[serde(flatten)]
            content: Content,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(untagged)]
        enum Untagged {
            Content(Content),
        }

        let content = content();
        let json = serde_json::to_string(&content).expect("JSON");

        assert_eq!(
            serde_json::from_str::<Content>(&json).expect("text"),
            content
        );
        assert_eq!(
            serde_json::from_reader::<_, Content>(json.as_bytes()).expect("a reader"),
            content
        );
        let tagged = Tagged::Message {
            content: content.clone(),
        };
        assert_eq!(
            serde_json::from_value::<Tagged>(json!(tagged)).expect("tagged"),
            tagged
        );
        let text = json!(tagged).to_string();
        assert_eq!(
            serde_json::from_str::<Tagged>(&text).expect("tagged"),
            tagged
        );
        let flattened = Flattened {
            id: 1,
            content: content.clone(),
        };
        assert_eq!(
            serde_json::from_value::<Flattened>(json!(flattened)).expect("flattened"),
            flattened
        );
        let text = json!(flattened).to_string();
        assert_eq!(
            serde_json::from_str::<Flattened>(&text).expect("flattened"),
            flattened
        );
        let untagged = serde_json::from_str::<Untagged>(&json).expect("untagged");
        assert_eq!(untagged, Untagged::Content(content));
    }

    #[test]
    fn values_of_serde_that_are_not_json_are_read() {
        type E = serde::de::value::Error;

        let members = [("role", "user")].into_iter();
        let content = Content::deserialize(IntoDeserializer::<E>::into_deserializer(
            members.collect::<std::collections::BTreeMap<_, _>>(),
        ));
        assert_eq!(content.expect("a content").role, Some(Role::User));
        let stop = FinishReason::deserialize(IntoDeserializer::<E>::into_deserializer("stop"));
        assert_eq!(stop, Ok(FinishReason::Stop));
        let stop = FinishReason::deserialize(IntoDeserializer::<E>::into_deserializer(1_u64));
        assert_eq!(stop, Ok(FinishReason::Stop));
        assert!(Content::deserialize(IntoDeserializer::<E>::into_deserializer(true)).is_err());
        assert!(Content::deserialize(IntoDeserializer::<E>::into_deserializer(vec![1])).is_err());
    }
}
