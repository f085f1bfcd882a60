//! The words of the Gemini API: every message it takes and gives, as plain data.
//!
//! Fields are public and may all be absent; those of requests have setters of the same names. Nothing
//! is lost in reading: enum values and members this version does not know are kept and sent again.
//! Reading is lenient (`null` is absent, enums come by name or number, numbers as strings), writing is
//! canonical.

#[macro_use]
mod macros;

mod builtin;
mod cache;
mod candidate;
mod citation;
mod code;
mod config;
mod content;
mod contents;
mod count;
mod embed;
mod file;
mod function;
mod grounding;
mod join;
pub(crate) mod json_schema;
mod logprobs;
mod media;
mod modality;
mod model;
mod part;
mod request;
mod response;
mod safety;
mod schema;
mod speech;
mod status;
mod sum;
mod time;
mod tool;
mod tool_config;
mod unknown;
mod url_context;
mod verdict;
mod wire;

pub use builtin::*;
pub use cache::*;
pub use candidate::*;
pub use citation::*;
pub use code::*;
pub use config::*;
pub use content::*;
pub use contents::Contents;
#[cfg(feature = "remote")]
pub(crate) use contents::Json;
pub(crate) use contents::{Transcript, text_element};
pub use count::*;
pub use embed::*;
pub use file::*;
pub use function::*;
pub use grounding::*;
pub use logprobs::*;
pub use media::*;
pub use modality::*;
pub use model::*;
pub use part::*;
pub use request::*;
pub use response::*;
pub use safety::*;
pub use schema::*;
pub use speech::*;
pub use status::*;
pub use time::*;
pub use tool::*;
pub use tool_config::*;
pub use unknown::*;
pub use url_context::*;
