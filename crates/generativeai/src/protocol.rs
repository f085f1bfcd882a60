//! Data types of the Gemini API, grouped by use.
//!
//! | Module | Contents |
//! | --- | --- |
//! | [`content`] | messages and their parts: text, media, function calls and responses |
//! | [`config`] | settings of a reply: sampling, length, format, thinking, images, speech |
//! | [`tools`] | functions and built-in tools that a model may use |
//! | [`schema`] | schemas of arguments and of JSON replies |
//! | [`safety`] | safety thresholds and ratings |
//! | [`request`], [`response`] | requests and replies as a [`Backend`](crate::Backend) sees them |
//! | [`grounding`] | sources of a reply |
//! | [`tokens`] | token counts |
//! | [`models`], [`embeddings`], [`files`], [`caches`] | the other resources of the API |
//! | [`status`] | errors of the API |
//! | [`time`] | timestamps and durations |
//!
//! The most common types are re-exported here: `protocol::Content` is [`content::Content`].
//!
//! # Reading and writing
//!
//! The types are plain data with public fields, and implement serde's traits for the JSON of the API.
//! Every field may be absent. The structs are `#[non_exhaustive]`, since the API grows: create one with `default()`,
//! and set its fields, or call the setters that are named after them.
//!
//! Reading is lenient: members are read in `camelCase` and in `snake_case`, `null` is absent, numbers may
//! be strings, and enum values may be numbers or names in any case. Writing has one form: `camelCase`,
//! without absent members. Members and enum values that are newer than this version are kept and written again, so
//! a stored conversation loses nothing. [`read_json`] also reads values that serde_json refuses, such as `NaN`.
//!
//! ```
//! use generativeai::protocol::config::{GenerationConfig, ThinkingLevel};
//!
//! let config: GenerationConfig = serde_json::from_str(
//!     r#"{"max_output_tokens":64,"thinkingConfig":{"thinkingLevel":"low"},"brandNew":true}"#,
//! )?;
//! assert_eq!(config.max_output_tokens, Some(64));
//! assert_eq!(config.thinking_config.as_ref().unwrap().thinking_level, Some(ThinkingLevel::Low));
//! assert_eq!(
//!     serde_json::to_string(&config)?,
//!     r#"{"maxOutputTokens":64,"thinkingConfig":{"thinkingLevel":"LOW"},"brandNew":true}"#,
//! );
//! # Ok::<(), serde_json::Error>(())
//! ```

// First: `macro_rules!` macros are visible only in the modules after them.
#[macro_use]
mod macros;

pub mod caches;
pub mod config;
pub mod content;
pub mod embeddings;
pub mod files;
pub mod grounding;
mod json;
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
mod whole_number;
mod wire;

#[doc(no_inline)]
pub use self::{
    config::GenerationConfig,
    content::{Blob, Content, FileData, FunctionCall, FunctionResponse, Part, Role},
    request::GenerateContentRequest,
    response::{Candidate, FinishReason, GenerateContentResponse, UsageMetadata},
    safety::{HarmBlockThreshold, HarmCategory, SafetySetting},
    schema::Schema,
    tools::{FunctionDeclaration, Tool, ToolConfig},
};
pub use json::{ReadJson, read_json, read_request};
#[cfg(feature = "remote")]
pub(crate) use json::{elements, read_into};
pub use unknown::Unknown;
pub(crate) use whole_number::{make_whole, whole_number};
pub(crate) use wire::Message;
