//! Conversations: contents, their parts, media, code and function calls.
//!
//! A conversation is a list of [`Content`]s. Each has a [`Role`], `user` or `model`, and a list of
//! [`Part`]s; a part is a text, an image, a function call and so on. Contents are built from what a
//! program already has:
//!
//! ```
//! use generativeai::protocol::content::{Blob, Content, FunctionResponse, Part};
//! use serde_json::json;
//!
//! let question = Content::user("How tall is Ben Nevis?");
//! let image = Content::user([
//!     Part::text("Which mountain is this?"),
//!     Part::from(Blob::new("image/png", [0x89, b'P', b'N', b'G'])),
//! ]);
//! let result = Content::user(FunctionResponse::new("height", json!({"metres": 1345})));
//!
//! assert_eq!(question.parts[0].as_text(), Some("How tall is Ben Nevis?"));
//! assert_eq!(image.parts.len(), 2);
//! assert!(result.parts[0].as_function_response().is_some());
//! ```

mod code;
mod contents;
mod function;
mod json_path;
mod media;
mod message;
mod part;
mod partial_args;

pub use code::*;
pub use contents::Contents;
#[cfg(feature = "remote")]
pub(crate) use contents::Json;
pub(crate) use contents::Transcript;
pub use function::*;
pub use media::*;
pub use message::*;
pub use part::*;
