//! JSON Schema of Rust types, in the form the API takes.

mod enums;
mod flat;
mod openapi;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema as JsonSchemaValue};
use serde_json::{Value, json};

use crate::error::Result;
use crate::protocol::config::GenerationConfig;
use crate::protocol::schema::Schema;
use crate::protocol::tools::FunctionDeclaration;

/// The JSON Schema of a type, as it is read.
///
/// Only recursive types are referred to; all others stand where they are used.
pub(crate) fn of<T: JsonSchema + ?Sized>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    RecursiveTransform(as_the_api_takes_it).transform(&mut schema);
    schema.to_value()
}

/// The JSON Schema of the arguments of a function; `None` if there are none.
pub(crate) fn parameters_of<A: JsonSchema>() -> Option<Value> {
    parameters(of::<A>())
}

/// The JSON Schema of arguments in the form the API takes; `None` if there are none.
pub(crate) fn parameters(schema: Value) -> Option<Value> {
    let fixed = schema.get("type") == Some(&json!("object"));
    let named = schema.get("properties").and_then(Value::as_object);
    let free = schema
        .get("additionalProperties")
        .is_some_and(|free| *free != json!(false));
    if fixed && !free && named.is_none_or(|named| named.is_empty()) {
        return None;
    }
    let mut schema = JsonSchemaValue::try_from(schema).ok()?;
    schema.remove("$schema");
    RecursiveTransform(as_the_api_takes_it).transform(&mut schema);
    Some(schema.to_value())
}

/// The API knows no `const`, lists only texts and numbers, and has nothing beside a `$ref`.
fn as_the_api_takes_it(schema: &mut JsonSchemaValue) {
    if let Some(value) = schema.remove("const") {
        schema.insert("enum".to_owned(), json!([value]));
    }
    if let Some(Value::Array(listed)) = schema.get("enum")
        && listed.contains(&Value::Null)
        && listed.iter().all(|one| one.is_string() || one.is_null())
    {
        let texts: Vec<&Value> = listed.iter().filter(|one| one.is_string()).collect();
        let one = json!({"type": "string", "enum": texts});
        schema.remove("enum");
        schema.remove("type");
        schema.insert("anyOf".to_owned(), json!([one, {"type": "null"}]));
    }
    let beside = |schema: &JsonSchemaValue| {
        let mut members = schema.as_object().into_iter().flatten();
        members.any(|(name, _)| !name.starts_with('$'))
    };
    if beside(schema)
        && let Some(reference) = schema.remove("$ref")
    {
        schema.insert("anyOf".to_owned(), json!([{"$ref": reference}]));
    }
}

impl Schema {
    /// The shape of a Rust type, in the part of OpenAPI 3.0 that the service understands.
    ///
    /// ```
    /// use generativeai::protocol::schema::Schema;
    /// use schemars::JsonSchema;
    ///
    /// #[derive(JsonSchema)]
    /// struct Mountain {
    ///     /// What people call it.
    ///     name: String,
    ///     metres: Option<f64>,
    /// }
    ///
    /// let expected = Schema::object([
    ///     ("name", Schema::string().description("What people call it.")),
    ///     ("metres", Schema::number().format("double").nullable(true)),
    /// ]);
    /// assert_eq!(Schema::of::<Mountain>()?, expected.required(["name"]));
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_json_schema`](Self::from_json_schema).
    pub fn of<T: JsonSchema + ?Sized>() -> Result<Self> {
        Self::from_json_schema(&of::<T>())
    }
}

impl FunctionDeclaration {
    /// Sets the parameters to the members of a Rust type, as JSON Schema.
    ///
    /// ```
    /// use generativeai::protocol::tools::FunctionDeclaration;
    /// use schemars::JsonSchema;
    ///
    /// #[derive(JsonSchema)]
    /// struct Args { mountain: String }
    ///
    /// let height = FunctionDeclaration::new("height", "Tells how tall a mountain is.")
    ///     .parameters_of::<Args>();
    /// assert_eq!(height.parameters_json_schema.unwrap()["required"][0], "mountain");
    /// ```
    #[must_use]
    pub fn parameters_of<A: JsonSchema>(mut self) -> Self {
        self.parameters = None;
        self.parameters_json_schema = parameters_of::<A>();
        self
    }

    /// Says in the part of OpenAPI 3.0 that older models read what is said in JSON Schema.
    ///
    /// # Errors
    /// As [`Schema::from_json_schema`], with the name of the function.
    pub fn with_openapi_schema(mut self) -> Result<Self> {
        let named = |error: crate::error::Error| {
            let name = self.name.as_deref().unwrap_or_default();
            error.with_context(&format!("the function `{name}`"))
        };
        if let Some(schema) = &self.parameters_json_schema {
            let schema = Schema::from_json_schema(schema).map_err(named)?;
            self.parameters = Some(Box::new(schema));
        }
        if let Some(schema) = &self.response_json_schema {
            let schema = Schema::from_json_schema(schema).map_err(named)?;
            self.response = Some(Box::new(schema));
        }
        self.parameters_json_schema = None;
        self.response_json_schema = None;
        Ok(self)
    }
}

impl GenerationConfig {
    /// Asks for a reply in JSON that reads as a `T`: sets its type, and its shape as JSON Schema.
    ///
    /// For models that only know the part of OpenAPI 3.0, set `response_schema` to
    /// [`Schema::of::<T>()`](Schema::of) instead.
    #[must_use]
    pub fn response_schema_of<T: JsonSchema>(mut self) -> Self {
        self.response_schema = None;
        self.response_mime_type("application/json")
            .response_json_schema(of::<T>())
    }
}

#[cfg(test)]
mod tests;
