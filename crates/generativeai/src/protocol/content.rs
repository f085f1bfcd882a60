//! Conversations: contents, their parts, media, code and function calls.
//!
//! A conversation is a list of [`Content`]s. Each has a [`Role`], `user` or `model`, and a list of [`Part`]s; a part is
//! text, an image, a function call and so on. Contents are built from what a program already has:
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
//!
//! # Kinds of parts
//!
//! | Data | Sent by | Contents |
//! | --- | --- | --- |
//! | [`Text`](Data::Text) | both | text; with [`thought`](Part::thought), a summary of the model's thinking |
//! | [`InlineData`](Data::InlineData) | both | bytes of an image, audio, video or a document |
//! | [`FileData`](Data::FileData) | the program | reference to an uploaded file or a video |
//! | [`FunctionCall`](Data::FunctionCall) | the model | function to run, with arguments |
//! | [`FunctionResponse`](Data::FunctionResponse) | the program | result of that function |
//! | [`ExecutableCode`](Data::ExecutableCode) | the model | code that the service runs |
//! | [`CodeExecutionResult`](Data::CodeExecutionResult) | the service | output of that code |
//! | [`ToolCall`](Data::ToolCall), [`ToolResponse`](Data::ToolResponse) | the service | built-in tool: call, result |
//!
//! # A round of function calls
//!
//! The API requires that each call is answered in the next content, by a response with the same name, and with the same
//! identifier if the call has one. A chat with [functions](crate::Function) does this; a program that keeps its own
//! history has to add the contents itself:
//!
//! ```
//! use generativeai::protocol::content::{Content, FunctionCall, FunctionResponse};
//! use serde_json::json;
//!
//! let args = json!({"mountain": "Ben Nevis"}).as_object().cloned().unwrap_or_default();
//! let call = FunctionCall::new("height", args).id("call-1");
//! let response = FunctionResponse::to(&call, json!({"metres": 1345}));
//! let history = [
//!     Content::user("How tall is Ben Nevis?"),
//!     Content::model(call),
//!     Content::user(response),
//!     Content::model("Ben Nevis is 1,345 metres tall."),
//! ];
//! assert_eq!(
//!     serde_json::to_value(&history[2])?,
//!     json!({"role": "user", "parts": [{
//!         "functionResponse": {"id": "call-1", "name": "height", "response": {"metres": 1345}},
//!     }]}),
//! );
//! # Ok::<(), serde_json::Error>(())
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
pub(crate) use contents::Transcript;
#[cfg(feature = "remote")]
pub(crate) use contents::is_foreign_signature;
pub use function::*;
pub use media::*;
pub use message::*;
pub use part::*;
