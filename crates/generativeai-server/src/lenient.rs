//! Parser of requests that accepts what the service accepts: members in camelCase or snake_case.

use serde::de::value::{MapDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

/// Parses a message whose members may be in camelCase or in snake_case.
///
/// Names that are data (function arguments, properties of a schema, labels) must stay unchanged. The
/// types distinguish them: a message asks for its member names as identifiers, a map for strings. So
/// only identifiers are renamed, and no list of names is needed.
///
/// # Errors
/// The JSON is invalid, or a member has the wrong type: the error names the path of the member.
pub(crate) fn parse<T: DeserializeOwned>(
    json: &[u8],
) -> Result<T, serde_path_to_error::Error<Error>> {
    let value = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(json))?;
    serde_path_to_error::deserialize(Lenient(value))
}

/// A JSON value that renames the members of its objects when they are read as identifiers.
struct Lenient(Value);

impl<'de> Deserializer<'de> for Lenient {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => number.deserialize_any(visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.into_iter().map(Lenient));
                let list = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(list)
            }
            Value::Object(members) => {
                let members = members.into_iter();
                let members = members.map(|(name, value)| (Name(name), Lenient(value)));
                let mut members = MapDeserializer::new(members);
                let object = visitor.visit_map(&mut members)?;
                members.end()?;
                Ok(object)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// API messages have no enums with data, so an enum can only be a string.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(text) => visitor.visit_enum(text.into_deserializer()),
            _ => Err(de::Error::invalid_type(
                Unexpected::Other("not a string"),
                &"the name of an enum value",
            )),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Lenient {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Name of a member, renamed if it is read as an identifier.
struct Name(String);

impl<'de> Deserializer<'de> for Name {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(camel_case(self.0))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(StringDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum ignored_any option
    }
}

impl<'de> IntoDeserializer<'de, Error> for Name {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Converts `max_output_tokens` to `maxOutputTokens`. Names without underscores are unchanged.
fn camel_case(name: String) -> String {
    if !name.contains('_') {
        return name;
    }
    let mut camel = String::with_capacity(name.len());
    let mut raised = false;
    for char in name.chars() {
        if char == '_' {
            raised = !camel.is_empty();
        } else if raised {
            camel.push(char.to_ascii_uppercase());
            raised = false;
        } else {
            camel.push(char);
        }
    }
    camel
}

#[cfg(test)]
mod tests;
