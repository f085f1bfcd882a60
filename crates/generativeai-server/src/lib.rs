//! The Gemini REST API over any backend: develop against it offline, with any official client.
//!
//! ```no_run
//! use std::net::TcpListener;
//!
//! use generativeai::testing::Scripted;
//! use generativeai_server::Server;
//!
//! # async fn example() -> std::io::Result<()> {
//! let listener = TcpListener::bind(("127.0.0.1", 8080))?;
//! let stop = std::future::pending();
//! Server::new(Scripted::default().then_text("Hello!")).serve(listener, stop).await
//! # }
//! ```
//!
//! # Endpoints
//!
//! | path | endpoint |
//! | --- | --- |
//! | `POST models/{model}:generateContent` | one reply |
//! | `POST models/{model}:streamGenerateContent` | a reply in chunks: server-sent events with `?alt=sse`, else a JSON array |
//! | `POST models/{model}:countTokens` | number of tokens of a request |
//! | `POST models/{model}:embedContent`, `:batchEmbedContents` | embeddings |
//! | `GET models`, `GET models/{model}` | the backend's models |
//! | `GET cachedContents/{cache}` | a cache of the backend |
//! | `/` | the playground, a page to try the model |
//! | `/healthz` | `ok` |
//!
//! The API paths are served under `/v1`, `/v1beta`, `/v1alpha`, `/v1beta1` and without a version, with
//! or without `publishers/google` in front. What the backend does not support, and everything else,
//! gets an error in the JSON of the service, with a code that clients do not retry.
//!
//! # Path of a request
//!
//! ```text
//! serve           connection, with timeouts for its headers and for reading the response
//!   ▼
//! router, guard   header count, host, origin
//!   ▼
//! api             key, endpoint (route, query), deadline
//!   ▼
//! body            size, time and memory limits
//!   ▼
//! faults, queue   injected faults; a place among the running requests, or 429
//!   ▼
//! models          the model for the requested name
//!   ▼
//! dyn Backend
//!   ▼
//! response        one reply, or
//! stream, framing chunks, encoded exactly as the clients expect
//! ```

mod api;
mod body;
mod deadline;
mod error;
mod faults;
mod framing;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod guard;
mod lenient;
mod models;
mod playground;
mod query;
mod queue;
mod reply;
mod response;
mod route;
mod router;
mod serve;
mod server;
mod stream;

pub use faults::Faults;
pub use server::{Server, router};
