//! Reading and writing a message: its members in any order and under both names, unknown members kept.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Member;
use super::reader::{Reader, Result};
use crate::protocol::Unknown;

/// A message of the API. The macro `message!` implements it, and explains how a message is read in place.
pub(crate) trait Message: Fields + Default {
    /// Name of the type.
    const TYPE: &'static str;
    /// Names of the members in `camelCase`.
    const NAMES: &'static [&'static str];
    /// Creates the message that a string in a list stands for. `None` if a string is an error, as for most types.
    const FROM_TEXT: Option<fn(String) -> Self> = None;

    /// Writes the members that are present, except unknown ones.
    fn write_members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Replaces each field that is present in `newer`. Lists are replaced as a whole, and unknown members by name.
    fn overwrite(&mut self, newer: &Self);
}

/// The part of [`Message`] that a trait object can have, so that the loop over the members is compiled once.
pub(crate) trait Fields {
    /// Reads the member with this index in [`NAMES`](Message::NAMES).
    fn read_member(&mut self, index: usize, reader: &mut Reader<'_>) -> Result<()>;

    /// Returns the unknown members.
    fn unknown(&self) -> &Unknown;

    /// Returns the unknown members, to add some.
    fn unknown_mut(&mut self) -> &mut Unknown;
}

/// Reads a message into the place of an empty one. After an error, the members read so far remain there.
pub(crate) fn read_message<T: Message>(message: &mut T, reader: &mut Reader<'_>) -> Result<()> {
    const { assert!(T::NAMES.len() <= 64, "a set of members has a bit for each") };
    if !reader.is_next(b'{') {
        return Err(reader.expected(&format!("an object of type `{}`", T::TYPE)));
    }
    read_members(message, T::NAMES, reader)
}

/// Reads an item of a list of messages, and pushes it.
///
/// Like the service, flattens a list within the list. `null` is skipped.
pub(crate) fn push_messages<T: Message>(list: &mut Vec<T>, reader: &mut Reader<'_>) -> Result<()> {
    if reader.is_next(b'[') {
        return reader.items(|reader| push_messages(list, reader));
    }
    if reader.null()? {
        return Ok(());
    }
    if let Some(from_text) = T::FROM_TEXT
        && reader.is_next(b'"')
        && !reader.is_request()
    {
        list.push(from_text(reader.string()?.into_owned()));
        return Ok(());
    }
    read_message(list.push_mut(T::default()), reader)
}

/// Reads the members of an object.
///
/// Gateways send some members twice, or under both of their names. `null` replaces nothing, and a member in
/// `snake_case` does not replace the one in `camelCase`. Otherwise the last value is kept. In a request, they are an
/// error instead.
fn read_members(fields: &mut dyn Fields, names: &[&str], reader: &mut Reader<'_>) -> Result<()> {
    // Sets of members: all, those with a value, and those with a value under the name in `camelCase`.
    let (mut seen, mut present, mut canonical) = (0_u64, 0_u64, 0_u64);
    // The service writes members in the order in which they are declared.
    let mut likely = 0;
    let mut more = reader.begin_object()?;
    while more {
        let found = match reader.known_name(names, likely) {
            Some(index) => Ok((index, true)),
            None => find(names, reader.name()?),
        };
        match found {
            Ok((index, is_canonical)) => {
                likely = index + 1;
                let member = 1 << index;
                reader.check_unique(seen & member > 0, names[index])?;
                seen |= member;
                let is_null = reader.is_next(b'n');
                let is_superfluous = match is_null {
                    true => present & member > 0,
                    false => canonical & member > 0 && !is_canonical,
                };
                let read = if is_superfluous {
                    reader.value().map(drop)
                } else {
                    present |= if is_null { 0 } else { member };
                    canonical |= if is_null || !is_canonical { 0 } else { member };
                    fields.read_member(index, reader)
                };
                read.map_err(|error| error.in_member(names[index]))?;
            }
            Err(name) => {
                let read = reader.value();
                let unknown = fields.unknown_mut().members_mut();
                let added = read.and_then(|value| reader.add(unknown, &name, value));
                added.map_err(|error| error.in_member(&name))?;
            }
        }
        more = reader.next_member()?;
    }
    Ok(())
}

/// Returns the index of a name in `names`, and whether it is written in `camelCase`. An unknown name is returned.
fn find<'a>(names: &[&str], name: Cow<'a, str>) -> Result<(usize, bool), Cow<'a, str>> {
    let is_name = |known: &&str| *known == name || is_snake_case(&name, known);
    match names.iter().position(is_name) {
        Some(index) => Ok((index, names[index] == name)),
        None => Err(name),
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
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    message.write_members(&mut map)?;
    for (name, value) in message.unknown().iter() {
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
    use crate::protocol::read_json;
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
    fn an_error_names_the_type_the_path_and_the_position() {
        for (json, message) in [
            (
                "[]",
                "expected an object of type `Content`, found a list at line 1 column 1",
            ),
            (
                r#"{"role":1}"#,
                "role: expected a string, found the number 1 at line 1 column 9",
            ),
            (
                "{\"role\":\"user\",\n \"parts\":[{},{\"function_call\":{\"name\":null,\"args\":7}}]}",
                "parts[1].functionCall.args: expected an object, found the number 7 at line 2 column 51",
            ),
            (
                r#"{"parts":[{"text":"a\q"}]}"#,
                "parts[0].text: the escape is invalid at line 1 column 22",
            ),
        ] {
            let error = read_json::<Content>(json.as_bytes()).expect_err("no content");
            assert_eq!(error.to_string(), message);
        }
        let json = r#"{"contents":[{"parts":[{"text":1}]}]}"#;
        let error = read_json::<GenerateContentRequest>(json.as_bytes()).expect_err("no text");
        assert_eq!((error.line(), error.column()), (1, 32));
        let error = serde_json::from_str::<GenerateContentRequest>(json).expect_err("no text");
        let path = "contents[0].parts[0].text: expected a string";
        assert!(error.to_string().starts_with(path), "{error}");
    }
}
