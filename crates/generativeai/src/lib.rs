//! A chat SDK for Gemini models: streaming, tools, and a history that stays correct when a turn fails.
//!
//! A [`ChatSession`] holds a conversation. This example runs without a key and without a network, because
//! prepared replies take the place of the model. They need the feature `testing`.
//!
//! ```
//! use generativeai::{GenerativeModel, testing::Scripted};
//!
//! #[tokio::main]
//! async fn main() -> generativeai::Result<()> {
//!     let replies = Scripted::default().then_text("1,345 metres.").then_text("In 1771.");
//!     let model = GenerativeModel::new("gemini-flash-latest").backend(replies);
//!     let mut chat = model.start_chat();
//!
//!     let response = chat.send_message("How tall is Ben Nevis?").await?;
//!     assert_eq!(response.text()?, "1,345 metres.");
//!
//!     // Each message is sent with the history.
//!     chat.send_message("When was it first climbed?").await?;
//!     assert_eq!(chat.history().len(), 4);
//!     Ok(())
//! }
//! ```
//!
//! Without a backend, messages go to the Gemini API. The key comes from the environment variable
//! `GEMINI_API_KEY` or `GOOGLE_API_KEY`:
//!
//! ```no_run
//! use generativeai::GenerativeModel;
//!
//! #[tokio::main]
//! async fn main() -> generativeai::Result<()> {
//!     let model = GenerativeModel::new("gemini-flash-latest")
//!         .system_instruction("You are a mountain guide. Answer in one sentence.");
//!     let mut chat = model.start_chat();
//!
//!     let mut reply = chat.send_message("How tall is Ben Nevis?").stream();
//!     while let Some(chunk) = reply.next().await {
//!         print!("{}", chunk?.text_lossy());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # When a turn fails
//!
//! A *turn* is your message, all function calls, and the final reply. It enters the history when the reply is complete,
//! or not at all. After an error, a lost connection or a dropped future, the history is unchanged.
//!
//! ```
//! use generativeai::{GenerativeModel, testing::Scripted};
//!
//! # #[tokio::main]
//! # async fn main() -> generativeai::Result<()> {
//! // The first connection breaks.
//! let script = Scripted::default().then_fail(&[]).then_text("1,345 metres.");
//! let mut chat = GenerativeModel::new("gemini-flash-latest").backend(script).start_chat();
//!
//! let error = chat.send_message("How tall is Ben Nevis?").await.unwrap_err();
//! assert!(error.is_retryable());
//! assert!(chat.history().is_empty() && chat.unfinished().is_some());
//!
//! let response = chat.retry().await?;
//! assert_eq!(response.text()?, "1,345 metres.");
//! assert_eq!(chat.history().len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Functions and typed replies
//!
//! A function that the model may call is an ordinary Rust function. The model reads its doc comment as its description.
//! Its parameters and their types declare the arguments that the model has to send:
//!
//! ```
//! # #[cfg(feature = "macros")] {
//! use generativeai::{GenerativeModel, function};
//! # use generativeai::testing::Scripted;
//!
//! /// Returns the height of a mountain in metres.
//! #[function]
//! fn height(
//!     /// Common name of the mountain.
//!     mountain: String,
//! ) -> Result<u32, String> {
//!     match mountain.as_str() {
//!         "Ben Nevis" => Ok(1_345),
//!         // The model reads the error, and can correct its call.
//!         other => Err(format!("unknown mountain {other}")),
//!     }
//! }
//!
//! # #[tokio::main] async fn run() -> generativeai::Result<()> {
//! # let script = Scripted::default()
//! #     .then_call("height", serde_json::json!({"mountain": "Ben Nevis"})).then_text("1,345 metres.");
//! let model = GenerativeModel::new("gemini-flash-latest").tools(height::function());
//! # let model = model.backend(script);
//! let mut chat = model.start_chat().automatic_function_calling(true);
//!
//! let response = chat.send_message("How tall is Ben Nevis?").await?;
//! assert_eq!(response.text()?, "1,345 metres.");
//! # Ok(()) } run().unwrap(); }
//! ```
//!
//! With [`json::<T>()`](SendMessage::json) the reply itself is a Rust value. The request contains the JSON Schema of
//! the type. A reply that does not match it is an error; with `retries` the model is asked again first:
//!
//! ```
//! use generativeai::GenerativeModel;
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//! # use generativeai::testing::Scripted;
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Mountain {
//!     name: String,
//!     /// Height above sea level.
//!     metres: u32,
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> generativeai::Result<()> {
//! # let script = Scripted::default().then_text(r#"{"name": "Ben Nevis", "metres": 1345}"#);
//! # let model = GenerativeModel::new("gemini-flash-latest").backend(script);
//! let question = "Which mountain is the highest in Scotland?";
//! let mountain: Mountain = model.generate_content(question).json().retries(2).await?;
//! assert_eq!((mountain.name.as_str(), mountain.metres), ("Ben Nevis", 1_345));
//! # Ok(())
//! # }
//! ```
//!
//! The [guide] continues from here, from [streaming](guide::chats#streaming) to [testing](guide::testing).
//!
//! # Where to find it
//!
//! | To | See |
//! | --- | --- |
//! | have a conversation | [`GenerativeModel::start_chat`], [`ChatSession`] |
//! | send a single prompt without a history | [`GenerativeModel::generate_content`] |
//! | show a reply while it is generated | [`SendMessage::stream`], [`GenerateContent::stream`] |
//! | return a stream that owns its chat, from a web handler | [`SendMessage::new`] |
//! | continue after a turn that failed | [`ChatSession::unfinished`], [`retry`](ChatSession::retry), [`keep_partial`](ChatSession::keep_partial), [`rewind`](ChatSession::rewind) |
//! | set temperature, length or thinking | [`GenerationConfig`](protocol::config::GenerationConfig), [`ThinkingConfig`](protocol::config::ThinkingConfig) |
//! | set safety thresholds | [`SafetySetting`](protocol::safety::SafetySetting) |
//! | set timeouts and retries | [`RequestOptions`], [`Retry`] |
//! | send images, audio, video or PDFs | [`Blob::from_file`](protocol::content::Blob::from_file), [`FileData`](protocol::content::FileData) |
//! | let the model call functions | [`#[function]`](macro@function), [`Function`], [`Toolbox`], [`AutomaticFunctionCalling`] |
//! | approve function calls before they run | [`AutomaticFunctionCalling::approve`], [`ChatSession::decide`] |
//! | use the tools of an MCP server | `mcp::Connection`, with the feature `mcp` |
//! | get a reply as a Rust type | [`json::<T>()`](SendMessage::json) |
//! | save and load a conversation | [`ChatSession`] with `serde`, or the crate `generativeai-store` |
//! | limit the length of a conversation | [`ChatSession::context_budget`] |
//! | count tokens | [`GenerativeModel::count_tokens`] |
//! | list models, or compute embeddings | [`Backend::list_models`], [`Backend::embed_content`] of a [`Remote`] |
//! | set key, URL or certificates | [`Remote::builder`] |
//! | handle errors | [`Error`], [`ErrorKind`] |
//! | write code without `async` | [`blocking`] |
//! | test without a model | [`testing`] |
//! | ask another model if one is overloaded | [`Fallback`] |
//! | implement another backend | [`Backend`] |
//! | translate Python code | [`guide::from_python`] |
//!
//! # Features
//!
//! | Feature | Default | Adds |
//! | --- | --- | --- |
//! | `remote` | yes | the Gemini API as a backend: [`Remote`] |
//! | `macros` | yes | the attribute [`#[function]`](macro@function) |
//! | `blocking` | yes | the same API without `async`: [`blocking`] |
//! | `tracing` | yes | spans of requests for the crate `tracing`, without prompts and replies |
//! | `testing` | no | backends for tests: [`testing`], [`check_backend`] |
//! | `mcp` | no | tools of servers of the Model Context Protocol: `mcp` |
//! | `image` | no | conversion of images of the crate `image` into parts of a message |
//!
//! # Requirements
//!
//! Rust 1.95 or newer. [`Remote`] needs a `tokio` runtime with time and I/O, such as `#[tokio::main]` creates;
//! [`blocking`] has its own runtime. The feature `remote` needs a C compiler, because TLS uses `ring`. Without default
//! features the crate compiles for `wasm32-unknown-unknown`, with a backend of your own. Types for arguments of
//! functions and for typed replies implement `Deserialize` of `serde` and `JsonSchema` of `schemars` 1. List both
//! crates in your `Cargo.toml`.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(feature = "remote", any(test, feature = "__internals")))]
#[doc(hidden)]
pub mod __internals;
#[doc(hidden)]
pub mod __private;
mod backend;
#[cfg(feature = "blocking")]
pub mod blocking;
mod chat;
#[cfg(feature = "testing")]
mod check_backend;
mod error;
mod fallback;
pub mod guide;
mod json_schema;
#[cfg(feature = "mcp")]
pub mod mcp;
mod media;
mod model;
pub mod protocol;
#[cfg(feature = "remote")]
pub mod remote;
mod response;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod tools;
mod trace;

pub use backend::{Backend, RequestOptions, Retry};

pub use chat::{
    ChatSession, Compaction, Entry, Event, Journal, Reason, ReplyStream, SendJson, SendMessage,
    Unfinished, WaitingCall,
};
#[cfg(feature = "testing")]
pub use check_backend::check_backend;
pub use error::{Attempt, Error, ErrorKind, Result};
pub use fallback::Fallback;
#[cfg(feature = "macros")]
pub use generativeai_macros::function;
pub use model::{CountTokens, GenerateContent, GenerateJson, GenerateStream, GenerativeModel};
#[cfg(feature = "remote")]
#[doc(inline)]
pub use remote::Remote;
pub use schemars;
pub use stream::{BoxFuture, ChunkStream};
pub use tools::{
    Approval, ApprovalPolicy, AutomaticFunctionCalling, CallRequest, Decision, Function,
    FunctionEvent, Handler, IntoFunctionResponse, Json, OnFailure, OnRoundLimit, Toolbox,
};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
