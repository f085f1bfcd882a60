//! The words of the Gemini API: every message it takes and gives, as plain data.
//!
//! Fields are public and may all be absent; those of requests have setters of the same names. Nothing
//! is lost in reading: enum values and members this version does not know are kept and sent again.
//! Reading is lenient (`null` is absent, enums come by name or number, numbers as strings), writing is
//! canonical.

#[macro_use]
mod macros;

pub mod caches;
pub mod config;
pub mod content;
pub mod embeddings;
pub mod files;
pub mod grounding;
pub mod models;
pub mod request;
pub mod response;
pub mod safety;
pub mod schema;
pub mod status;
pub mod time;
pub mod tokens;
pub mod tools;
mod unknown;
mod wire;

pub use unknown::Unknown;
