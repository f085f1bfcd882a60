//! Parses the response format: `responseMimeType`, `responseSchema` and `responseJsonSchema`.

use generativeai::Result;
use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::schema::Type;
use serde_json::Value;

use crate::error::invalid_argument;
use crate::ignored::IgnoredSettings;
use crate::schema::{self, Schema};

/// Format that a reply must have.
#[derive(Debug, PartialEq)]
pub(crate) enum ResponseFormat {
    /// Any text.
    Text,
    /// Any JSON value.
    Json,
    /// JSON that matches a schema.
    Schema(Box<Schema>),
    /// One of these strings.
    Choice(Vec<String>),
}

impl ResponseFormat {
    /// Parses the MIME type and the schema of a response.
    ///
    /// # Errors
    ///
    /// 400 for an unknown MIME type, a schema that does not fit it, and an invalid schema.
    pub(super) fn parse(config: &GenerationConfig, ignored: &IgnoredSettings) -> Result<Self> {
        let openapi = config.response_schema.as_deref();
        // Serializers write a member that is not set as `null`.
        let present = |schema: &&Value| !schema.is_null();
        let (member, json) = match config.response_json_schema.as_ref().filter(present) {
            Some(schema) => ("responseJsonSchema", Some(schema)),
            None => (
                "_responseJsonSchema",
                config.response_json_schema_ordered.as_ref().filter(present),
            ),
        };
        let mime_type = essence_of(config.response_mime_type.as_deref().unwrap_or_default());
        match (mime_type.as_str(), openapi, json) {
            (_, Some(_), Some(_)) => Err(invalid_argument(
                "responseSchema and responseJsonSchema exclude each other: remove one of them",
            )),
            ("text/plain", None, None) => Ok(Self::Text),
            ("application/json", None, None) => Ok(Self::Json),
            ("application/json", Some(openapi), None) => {
                let path = "generationConfig.responseSchema";
                Self::of_schema(
                    &schema::from_openapi(openapi, path, ignored)?,
                    path,
                    ignored,
                )
            }
            ("application/json", None, Some(json)) => {
                Self::of_schema(json, &format!("generationConfig.{member}"), ignored)
            }
            ("text/x.enum" | "text/x-enum", Some(openapi), None)
                if matches!(openapi.r#type, None | Some(Type::String))
                    && !openapi.r#enum.is_empty() =>
            {
                Ok(Self::Choice(openapi.r#enum.clone()))
            }
            ("text/x.enum" | "text/x-enum", None, Some(json)) => choices(json).map(Self::Choice),
            ("text/x.enum" | "text/x-enum", ..) => Err(invalid_argument(
                "responseMimeType is text/x.enum: set a responseSchema of type STRING with an enum",
            )),
            ("text/plain", ..) => Err(invalid_argument(
                "a response schema is set: set responseMimeType to application/json or text/x.enum",
            )),
            (other, ..) => Err(invalid_argument(format!(
                "responseMimeType is {other:?}: use text/plain, application/json or text/x.enum"
            ))),
        }
    }

    /// Compiles a schema, and reports the keywords that cannot be enforced.
    fn of_schema(schema: &Value, path: &str, ignored: &IgnoredSettings) -> Result<Self> {
        let schema = Schema::compile(schema, path)?;
        for pointer in &schema.left_out {
            ignored.ignore(format!(
                "{path}{pointer} cannot be enforced; the reply is checked against it"
            ))?;
        }
        Ok(Self::Schema(Box::new(schema)))
    }

    /// Returns the instructions for the model; `None` if none are needed.
    ///
    /// `mentions_json` is whether a text of the request mentions JSON. A request for JSON is then not repeated. A
    /// schema is always added, because the texts of the request need not describe all of it.
    pub(super) fn instructions(&self, mentions_json: bool) -> Option<String> {
        match self {
            Self::Text => None,
            Self::Json if mentions_json => None,
            Self::Json => Some("Answer with JSON.".to_owned()),
            Self::Schema(schema) => Some(format!(
                "Answer with JSON that matches this JSON schema:\n{}",
                schema.declared
            )),
            Self::Choice(choices) => Some(format!(
                "Answer with exactly one of these:\n{}",
                choices.join("\n")
            )),
        }
    }
}

/// Returns a media type in lower case and without its parameters. Text is the default.
fn essence_of(mime_type: &str) -> String {
    let essence = mime_type.split(';').next().unwrap_or_default();
    match essence.trim() {
        "" => "text/plain".to_owned(),
        essence => essence.to_ascii_lowercase(),
    }
}

/// Returns the strings in the `enum` of a JSON Schema.
fn choices(schema: &Value) -> Result<Vec<String>> {
    let texts = schema
        .get("enum")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let texts: Option<Vec<_>> = texts
        .iter()
        .map(|text| text.as_str().map(str::to_owned))
        .collect();
    texts.filter(|texts| !texts.is_empty()).ok_or_else(|| {
        invalid_argument("responseMimeType is text/x.enum: set a schema with an enum of strings")
    })
}
