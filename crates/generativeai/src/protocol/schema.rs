//! The shape of arguments and of replies in JSON.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::protocol::wire::Wire;

message! {
    /// The shape of a value in JSON: the part of OpenAPI 3.0 that the service understands.
    ///
    /// ```
    /// use generativeai::protocol::schema::Schema;
    ///
    /// let mountain = Schema::object([
    ///     ("name", Schema::string().description("what people call it")),
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
        /// What the value is.
        pub r#type: Option<Type>,
        /// What it is more exactly: `int32`, `double`, `date-time`, `enum`.
        pub format: Option<String>,
        /// What it is called.
        pub title: Option<String>,
        /// What it means; the model reads this.
        pub description: Option<String>,
        /// Whether it may be null.
        pub nullable: Option<bool>,
        /// The texts that are allowed.
        pub r#enum: Vec<String>,
        /// What the items of a list look like.
        pub items: Option<Box<Schema>>,
        /// How many items a list has at most.
        pub max_items: Option<i64>,
        /// How many items a list has at least.
        pub min_items: Option<i64>,
        /// What the members of an object look like, in order.
        pub properties: Option<Properties>,
        /// The members an object must have.
        pub required: Vec<String>,
        /// How many members an object has at least.
        pub min_properties: Option<i64>,
        /// How many members an object has at most.
        pub max_properties: Option<i64>,
        /// The smallest number allowed.
        pub minimum: Option<f64>,
        /// The largest number allowed.
        pub maximum: Option<f64>,
        /// How many characters a text has at least.
        pub min_length: Option<i64>,
        /// How many characters a text has at most.
        pub max_length: Option<i64>,
        /// A regular expression the text must match.
        pub pattern: Option<String>,
        /// A value of this shape, to show what is meant.
        pub example: Option<Value>,
        /// Shapes of which one must fit.
        pub any_of: Vec<Schema>,
        /// The order in which the members are written.
        pub property_ordering: Vec<String>,
        /// The value if there is none.
        pub default: Option<Value>,
        /// Whether an object may have other members, or what those look like.
        pub additional_properties: Option<Value>,
        /// Shapes that others refer to.
        pub defs: Option<Properties>,
        /// The shape that is meant, one of `defs`.
        pub r#ref: Option<String>,
    }
}

setters!(Schema {
    into r#type: Type,
    into format: String,
    into title: String,
    into description: String,
    plain nullable: bool,
    list r#enum: String,
    boxed items: Schema,
    plain max_items: i64,
    plain min_items: i64,
    map properties: Schema,
    list required: String,
    plain min_properties: i64,
    plain max_properties: i64,
    plain minimum: f64,
    plain maximum: f64,
    plain min_length: i64,
    plain max_length: i64,
    into pattern: String,
    into example: Value,
    list any_of: Schema,
    list property_ordering: String,
    into additional_properties: Value,
    map defs: Schema,
    into r#ref: String,
});

impl Schema {
    /// The shape of a value of that type.
    pub fn new(r#type: impl Into<Type>) -> Self {
        Self::default().r#type(r#type)
    }

    /// A text.
    pub fn string() -> Self {
        Self::new(Type::String)
    }

    /// A number.
    pub fn number() -> Self {
        Self::new(Type::Number)
    }

    /// A whole number.
    pub fn integer() -> Self {
        Self::new(Type::Integer)
    }

    /// True or false.
    pub fn boolean() -> Self {
        Self::new(Type::Boolean)
    }

    /// A list of such items.
    pub fn array(items: impl Into<Schema>) -> Self {
        Self::new(Type::Array).items(items)
    }

    /// An object with such members.
    pub fn object(
        properties: impl IntoIterator<Item = (impl Into<String>, impl Into<Schema>)>,
    ) -> Self {
        Self::new(Type::Object).properties(properties)
    }

    /// One of these texts.
    pub fn one_of(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::string().format("enum").r#enum(texts)
    }

    /// Sets the field `default`, whose own name is taken.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }
}

open_enum! {
    /// What a value in JSON is. Also read in the lower case of JSON Schema.
    pub enum Type {
        /// Not said.
        Unspecified = "TYPE_UNSPECIFIED",
        /// A text.
        String = "STRING" | "string",
        /// A number.
        Number = "NUMBER" | "number",
        /// A whole number.
        Integer = "INTEGER" | "integer",
        /// True or false.
        Boolean = "BOOLEAN" | "boolean",
        /// A list.
        Array = "ARRAY" | "array",
        /// An object.
        Object = "OBJECT" | "object",
        /// Null.
        Null = "NULL" | "null",
    }
}

/// Shapes by name, in the order they were added.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Properties(IndexMap<String, Schema>);

impl Wire for Properties {}

impl Properties {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The shape of that name.
    pub fn get(&self, name: &str) -> Option<&Schema> {
        self.0.get(name)
    }

    /// The shape of that name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Schema> {
        self.0.get_mut(name)
    }

    /// The shapes in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&String, &Schema)> {
        self.0.iter()
    }

    /// Adds a shape at the end, or puts it in the place of another of that name, which it gives.
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
