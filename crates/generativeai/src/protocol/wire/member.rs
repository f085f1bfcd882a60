//! Members of a message: a value that may be absent, or a list.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// Value of a member, or item of a list.
///
/// The provided methods call serde's traits. A type overrides `read` if the API sends it in more forms than serde
/// accepts, and `write` if serde writes another form than the API expects.
pub(crate) trait Wire: fmt::Debug + Serialize + DeserializeOwned {
    /// Reads the value.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    /// Reads the value into the place where `put` stores it; see `message!`.
    fn read_into<'de, 'place, D: Deserializer<'de>>(
        put: impl FnOnce(Self) -> &'place mut Self,
        deserializer: D,
    ) -> Result<(), D::Error>
    where
        Self: 'place,
    {
        put(Self::read(deserializer)?);
        Ok(())
    }

    /// Reads an item of a list, and pushes it.
    fn push<'de, D: Deserializer<'de>>(
        list: &mut Vec<Self>,
        deserializer: D,
    ) -> Result<(), D::Error> {
        Self::read_into(|item| list.push_mut(item), deserializer)
    }

    /// Writes the value.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }

    /// Returns the value of `null`. `None` if `null` means that the member is absent, as for most types.
    fn from_null() -> Option<Self> {
        None
    }
}

/// Also reads `"true"` and `"false"`, as parsers of proto JSON do.
impl Wire for bool {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoolVisitor)
    }
}

struct BoolVisitor;

impl Visitor<'_> for BoolVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean")
    }

    fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        text.parse()
            .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl Wire for String {}

/// Also reads a text that contains an object, and an empty list.
///
/// Gateways write the arguments of a call as text, since OpenAI's API does. PHP writes an empty object as `[]`.
impl Wire for Map<String, Value> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MapVisitor)
    }
}

struct MapVisitor;

impl<'de> Visitor<'de> for MapVisitor {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        Map::deserialize(MapAccessDeserializer::new(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        match items.next_element::<Value>()? {
            None => Ok(Map::new()),
            Some(_) => Err(A::Error::invalid_type(Unexpected::Seq, &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.trim().is_empty() {
            return Ok(Map::new());
        }
        serde_json::from_str(text).map_err(|_| E::invalid_type(Unexpected::Str(text), &self))
    }
}

impl Wire for BTreeMap<String, String> {}

impl Wire for Value {
    fn from_null() -> Option<Self> {
        Some(Self::Null)
    }
}

impl<T: Wire> Wire for Box<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Box::new)
    }

    fn read_into<'de, 'place, D: Deserializer<'de>>(
        put: impl FnOnce(Self) -> &'place mut Self,
        deserializer: D,
    ) -> Result<(), D::Error>
    where
        Self: 'place,
    {
        T::read_into(|value| &mut **put(Box::new(value)), deserializer)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::write(self, serializer)
    }

    fn from_null() -> Option<Self> {
        T::from_null().map(Box::new)
    }
}

/// Field of a message.
pub(crate) trait Member: Sized {
    /// Reads the field in place. The new value replaces the old one.
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error>;
    /// Writes the field. Called only if it is present.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
    /// Returns whether the field is left out: `None`, or an empty list.
    fn is_absent(&self) -> bool;

    /// Returns the value for `Debug`, unless it is absent.
    fn debug(&self) -> Option<&dyn fmt::Debug>;
}

impl<T: Wire> Member for Option<T> {
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(OneVisitor(self))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.write(serializer),
            None => serializer.serialize_none(),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn debug(&self) -> Option<&dyn fmt::Debug> {
        self.as_ref().map(|value| value as &dyn fmt::Debug)
    }
}

impl<T: Wire> Member for Vec<T> {
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        self.clear();
        // Not `deserialize_seq`, since the value may be a single item.
        deserializer.deserialize_any(ListVisitor(self))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(ItemValue))
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn debug(&self) -> Option<&dyn fmt::Debug> {
        (!self.is_empty()).then_some(self as &dyn fmt::Debug)
    }
}

/// Writes an item in its wire form, where serde would use the `Serialize` of its type.
struct ItemValue<'a, T>(&'a T);

impl<T: Wire> Serialize for ItemValue<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

/// Reads a value or `null` into the option.
struct OneVisitor<'a, T>(&'a mut Option<T>);

impl<'de, T: Wire> Visitor<'de> for OneVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        *self.0 = T::from_null();
        Ok(())
    }

    // serde buffers the members of flattened and untagged types, with `null` as a unit.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        T::read_into(|value| self.0.insert(value), deserializer)
    }
}

/// Reads a list. A value that is not a list is read as its only item, as the service does.
struct ListVisitor<'a, T>(&'a mut Vec<T>);

impl<'de, T: Wire> Visitor<'de> for ListVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, an item of one, or null")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        Item(self.0).deserialize(MapAccessDeserializer::new(members))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        Item(self.0).deserialize(text.into_deserializer())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        Item(self.0).deserialize(value.into_deserializer())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        Item(self.0).deserialize(number.into_deserializer())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        Item(self.0).deserialize(number.into_deserializer())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        Item(self.0).deserialize(number.into_deserializer())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Item(self.0))?.is_some() {}
        Ok(())
    }
}

/// Reads an item, and pushes it.
struct Item<'a, T>(&'a mut Vec<T>);

impl<'de, T: Wire> DeserializeSeed<'de> for Item<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(list) = self;
        if list.is_empty() {
            // Most lists of a chunk have one item, and the first push would make room for four.
            list.reserve_exact(1);
        }
        T::push(list, deserializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::protocol::config::GenerationConfig;
    use crate::protocol::content::FunctionCall;
    use crate::protocol::grounding::GroundingSupport;
    use crate::protocol::request::GenerateContentRequest;
    use crate::protocol::schema::Schema;

    /// Row 19 of tests/field.md.
    #[test]
    fn one_value_is_read_where_a_list_is_expected() {
        let request: GenerateContentRequest = serde_json::from_value(json!({
            "contents": {"parts": {"text": "Hello"}},
            "tools": {"functionDeclarations": {"name": "f"}},
            "generationConfig": {"stopSequences": "END"},
        }))
        .expect("a request");

        assert_eq!(
            json!(request),
            json!({
                "contents": [{"parts": [{"text": "Hello"}]}],
                "tools": [{"functionDeclarations": [{"name": "f"}]}],
                "generationConfig": {"stopSequences": ["END"]},
            })
        );
        let support: GroundingSupport =
            serde_json::from_str(r#"{"groundingChunkIndices":3,"confidenceScores":0.5}"#)
                .expect("a support");
        assert_eq!(support.grounding_chunk_indices, [3]);
        assert_eq!(support.confidence_scores, [0.5]);
    }

    /// Row 19 of tests/field.md: llm.rb sends `parts` in this form, and the service reads it.
    #[test]
    fn a_list_of_messages_may_be_nested() {
        let request: GenerateContentRequest = serde_json::from_value(json!({
            "contents": [[{"parts": [[{"text": "a"}], {"text": "b"}, [[], [{"text": "c"}]]]}], null],
            "tools": [[{"functionDeclarations": [[{"name": "f"}]]}]],
        }))
        .expect("a request");

        assert_eq!(
            json!(request),
            json!({
                "contents": [{"parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}],
                "tools": [{"functionDeclarations": [{"name": "f"}]}],
            })
        );
    }

    /// Row 6 of tests/field.md.
    #[test]
    fn arguments_are_read_from_text_and_from_the_empty_list_of_php() {
        for (args, read) in [
            (json!("{\"a\": [1]}"), json!({"a": [1]})),
            (json!(" "), json!({})),
            (json!([]), json!({})),
            (json!({"a": "{}"}), json!({"a": "{}"})),
        ] {
            let call = json!({"name": "f", "args": args});
            let call: FunctionCall = serde_json::from_value(call).expect("a call");
            assert_eq!(json!(call.args), read);
        }
        for wrong in [json!([1]), json!("a"), json!("[]"), json!(1), json!(true)] {
            let call = json!({"name": "f", "args": wrong});
            assert!(serde_json::from_value::<FunctionCall>(call).is_err());
        }
    }

    #[test]
    fn a_list_of_other_values_is_not_nested() {
        let schema = json!({"enum": ["a"], "prefixItems": [[1]]});
        let read: Schema = serde_json::from_value(schema.clone()).expect("a schema");
        assert_eq!(json!(read), schema);
        let config = json!({"stopSequences": [["END"]]});
        assert!(serde_json::from_value::<GenerationConfig>(config).is_err());
    }

    #[test]
    fn one_value_of_another_type_is_refused_where_a_list_is_expected() {
        for wrong in [json!(1), json!({}), json!(true)] {
            let config = json!({"stopSequences": wrong});
            assert!(serde_json::from_value::<GenerationConfig>(config).is_err());
        }
        for wrong in [json!(1), json!("Hello"), json!([["Hello"]])] {
            let request = json!({"contents": wrong});
            assert!(serde_json::from_value::<GenerateContentRequest>(request).is_err());
        }
    }
}
