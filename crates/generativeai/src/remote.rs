//! The REST API as a backend: `Remote`, its settings, and the path of a request through the client.
//!
//! ```text
//! GenerateContentRequest
//!   │ api, body            serialized once, in pieces that all attempts share
//!   ▼
//! attempts                 one attempt after another, limited by retry and retry_budget
//!   │ transport            hyper-util's pooled client over connect, resolve and tls
//!   ▼
//! chunks of the body       each wait is limited by deadline
//!   │ decode               server-sent events or a JSON array: bytes in, the JSON of each event out
//!   ▼
//! reply, failure           a value, or the error that the service reports
//! ```

#[doc(hidden)]
pub mod __http;
mod address;
mod api;
mod attempts;
mod body;
mod builder;
mod client;
mod connect;
mod deadline;
pub(crate) mod decode;
pub(crate) mod failure;
mod files;
pub(crate) mod gemini;
mod profile;
mod reply;
mod reply_stream;
mod request;
#[cfg(feature = "mcp")]
mod reqwest_client;
mod resolve;
pub(crate) mod retry;
mod retry_budget;
pub(crate) mod secret;
mod service;
mod signatures;
mod tls;
mod transport;

pub use api::Remote;
pub use builder::RemoteBuilder;
pub use files::{AttachFile, FileList, UploadFile, UploadProgress};
#[cfg(feature = "mcp")]
pub(crate) use {builder::header, reqwest_client::client_for};
