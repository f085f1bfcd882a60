//! JSON schemas of replies and function arguments: translated, checked, and compiled for constrained
//! decoding.
//!
//! ```text
//! Schema of the API ──from_openapi──▶ JSON Schema of any draft
//!   │ size          bounds depth and size, since the steps below recurse
//!   │ normalize     rewrites drafts and dialects to draft 2020-12
//!   │ arguments     restricts the arguments of functions to objects
//!   ▼
//! declared          for the prompt and the validator
//!   │ lower         keeps what a grammar can enforce; narrow makes values finite and small
//!   │ recursion     rejects references that lead only to themselves, and values that could never end
//!   ▼
//! enforced          for the grammar engine
//! ```

mod arguments;
mod compile;
mod exclusive;
mod lower;
mod narrow;
mod normalize;
mod pattern;
mod problem;
mod recursion;
mod references;
mod size;
mod subschemas;

use serde_json::Value;

use crate::error::invalid_argument;

pub(crate) use compile::Schema;

/// Checks whether a model can be constrained to a JSON Schema. No model is needed.
///
/// [`Local`](crate::Local) checks the schema of each request; this function reports a problem before a model is loaded.
/// A schema with keywords that cannot be enforced token by token, such as `uniqueItems`, passes this check.
///
/// ```
/// use serde_json::json;
///
/// let schema = json!({ "type": "object", "properties": { "height": { "type": "metres" } } });
///
/// let error = generativeai_local::check_schema(&schema).unwrap_err();
/// assert!(error.to_string().starts_with("#/properties/height/type: the type \"metres\" is unknown"));
/// ```
///
/// # Errors
/// [`ErrorKind::Request`](generativeai::ErrorKind::Request): the schema is not valid, a reference leads nowhere, or a
/// value could never end. The message begins with `#` and a JSON pointer (RFC 6901) to the place. A request may still
/// be refused if its schema is too complex, or contradicts itself.
pub fn check_schema(schema: &Value) -> generativeai::Result<()> {
    Schema::compile(schema, "#").map(drop)
}

/// Translates a schema of the Gemini API to JSON Schema. `path` names it in the request.
///
/// # Errors
///
/// 400 for an unknown type, and for a schema that is nested too deep.
pub(crate) fn from_openapi(
    schema: &generativeai::protocol::schema::Schema,
    path: &str,
) -> generativeai::Result<Value> {
    let translated = schema.to_json_schema();
    translated.map_err(|error| invalid_argument(format!("{path}: {error}")))
}
