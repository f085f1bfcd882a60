//! Schemas of arguments and of JSON replies, in the form of OpenAPI 3.0.
//!
//! A schema describes the JSON that a model generates: the arguments of a function, or a whole reply.
//! The API takes schemas in two forms. [`Schema`] is a subset of OpenAPI 3.0 and works with every model;
//! JSON Schema, as a [`Value`], can also express recursive types, maps and tuples.
//!
//! ```
//! use generativeai::protocol::config::GenerationConfig;
//! use generativeai::protocol::schema::Schema;
//!
//! let mountain = Schema::object([
//!     ("name", Schema::string()),
//!     ("metres", Schema::integer().description("Height above sea level.")),
//! ])
//! .required(["name"]);
//! let config = GenerationConfig::default()
//!     .response_mime_type("application/json")
//!     .response_schema(Schema::array(mountain));
//! ```
//!
//! API page: [Structured output](https://ai.google.dev/gemini-api/docs/structured-output).
//!
//! [`Schema::of`] derives the schema of a Rust type.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::protocol::wire::{self, Reader, Wire};

message! {
    /// Schema of a JSON value, in the subset of OpenAPI 3.0 that the API supports.
    ///
    /// ```
    /// use generativeai::protocol::schema::Schema;
    ///
    /// let mountain = Schema::object([
    ///     ("name", Schema::string().description("Common name.")),
    ///     ("metres", Schema::integer().minimum(0.0)),
    /// ])
    /// .required(["name"]);
    /// assert_eq!(
    ///     serde_json::to_string(&Schema::array(Schema::string()))?,
    ///     r#"{"type":"ARRAY","items":{"type":"STRING"}}"#,
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Schema {
        /// Type of the value. Required by the service, except next to [`any_of`](Self::any_of).
        pub r#type: Option<Type> => into Type,
        /// Format of the value: `float` or `double` for numbers, `int32` or `int64` for integers, `enum`
        /// or `date-time` for strings.
        pub format: Option<String> => into String,
        /// Title of the schema.
        pub title: Option<String> => into String,
        /// Description, which the model reads: state what the value means, its unit, and how to choose it.
        pub description: Option<String> => into String,
        /// Whether the value may be `null`. Default: `false`.
        pub nullable: Option<bool> => plain bool,
        /// Allowed values of a string, with the format `enum`.
        pub r#enum: Vec<String> => list String,
        /// Schema of the items of an array.
        pub items: Option<Box<Schema>> => into Schema,
        /// Maximum number of items of an array.
        pub max_items: Option<i64> => plain i64,
        /// Minimum number of items of an array.
        pub min_items: Option<i64> => plain i64,
        /// Schemas of the members of an object, by name.
        pub properties: Option<Properties> => map Schema,
        /// Names of the members that an object must have.
        pub required: Vec<String> => list String,
        /// Minimum number of members of an object.
        pub min_properties: Option<i64> => plain i64,
        /// Maximum number of members of an object.
        pub max_properties: Option<i64> => plain i64,
        /// Minimum of a number, included.
        pub minimum: Option<f64> => plain f64,
        /// Maximum of a number, included.
        pub maximum: Option<f64> => plain f64,
        /// Minimum number of characters of a string.
        pub min_length: Option<i64> => plain i64,
        /// Maximum number of characters of a string.
        pub max_length: Option<i64> => plain i64,
        /// Regular expression that a string must match.
        pub pattern: Option<String> => into String,
        /// Example of a value. The model sees it.
        pub example: Option<Value> => into Value,
        /// Alternatives. The value must match at least one of them.
        pub any_of: Vec<Schema> => list Schema,
        /// Order in which the model generates the members of an object. It matters when a member, such
        /// as an explanation, should influence those after it. Not part of OpenAPI.
        pub property_ordering: Vec<String> => list String,
        /// Default value. For documentation: the service does not insert it.
        pub default: Option<Value>,
        /// Whether an object may have further members: `true`, `false`, or their schema. Vertex AI only.
        pub additional_properties: Option<Value> => into Value,
        /// Schemas that [`ref`](Self::ref) refers to, by name. Vertex AI only.
        pub defs: Option<Properties> => map Schema,
        /// Reference to a schema in [`defs`](Self::defs), such as `#/defs/mountain`. Vertex AI only.
        pub r#ref: Option<String> => into String,
    }
}

impl Schema {
    /// Creates a schema for values of one type.
    pub fn new(r#type: impl Into<Type>) -> Self {
        Self::default().r#type(r#type)
    }

    /// Creates a schema for strings.
    pub fn string() -> Self {
        Self::new(Type::String)
    }

    /// Creates a schema for numbers.
    pub fn number() -> Self {
        Self::new(Type::Number)
    }

    /// Creates a schema for integers.
    pub fn integer() -> Self {
        Self::new(Type::Integer)
    }

    /// Creates a schema for booleans.
    pub fn boolean() -> Self {
        Self::new(Type::Boolean)
    }

    /// Creates a schema for arrays whose items match a schema.
    pub fn array(items: impl Into<Schema>) -> Self {
        Self::new(Type::Array).items(items)
    }

    /// Creates a schema for objects with these members. All are optional until [`required`](Self::required) names them.
    pub fn object(
        properties: impl IntoIterator<Item = (impl Into<String>, impl Into<Schema>)>,
    ) -> Self {
        Self::new(Type::Object).properties(properties)
    }

    /// Creates a schema for strings that are one of these values.
    ///
    /// ```
    /// use generativeai::protocol::config::GenerationConfig;
    /// use generativeai::protocol::schema::Schema;
    ///
    /// // The reply is one of the words, without quotes.
    /// let config = GenerationConfig::default()
    ///     .response_mime_type("text/x.enum")
    ///     .response_schema(Schema::one_of(["friendly", "neutral", "angry"]));
    /// assert_eq!(config.response_schema.unwrap().r#enum.len(), 3);
    /// ```
    pub fn one_of(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::string().format("enum").r#enum(texts)
    }

    /// Sets [`default`](field@Self::default). A setter named `default` would hide [`Default::default`].
    ///
    /// ```
    /// use generativeai::protocol::schema::Schema;
    ///
    /// let unit = Schema::one_of(["metres", "feet"]).default_value("metres");
    /// assert_eq!(unit.default.unwrap(), "metres");
    /// ```
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }
}

open_enum! {
    /// Type of a JSON value.
    pub enum Type {
        /// Zero value of the enum. The service refuses it.
        Unspecified = "TYPE_UNSPECIFIED",
        /// String.
        String = "STRING",
        /// Number, with or without a fraction.
        Number = "NUMBER",
        /// Integer.
        Integer = "INTEGER",
        /// `true` or `false`.
        Boolean = "BOOLEAN",
        /// Array, whose items match [`items`](Schema::items).
        Array = "ARRAY",
        /// Object, whose members match [`properties`](Schema::properties).
        Object = "OBJECT",
        /// `null`.
        Null = "NULL",
    }
}

/// Schemas by name, in insertion order.
///
/// The order matters: a model generates members in this order, unless
/// [`property_ordering`](Schema::property_ordering) sets another one.
///
/// ```
/// use generativeai::protocol::schema::{Properties, Schema};
///
/// let members: Properties = [("reason", Schema::string()), ("answer", Schema::boolean())].into_iter().collect();
/// let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
/// assert_eq!(names, ["reason", "answer"]);
/// ```
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Properties(IndexMap<String, Schema>);

impl Wire for Properties {
    fn read(reader: &mut Reader<'_>) -> wire::Result<Self> {
        let mut properties = Self::default();
        reader.members(|reader, name| {
            reader.check_unique(properties.get(name).is_some(), name)?;
            properties.insert(name, Schema::read(reader)?);
            Ok(())
        })?;
        Ok(properties)
    }
}

impl Properties {
    /// Returns whether the map is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of schemas.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the schema with this name.
    pub fn get(&self, name: &str) -> Option<&Schema> {
        self.0.get(name)
    }

    /// Returns a mutable reference to the schema with this name.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Schema> {
        self.0.get_mut(name)
    }

    /// Iterates over names and schemas, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&String, &Schema)> {
        self.0.iter()
    }

    /// Adds a schema at the end. Replaces a schema with the same name at its position, and returns the previous one.
    pub fn insert(&mut self, name: impl Into<String>, schema: impl Into<Schema>) -> Option<Schema> {
        self.0.insert(name.into(), schema.into())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<N: Into<String>> FromIterator<(N, Schema)> for Properties {
    fn from_iter<I: IntoIterator<Item = (N, Schema)>>(entries: I) -> Self {
        Self(
            entries
                .into_iter()
                .map(|(name, schema)| (name.into(), schema))
                .collect(),
        )
    }
}

impl IntoIterator for Properties {
    type Item = (String, Schema);
    type IntoIter = std::vec::IntoIter<(String, Schema)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().collect::<Vec<_>>().into_iter()
    }
}
