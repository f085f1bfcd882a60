//! A chat SDK for Gemini models: streaming, tools, and a history that stays correct when a turn fails.
//!
//! ```no_run
//! use generativeai::GenerativeModel;
//!
//! #[tokio::main]
//! async fn main() -> generativeai::Result<()> {
//!     // The key comes from GEMINI_API_KEY or GOOGLE_API_KEY.
//!     let model = GenerativeModel::new("gemini-flash-latest")
//!         .system_instruction("You are a mountain guide. Answer in one sentence.");
//!     let mut chat = model.start_chat();
//!
//!     let response = chat.send_message("How tall is Ben Nevis?").await?;
//!     println!("{}", response.text()?);
//!     Ok(())
//! }
//! ```
//!
//! A turn is your message, all function calls, and the reply. It enters the history when the reply is
//! complete, or not at all. The [guide] goes on from here, from [streaming](guide::chats#streaming) to
//! [testing without a model](guide::testing).
//!
//! | You want to | Look at |
//! | --- | --- |
//! | have a conversation | [`GenerativeModel::start_chat`], [`ChatSession`] |
//! | ask once, without a history | [`GenerativeModel::generate_content`] |
//! | show a reply as it comes | [`SendMessage::stream`], [`GenerateContent::stream`] |
//! | go on after a turn that failed | [`ChatSession::unfinished`], [`retry`](ChatSession::retry), [`keep_partial`](ChatSession::keep_partial), [`rewind`](ChatSession::rewind) |
//! | set temperature, length or thinking | [`GenerationConfig`](protocol::config::GenerationConfig), [`ThinkingConfig`](protocol::config::ThinkingConfig) |
//! | set what is blocked as harmful | [`SafetySetting`](protocol::safety::SafetySetting) |
//! | set time limits and retries | [`RequestOptions`], [`Retry`] |
//! | send images, audio, video or PDFs | [`Blob::from_file`](protocol::content::Blob::from_file), [`FileData`](protocol::content::FileData) |
//! | let the model call your functions | [`#[function]`](macro@function), [`Function`], [`Toolbox`], [`AutomaticFunctionCalling`] |
//! | use the tools of an MCP server | `mcp::Connection`, with the feature `mcp` |
//! | get a reply as a Rust type | [`json::<T>()`](SendMessage::json) |
//! | save and load a conversation | [`ChatSession`] with `serde`, or the crate `generativeai-store` |
//! | keep a long conversation short | [`ChatSession::context_budget`] |
//! | count tokens | [`GenerativeModel::count_tokens`] |
//! | list models, or embed texts | [`Backend::list_models`], [`Backend::embed_content`] of a [`Remote`] |
//! | set the key, the address or certificates | [`Remote::builder`] |
//! | know what to do about an error | [`Error`], [`ErrorKind`] |
//! | do without `async` | [`blocking`] |
//! | test without a model | [`testing`] |
//! | answer requests yourself | [`Backend`] |
//! | come from Python | [`guide::from_python`] |
//!
//! # Features
//!
//! | Feature | Default | What it adds |
//! | --- | --- | --- |
//! | `remote` | yes | the Gemini API as a backend: [`Remote`] |
//! | `macros` | yes | the attribute [`#[function]`](macro@function) |
//! | `blocking` | yes | the same API without `async`: [`blocking`] |
//! | `tracing` | yes | spans of requests for `tracing`, without what is said |
//! | `mcp` | no | the tools of servers of the Model Context Protocol: `mcp` |
//! | `image` | no | images of the crate `image` as parts of a message |
//!
//! # Requirements
//!
//! Rust 1.95 or newer. [`Remote`] needs a `tokio` runtime with time and I/O, as `#[tokio::main]` makes it;
//! [`blocking`] brings its own. With `remote`, a C compiler is needed to build, since TLS uses `ring`. Your
//! own types as arguments of functions and as replies derive `Deserialize` of `serde` and `JsonSchema` of
//! `schemars` 1, so your `Cargo.toml` names both.

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
mod error;
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
pub mod testing;
mod tools;
mod trace;

pub use backend::{Backend, RequestOptions, Retry};

pub use chat::{
    ChatSession, Compaction, Entry, Event, Journal, Reason, ReplyStream, SendMessage, Unfinished,
};
pub use error::{Attempt, Error, ErrorKind, Result};
#[cfg(feature = "macros")]
pub use generativeai_macros::function;
pub use model::{CountTokens, GenerateContent, GenerateStream, GenerativeModel};
#[cfg(feature = "remote")]
pub use remote::Remote;
pub use schemars;
pub use stream::{BoxFuture, ChunkStream};
pub use tools::{
    Answer, AtLimit, AutomaticFunctionCalling, Function, FunctionEvent, Handler, Json, OnFailure,
    Toolbox,
};
