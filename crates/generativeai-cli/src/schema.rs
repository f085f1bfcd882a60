//! The JSON Schema of a structured reply, read from a file.

use std::path::Path;

use anyhow::{Context, bail};
use generativeai::protocol::response::GenerateContentResponse;
use serde_json::Value;

use crate::exit::UsageError;
use crate::file;

/// Maximum size of a schema, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// Reads a JSON Schema. Its keywords are not checked, since a service may support other keywords than this program.
pub(crate) fn read(path: &Path) -> anyhow::Result<Value> {
    let name = path.display();
    let read = file::read(path, MAX_SIZE);
    let Some(bytes) = read.with_context(|| format!("cannot read the schema {name}"))? else {
        let message = format!("the schema {name} is too long: the maximum is 1 MiB");
        return Err(UsageError(message).into());
    };
    let schema = serde_json::from_slice(&bytes);
    let schema: Value = schema
        .map_err(|error| UsageError(format!("the schema {name} is not valid JSON: {error}")))?;
    if schema.is_object() {
        Ok(schema)
    } else {
        let message = format!(
            "the schema {name} is not a JSON object: write one, as in {{\"type\": \"object\", …}}"
        );
        Err(UsageError(message).into())
    }
}

/// Checks a reply: not every service enforces the schema. A schema that this program cannot read is left to the service.
///
/// # Errors
/// The reply is not JSON, or does not match the schema. The message contains the place in the reply.
pub(crate) fn check_response(
    schema: &Value,
    response: &GenerateContentResponse,
) -> anyhow::Result<()> {
    let reply: Value = response.json()?;
    let Ok(validator) = jsonschema::validator_for(schema) else {
        return Ok(());
    };
    if let Err(error) = validator.validate(&reply) {
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { "the root" } else { &place };
        bail!("the answer does not match the schema, at {place}: {error}");
    }
    Ok(())
}

/// Checks a schema for the embedded model, so that a mistake is reported before the model is loaded.
///
/// # Errors
/// The schema is invalid. The message contains the place in it.
pub(crate) fn check(path: &Path, schema: &Value) -> Result<(), UsageError> {
    generativeai_local::check_schema(schema).map_err(|error| {
        let name = path.display();
        UsageError(format!("cannot use the schema {name}: {error}"))
    })
}
