//! Members of a message: a value that may be absent, or a list.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::error::quote;
use super::reader::{Kind, Reader, Result};

/// Value of a member, or item of a list.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a member",
    note = "numbers are `i32`, `i64` or `f64`; other values are strings, `Value`, messages and open enums"
)]
pub(crate) trait Wire: fmt::Debug + Serialize + Sized {
    /// Reads the value.
    fn read(reader: &mut Reader<'_>) -> Result<Self>;

    /// Reads the value into the place where `put` stores it; see `message!`.
    fn read_into<'place>(
        put: impl FnOnce(Self) -> &'place mut Self,
        reader: &mut Reader<'_>,
    ) -> Result<()>
    where
        Self: 'place,
    {
        put(Self::read(reader)?);
        Ok(())
    }

    /// Reads an item of a list, and pushes it.
    fn push(list: &mut Vec<Self>, reader: &mut Reader<'_>) -> Result<()> {
        Self::read_into(|item| list.push_mut(item), reader)
    }

    /// Writes the value. A type overrides this if serde writes another form than the API expects.
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
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.kind()? {
            Kind::Bool => reader.bool(),
            Kind::String => {
                let text = reader.string()?;
                let value = text.parse();
                value.map_err(|_| reader.error(format!("`{}` is not a boolean", quote(&text))))
            }
            _ => Err(reader.expected("a boolean")),
        }
    }
}

impl Wire for String {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(reader.string()?.into_owned())
    }
}

/// Also reads a text that contains an object, and an empty list.
///
/// Gateways write the arguments of a call as text, since OpenAI's API does. PHP writes an empty object as `[]`.
impl Wire for Map<String, Value> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.kind()? {
            Kind::List => {
                let error = reader.expected("an object");
                let mut is_empty = true;
                reader.items(|reader| {
                    is_empty = false;
                    reader.value().map(drop)
                })?;
                is_empty.then(Self::new).ok_or(error)
            }
            Kind::String => {
                let text = reader.string()?;
                if text.trim().is_empty() {
                    return Ok(Self::new());
                }
                let mut inner = reader.nested(&text);
                let map = inner.object().and_then(|map| inner.end().map(|()| map));
                map.map_err(|error| reader.error(format!("in the text of an object, {error}")))
            }
            _ => reader.object(),
        }
    }
}

impl Wire for BTreeMap<String, String> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut map = Self::new();
        reader.members(|reader, name| {
            reader.check_unique(map.contains_key(name), name)?;
            map.insert(name.to_owned(), String::read(reader)?);
            Ok(())
        })?;
        Ok(map)
    }
}

impl Wire for Value {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.value()
    }

    fn from_null() -> Option<Self> {
        Some(Self::Null)
    }
}

impl<T: Wire> Wire for Box<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        T::read(reader).map(Self::new)
    }

    fn read_into<'place>(
        put: impl FnOnce(Self) -> &'place mut Self,
        reader: &mut Reader<'_>,
    ) -> Result<()>
    where
        Self: 'place,
    {
        T::read_into(|value| &mut **put(Self::new(value)), reader)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::write(self, serializer)
    }

    fn from_null() -> Option<Self> {
        T::from_null().map(Self::new)
    }
}

/// Field of a message.
pub(crate) trait Member: Sized {
    /// Reads the field in place. The new value replaces the old one.
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<()>;
    /// Writes the field. Called only if it is present.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
    /// Returns whether the field is left out: `None`, or an empty list.
    fn is_absent(&self) -> bool;

    /// Returns the value for `Debug`, unless it is absent.
    fn debug(&self) -> Option<&dyn fmt::Debug>;
}

impl<T: Wire> Member for Option<T> {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        if reader.null()? {
            *self = T::from_null();
            return Ok(());
        }
        T::read_into(|value| self.insert(value), reader)
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
    /// A value that is not a list is read as its only item, as the service does.
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        self.clear();
        if reader.null()? {
            return Ok(());
        }
        if !reader.is_next(b'[') {
            return T::push(self, reader);
        }
        reader.items(|reader| {
            if self.is_empty() {
                // Most lists of a chunk have one item, and the first push would make room for four.
                self.reserve_exact(1);
            }
            T::push(self, reader)
        })
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
