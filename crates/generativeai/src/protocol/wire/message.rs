//! Reading and writing a message: its members in any order and under both names, unknown members kept.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::Member;
use crate::protocol::Unknown;

/// A message of the API. The macro `message!` implements it, and explains how a message is read in place.
pub(crate) trait Message: Default {
    /// Name of the type.
    const TYPE: &'static str;
    /// Names of the members in `camelCase`.
    const NAMES: &'static [&'static str];

    /// Reads the member with this index in [`NAMES`](Self::NAMES).
    fn read_member<'de, A: MapAccess<'de>>(
        &mut self,
        at: usize,
        map: &mut A,
    ) -> Result<(), A::Error>;

    /// Writes the members that are present, except unknown ones.
    fn write_members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Returns the unknown members.
    fn unknown(&mut self) -> &mut Unknown;
}

/// Message whose fields can be replaced by those of another one. The macro `message!` implements it.
pub(crate) trait Overwrite {
    /// Replaces each field that is present in `newer`. Lists are replaced as a whole, and unknown members by name.
    fn overwrite(&mut self, newer: &Self);
}

/// Reads a message.
pub(crate) fn read_message<'de, T: Message, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let mut message = T::default();
    deserializer.deserialize_map(MessageVisitor(&mut message))?;
    Ok(message)
}

/// Reads a message into the place where `put` stores it. After an error, the members read so far remain there.
pub(crate) fn read_message_into<'de, 'place, T: Message + 'place, D: Deserializer<'de>>(
    put: impl FnOnce(T) -> &'place mut T,
    deserializer: D,
) -> Result<(), D::Error> {
    deserializer.deserialize_map(MessageVisitor(put(T::default())))
}

/// Reads an item of a list of messages, and pushes it.
///
/// Like the service, flattens a list within the list. `null` is skipped.
pub(crate) fn push_messages<'de, T: Message, D: Deserializer<'de>>(
    list: &mut Vec<T>,
    deserializer: D,
) -> Result<(), D::Error> {
    deserializer.deserialize_any(ItemVisitor(list))
}

/// Pushes a message, or the messages of a nested list.
struct ItemVisitor<'a, T>(&'a mut Vec<T>);

impl<'de, T: Message> Visitor<'de> for ItemVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of type `{}`", T::TYPE)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        MessageVisitor(self.0.push_mut(T::default())).visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items
            .next_element_seed(ItemVisitor(&mut *self.0))?
            .is_some()
        {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

impl<'de, T: Message> DeserializeSeed<'de> for ItemVisitor<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Reads the members of an object into the message.
struct MessageVisitor<'a, T>(&'a mut T);

impl<'de, T: Message> Visitor<'de> for MessageVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of type `{}`", T::TYPE)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        const { assert!(T::NAMES.len() <= 64, "`seen` has a bit for each name") };
        let Self(message) = self;
        let mut seen = 0_u64;
        while let Some(name) = map.next_key_seed(NameVisitor(T::NAMES))? {
            match name {
                Name::Known(at) if seen & (1 << at) > 0 => {
                    return Err(A::Error::duplicate_field(T::NAMES[at]));
                }
                Name::Known(at) => {
                    seen |= 1 << at;
                    message.read_member(at, &mut map)?;
                }
                Name::Unknown(name) => {
                    message.unknown().insert(name, map.next_value::<Value>()?);
                }
            }
        }
        Ok(())
    }
}

/// Name of a member. Only an unknown name is allocated.
enum Name {
    /// Index in `NAMES`.
    Known(usize),
    Unknown(String),
}

/// Looks up a name in `NAMES`.
struct NameVisitor(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for NameVisitor {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        let Self(names) = self;
        // The exact name first: it is the usual one, and comparing strings is faster than converting their case.
        let known = names.iter().position(|known| *known == name);
        let known = known.or_else(|| {
            let in_snake_case = name.contains('_');
            in_snake_case.then(|| names.iter().position(|known| is_snake_case(name, known)))?
        });
        Ok(known.map_or_else(|| Name::Unknown(name.to_owned()), Name::Known))
    }
}

/// Returns whether `name` is a name in `camelCase`, written in `snake_case`.
///
/// Parsers of proto JSON accept both forms, see <https://protobuf.dev/programming-guides/json/>.
pub(crate) fn is_snake_case(name: &str, camel_case: &str) -> bool {
    let mut camel_case = camel_case.bytes();
    let mut name = name.bytes();
    while let Some(mut byte) = name.next() {
        if byte == b'_' {
            match name.next() {
                Some(next) => byte = next.to_ascii_uppercase(),
                None => return false,
            }
        }
        if camel_case.next() != Some(byte) {
            return false;
        }
    }
    camel_case.next().is_none()
}

/// Reads the value of a member.
pub(crate) fn read_value<'de, M: Member, A: MapAccess<'de>>(
    member: &mut M,
    map: &mut A,
) -> Result<(), A::Error> {
    map.next_value_seed(MemberSeed(member))
}

struct MemberSeed<'a, M>(&'a mut M);

impl<'de, M: Member> DeserializeSeed<'de> for MemberSeed<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.read(deserializer)
    }
}

/// Name of a field in `camelCase`, computed at compile time.
pub(crate) struct CamelCase {
    bytes: [u8; Self::LONGEST],
    len: usize,
}

impl CamelCase {
    /// Maximum length of a name. A longer one does not compile, since its constant is out of bounds.
    const LONGEST: usize = 48;

    /// Converts the name of a field in Rust, which may be a raw identifier such as `r#type`.
    pub(crate) const fn of(field: &str) -> Self {
        let mut this = Self {
            bytes: [0; Self::LONGEST],
            len: 0,
        };
        let field = field.as_bytes();
        let mut at = if let [b'r', b'#', ..] = field { 2 } else { 0 };
        while at < field.len() {
            let is_after_underscore = field[at] == b'_';
            if is_after_underscore {
                at += 1;
            }
            this.bytes[this.len] = if is_after_underscore {
                field[at].to_ascii_uppercase()
            } else {
                field[at]
            };
            this.len += 1;
            at += 1;
        }
        this
    }

    pub(crate) const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(name) => name,
            Err(_) => panic!("a field has a name in ASCII"),
        }
    }
}

/// Writes a message.
pub(crate) fn write_message<T: Message, S: Serializer>(
    message: &T,
    unknown: &Unknown,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    message.write_members(&mut map)?;
    for (name, value) in unknown.iter() {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// Writes a member, if it is present.
pub(crate) fn write_value<T: Member, M: SerializeMap>(
    map: &mut M,
    name: &'static str,
    member: &T,
) -> Result<(), M::Error> {
    if member.is_absent() {
        return Ok(());
    }
    map.serialize_entry(name, &MemberValue(member))
}

/// Writes a member in its wire form, where serde would use the `Serialize` of its type.
struct MemberValue<'a, M>(&'a M);

impl<M: Member> Serialize for MemberValue<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::content::Content;
    use crate::protocol::request::GenerateContentRequest;
    use crate::protocol::response::GenerateContentResponse;
    use crate::protocol::schema::Schema;

    #[test]
    fn the_name_of_a_field_is_written_in_camel_case() {
        for (field, name) in [
            ("role", "role"),
            ("r#type", "type"),
            ("any_of", "anyOf"),
            ("response_json_schema", "responseJsonSchema"),
            ("x_1", "x1"),
        ] {
            assert_eq!(CamelCase::of(field).as_str(), name);
        }
        assert!(Schema::NAMES.contains(&"type"));
    }

    #[test]
    fn members_are_read_in_any_order() {
        let json = r#"{"parts":[{"text":"a"}],"new":1,"role":"model"}"#;

        let content: Content = serde_json::from_str(json).expect("a content");

        assert_eq!(
            json!(content),
            json!({"role": "model", "parts": [{"text": "a"}], "new": 1})
        );
    }

    /// Row 4 of tests/field.md.
    #[test]
    fn a_member_is_read_in_snake_case_and_written_in_camel_case() {
        let snake = r#"{"candidates":[{"finish_reason":"STOP","content":{"parts":[
            {"inline_data":{"mime_type":"image/png","data":""},"thought_signature":"c2ln"},
            {"function_call":{"name":"f","args":{"in_metres":true}}}]}}],
            "usage_metadata":{"prompt_token_count":1},"brand_new":1}"#;

        let reply: GenerateContentResponse = serde_json::from_str(snake).expect("a response");

        let camel = json!({
            "candidates": [{"finishReason": "STOP", "content": {"parts": [
                {"inlineData": {"mimeType": "image/png", "data": ""}, "thoughtSignature": "c2ln"},
                {"functionCall": {"name": "f", "args": {"in_metres": true}}},
            ]}}],
            "usageMetadata": {"promptTokenCount": 1},
            "brand_new": 1,
        });
        assert_eq!(json!(reply), camel);
    }

    #[test]
    fn a_name_in_snake_case_matches_as_a_whole() {
        assert!(is_snake_case("sha256_hash", "sha256Hash"));
        for other in [
            "sha256_has",
            "sha256_hash_",
            "sha256__hash",
            "_sha256_hash",
            "_",
        ] {
            assert!(!is_snake_case(other, "sha256Hash"), "{other}");
        }
        assert!(!is_snake_case("role_", "role"));
    }

    #[test]
    fn an_error_names_the_type_and_the_position() {
        for (json, message) in [
            (
                "[]",
                "invalid type: sequence, expected an object of type `Content`",
            ),
            (
                r#"{"role":1}"#,
                "invalid type: integer `1`, expected a string",
            ),
        ] {
            let error = serde_json::from_str::<Content>(json).expect_err("no content");
            assert!(error.to_string().starts_with(message), "{error}");
        }
        for json in [
            r#"{"role":null,"role":"user"}"#,
            r#"{"parts":[{"text":"a","text":"b"}]}"#,
            r#"{"parts":[{"thought_signature":"","thoughtSignature":""}]}"#,
        ] {
            let error = serde_json::from_str::<Content>(json).expect_err("twice");
            assert!(
                error.to_string().starts_with("duplicate field `"),
                "{error}"
            );
        }
        let json = r#"{"contents":[{"parts":[{"text":1}]}]}"#;
        let error = serde_json::from_str::<GenerateContentRequest>(json).expect_err("no text");
        assert_eq!((error.line(), error.column()), (1, 32));
    }
}
