//! The chat SDK for Gemini models.

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod backend;
#[cfg(feature = "blocking")]
pub mod blocking;
mod chat;
mod error;
pub mod guide;
#[cfg(feature = "mcp")]
pub mod mcp;
mod media;
mod model;
pub mod protocol;
#[cfg(feature = "remote")]
pub mod remote;
mod stream;
pub mod testing;
mod tools;
mod trace;

pub use backend::{Backend, BoxFuture, ChunkStream, RequestOptions, Retry};
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
pub use tools::{
    Answer, AtLimit, AutomaticFunctionCalling, Function, FunctionEvent, Handler, Json, OnFailure,
    Toolbox,
};
