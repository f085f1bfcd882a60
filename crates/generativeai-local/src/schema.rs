//! JSON schemas of replies and function arguments: translated, checked, and compiled for constrained
//! decoding.

mod compile;
mod cycles;
mod exclusive;
mod lower;
mod narrow;
mod normalize;
mod pattern;
mod problem;
mod references;
mod satisfiable;
mod size;
mod subschemas;

use serde_json::Value;

use crate::error::invalid_argument;

pub(crate) use compile::Schema;

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
