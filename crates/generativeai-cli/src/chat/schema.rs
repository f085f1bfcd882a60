//! The shape of a reply, from a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use crate::exit::Usage;

/// No schema is larger than this, in bytes.
const MOST: u64 = 1 << 20;

/// Reads a JSON Schema. What it says is for the model to understand or to refuse.
pub(super) fn read(path: &Path) -> anyhow::Result<Value> {
    let name = path.display();
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
    read.with_context(|| format!("cannot read the schema {name}"))?;
    if bytes.len() as u64 > MOST {
        return Err(Usage(format!("the schema {name} is too long: 1 MiB is the most")).into());
    }
    let schema = serde_json::from_slice(&bytes);
    let schema: Value =
        schema.map_err(|error| Usage(format!("the schema {name} is no JSON: {error}")))?;
    if schema.is_object() {
        Ok(schema)
    } else {
        let message =
            format!("the schema {name} is no JSON object, as in {{\"type\": \"object\", …}}");
        Err(Usage(message).into())
    }
}
