//! JSON Schema of Rust types, in the dialect that the API accepts.

mod enums;
mod flat;
mod from_openapi;
mod openapi;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema as JsonSchemaValue};
use serde_json::{Value, json};

use crate::error::Result;
use crate::protocol::config::GenerationConfig;
use crate::protocol::schema::Schema;
use crate::protocol::tools::FunctionDeclaration;

/// Returns the JSON Schema of a type, as serde deserializes it.
///
/// Subschemas are inlined, since the API allows references in few places. Only recursive types use
/// `$ref`. The output of schemars is converted to keywords that the API accepts:
///
/// | Keyword of schemars | Result | Reason |
/// | --- | --- | --- |
/// | `const` | an `enum` of one value | the API does not support `const` |
/// | `null` in an `enum` of strings | `anyOf` of the strings and `null` | the values of an `enum` have one type |
/// | `$ref` next to others | `anyOf` or `allOf` of the reference | next to it the API allows only keywords with `$` |
/// | `title` of the whole schema | left out | it is the name of the Rust type |
pub(crate) fn of<T: JsonSchema + ?Sized>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    RecursiveTransform(to_api_dialect).transform(&mut schema);
    schema.to_value()
}

/// Returns the JSON Schema of the arguments of a function. `None` if it has no arguments.
pub(crate) fn parameters_of<A: JsonSchema>() -> Option<Value> {
    let schema = of::<A>();
    // The schema of a Rust type that accepts any value, such as `Value`, is empty. Such a function has arguments, while
    // an empty schema of an MCP server declares none.
    if schema == json!({}) {
        return Some(schema);
    }
    parameters(schema)
}

/// Converts a JSON Schema of arguments to the dialect of the API. `None` if it allows no arguments.
pub(crate) fn parameters(schema: Value) -> Option<Value> {
    if is_empty_object(&schema) {
        return None;
    }
    let mut schema = JsonSchemaValue::try_from(schema).ok()?;
    schema.remove("$schema");
    // Arguments are always an object, and the service requires that the schema states it. MCP servers may omit it.
    if schema.get("type").is_none() && schema.get("properties").is_some() {
        schema.insert("type".to_owned(), "object".into());
    }
    RecursiveTransform(to_api_dialect).transform(&mut schema);
    Some(schema.to_value())
}

/// Returns whether a schema describes objects without any member. The service refuses such parameters.
///
/// The list of harmless keywords is closed: any other keyword, known or not, may add a member.
fn is_empty_object(schema: &Value) -> bool {
    let Some(keywords) = schema.as_object() else {
        return false;
    };
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    let is_object = |value: &Value| *value == json!("object") || *value == json!(["object"]);
    keywords
        .iter()
        .all(|(keyword, value)| match keyword.as_str() {
            "title" | "description" | "$schema" | "$id" | "$comment" | "$defs" | "definitions" => {
                true
            }
            "type" => is_object(value),
            "properties" | "required" => is_empty(value),
            "additionalProperties" => *value == json!(false),
            _ => false,
        })
}

/// Converts the keywords that the API does not accept: `const`, `null` in an `enum`, and keywords next
/// to a `$ref`.
fn to_api_dialect(schema: &mut JsonSchemaValue) {
    if let Some(value) = schema.remove("const") {
        schema.insert("enum".to_owned(), json!([value]));
    }
    // The alternatives become an `anyOf`, so a schema that already has one is left unchanged.
    if let Some(Value::Array(listed)) = schema.get("enum")
        && listed.contains(&Value::Null)
        && listed.iter().all(|one| one.is_string() || one.is_null())
        && !schema
            .as_object()
            .is_some_and(|members| members.contains_key("anyOf"))
    {
        let texts: Vec<&Value> = listed.iter().filter(|one| one.is_string()).collect();
        let null_type = json!({"type": "null"});
        let any_of = match texts.is_empty() {
            true => json!([null_type]),
            false => json!([{"type": "string", "enum": texts}, null_type]),
        };
        schema.remove("enum");
        schema.remove("type");
        schema.insert("anyOf".to_owned(), any_of);
    }
    // Keywords such as `$defs` may be next to a reference.
    let has_siblings = |schema: &JsonSchemaValue| {
        let mut members = schema.as_object().into_iter().flatten();
        members.any(|(name, _)| !name.starts_with('$'))
    };
    if has_siblings(schema)
        && let Some(reference) = schema.remove("$ref")
    {
        let has = |keyword: &str| schema.get(keyword).is_some();
        // In an existing `anyOf` the reference would be one more alternative instead of a requirement.
        let keyword = if has("anyOf") { "allOf" } else { "anyOf" };
        let reference = json!({"$ref": reference});
        match schema.get_mut(keyword).and_then(Value::as_array_mut) {
            Some(all) => all.push(reference),
            None => {
                schema.insert(keyword.to_owned(), json!([reference]));
            }
        }
    }
}

impl Schema {
    /// Creates the schema of a Rust type, in the OpenAPI form. Doc comments become descriptions, which the model reads.
    ///
    /// Every model supports this form. For recursive types, maps and tuples use the JSON Schema of the type, as
    /// [`GenerationConfig::response_schema_of`] and [`FunctionDeclaration::parameters_of`] do.
    ///
    /// | Rust | Schema |
    /// | --- | --- |
    /// | `String`, `char` | `STRING` |
    /// | `f32`, `f64` | `NUMBER` with a format |
    /// | integers | `INTEGER`, with a format if the API knows it |
    /// | `bool` | `BOOLEAN` |
    /// | `Option<T>` | the schema of `T`, nullable and not required |
    /// | `Vec<T>`, `[T; N]` | `ARRAY` |
    /// | a struct | `OBJECT`; members without a default are required |
    /// | an enum without data | `STRING` with the names of its variants |
    /// | maps, `Value`, recursive types | an error: the form cannot express them |
    ///
    /// ```
    /// use generativeai::protocol::schema::Schema;
    /// use schemars::JsonSchema;
    ///
    /// #[derive(JsonSchema)]
    /// struct Mountain {
    ///     /// Common name.
    ///     name: String,
    ///     metres: Option<f64>,
    /// }
    ///
    /// let expected = Schema::object([
    ///     ("name", Schema::string().description("Common name.")),
    ///     ("metres", Schema::number().format("double").nullable(true)),
    /// ]);
    /// assert_eq!(Schema::of::<Mountain>()?, expected.required(["name"]));
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`from_json_schema`](Self::from_json_schema).
    pub fn of<T: JsonSchema + ?Sized>() -> Result<Self> {
        Self::from_json_schema(&of::<T>())
    }
}

impl FunctionDeclaration {
    /// Sets the parameters to the fields of a Rust type, as JSON Schema. A type without fields declares no parameters.
    ///
    /// ```
    /// use generativeai::protocol::tools::FunctionDeclaration;
    /// use schemars::JsonSchema;
    ///
    /// #[derive(JsonSchema)]
    /// struct Args { mountain: String }
    ///
    /// let height = FunctionDeclaration::new("height", "Returns the height of a mountain.")
    ///     .parameters_of::<Args>();
    /// assert_eq!(height.parameters_json_schema.unwrap()["required"][0], "mountain");
    /// ```
    #[must_use]
    pub fn parameters_of<A: JsonSchema>(mut self) -> Self {
        self.parameters = None;
        self.parameters_json_schema = parameters_of::<A>();
        self
    }

    /// Converts the schemas of parameters and result from JSON Schema to the OpenAPI form, for models and
    /// servers that only support that form.
    ///
    /// ```
    /// use generativeai::protocol::schema::{Schema, Type};
    /// use generativeai::protocol::tools::FunctionDeclaration;
    /// use schemars::JsonSchema;
    ///
    /// #[derive(JsonSchema)]
    /// struct Args { mountain: String }
    ///
    /// let height = FunctionDeclaration::new("height", "Returns the height of a mountain.")
    ///     .parameters_of::<Args>()
    ///     .with_openapi_schema()?;
    /// assert_eq!(height.parameters.unwrap().r#type, Some(Type::Object));
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`Schema::from_json_schema`], with the name of the function.
    pub fn with_openapi_schema(mut self) -> Result<Self> {
        let name = self.name.as_deref().unwrap_or_default();
        let translate = |schema: &Value| {
            let schema = Schema::from_json_schema(schema).map(Box::new);
            schema.map_err(|error| error.with_context(format_args!("the function `{name}`")))
        };
        if let Some(schema) = self.parameters_json_schema.take() {
            self.parameters = Some(translate(&schema)?);
        }
        if let Some(schema) = self.response_json_schema.take() {
            self.response = Some(translate(&schema)?);
        }
        Ok(self)
    }
}

impl GenerationConfig {
    /// Requests a JSON reply that deserializes as a `T`: sets the media type, and the JSON Schema of `T`.
    ///
    /// For models that only support the OpenAPI form, set `response_schema` to
    /// [`Schema::of::<T>()`](Schema::of) instead.
    ///
    /// [`json::<T>()`](crate::SendMessage::json) of a message does this, and deserializes the reply. Use the setter
    /// where the reply is needed as text.
    ///
    /// ```
    /// use generativeai::protocol::config::GenerationConfig;
    /// use schemars::JsonSchema;
    ///
    /// #[derive(JsonSchema)]
    /// struct Mountain {
    ///     /// Height above sea level.
    ///     metres: u32,
    /// }
    ///
    /// let config = GenerationConfig::default().response_schema_of::<Mountain>();
    /// let schema = config.response_json_schema.unwrap();
    /// assert_eq!(schema["properties"]["metres"]["description"], "Height above sea level.");
    /// assert_eq!(config.response_mime_type.as_deref(), Some("application/json"));
    /// ```
    #[must_use]
    pub fn response_schema_of<T: JsonSchema>(mut self) -> Self {
        self.response_schema = None;
        self.response_mime_type("application/json")
            .response_json_schema(of::<T>())
    }
}

#[cfg(test)]
mod tests;
