//! Reading and writing a message: its members in any order, and those that are not known.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::Member;
use crate::protocol::Unknown;

/// A message of the API, as the macro `message!` writes it.
///
/// What serde derives would build it from its defaults and from what was read, and hand it on by value:
/// for a chunk that is a third of the work. Here each member is read where it is to stay.
pub(crate) trait Message: Default {
    /// What the type is called.
    const TYPE: &'static str;
    /// The names of the members in JSON.
    const NAMES: &'static [&'static str];

    /// Reads the member with that place among the [`NAMES`](Self::NAMES).
    fn read_member<'de, A: MapAccess<'de>>(
        &mut self,
        at: usize,
        map: &mut A,
    ) -> Result<(), A::Error>;

    /// Writes the members that are there, but for those that are not known.
    fn write_members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// The members that are not known.
    fn unknown(&mut self) -> &mut Unknown;
}

/// Reads a message.
pub(crate) fn read_message<'de, T: Message, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let mut message = T::default();
    deserializer.deserialize_map(MessageVisitor(&mut message))?;
    Ok(message)
}

/// Reads a message into its place.
pub(crate) fn read_message_into<'de, 'place, T: Message + 'place, D: Deserializer<'de>>(
    put: impl FnOnce(T) -> &'place mut T,
    deserializer: D,
) -> Result<(), D::Error> {
    deserializer.deserialize_map(MessageVisitor(put(T::default())))
}

struct MessageVisitor<'a, T>(&'a mut T);

impl<'de, T: Message> Visitor<'de> for MessageVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "struct {}", T::TYPE)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        const {
            assert!(
                T::NAMES.len() <= 64,
                "the places fit into the bits of a number"
            )
        };
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

/// The name of a member; only one that is not known is allocated.
enum Name {
    /// Its place among those that are known.
    Known(usize),
    Unknown(String),
}

/// Finds a name among those that are known.
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
        let known = self.0.iter().position(|known| *known == name);
        Ok(known.map_or_else(|| Name::Unknown(name.to_owned()), Name::Known))
    }
}

/// Reads a member's value.
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

/// The name that a field has in JSON: `camelCase`.
pub(crate) struct CamelCase {
    bytes: [u8; Self::LONGEST],
    len: usize,
}

impl CamelCase {
    const LONGEST: usize = 48;

    /// Of a field's name in Rust, which may be a raw one.
    pub(crate) const fn of(field: &str) -> Self {
        let mut this = Self {
            bytes: [0; Self::LONGEST],
            len: 0,
        };
        let field = field.as_bytes();
        let mut at = if let [b'r', b'#', ..] = field { 2 } else { 0 };
        while at < field.len() {
            let is_after_line = field[at] == b'_';
            if is_after_line {
                at += 1;
            }
            this.bytes[this.len] = if is_after_line {
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
            Err(_) => panic!("the name of a field is no text"),
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

/// Writes a member, if it is there.
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
    use crate::protocol::schema::Schema;

    #[test]
    fn a_field_has_its_name_in_camel_case() {
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
    fn members_come_in_any_order() {
        let json = r#"{"parts":[{"text":"a"}],"new":1,"role":"model"}"#;

        let content: Content = serde_json::from_str(json).expect("a content");

        assert_eq!(
            json!(content),
            json!({"role": "model", "parts": [{"text": "a"}], "new": 1})
        );
    }

    #[test]
    fn what_is_no_message_is_named() {
        for (json, message) in [
            ("[]", "invalid type: sequence, expected struct Content"),
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
