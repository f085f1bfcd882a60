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
mod parameters;
mod pattern;
mod problem;
mod recursion;
mod references;
mod size;
mod subschemas;

use generativeai::Result;
use generativeai::protocol::Unknown;
use generativeai::protocol::schema::{Properties, Schema as OpenApi};
use serde_json::Value;

use crate::error::invalid_argument;
use crate::ignored::IgnoredSettings;

pub(crate) use compile::Schema;
pub(crate) use parameters::{Kind, parameters};

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
pub fn check_schema(schema: &Value) -> Result<()> {
    Schema::compile(schema, "#").map(drop)
}

/// Translates a schema of the Gemini API to JSON Schema. `path` names it in the request. Unknown members are ignored.
///
/// # Errors
///
/// 400 for an unknown type, and for a schema that is nested too deep. In strict mode also for an unknown member.
pub(crate) fn from_openapi(
    schema: &OpenApi,
    path: &str,
    ignored: &IgnoredSettings,
) -> Result<Value> {
    let known = without_unknown(schema.clone(), &format!("{path}: "), ignored)?;
    let translated = known.to_json_schema();
    translated.map_err(|error| invalid_argument(format!("{path}: {error}")))
}

/// Ignores the members that the type [`OpenApi`] does not have, and removes them from the schema and its subschemas.
fn without_unknown(mut schema: OpenApi, path: &str, ignored: &IgnoredSettings) -> Result<OpenApi> {
    ignored.ignore_unknown(path, &schema.unknown)?;
    schema.unknown = Unknown::default();
    let known = |schema| without_unknown(schema, path, ignored);
    let all_known = |properties: Properties| {
        let properties = properties.into_iter();
        let properties = properties.map(|(name, schema)| Ok((name, known(schema)?)));
        properties.collect::<Result<Properties>>()
    };
    let items = schema.items.map(|items| known(*items).map(Box::new));
    schema.items = items.transpose()?;
    schema.any_of = schema
        .any_of
        .into_iter()
        .map(known)
        .collect::<Result<_>>()?;
    schema.properties = schema.properties.map(all_known).transpose()?;
    schema.defs = schema.defs.map(all_known).transpose()?;
    Ok(schema)
}
