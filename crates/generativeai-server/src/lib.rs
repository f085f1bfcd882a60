//! The Gemini REST API in front of any backend, so that programs can be developed against it offline,
//! with any of the official clients.
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
//! # What is served
//!
//! Under `/v1`, `/v1beta`, `/v1alpha` and `/v1beta1/publishers/google`: `models/{m}:generateContent`,
//! `:streamGenerateContent`, `:countTokens`, `:embedContent`, `:batchEmbedContents`, `GET models`,
//! `GET models/{m}` and `GET cachedContents/{c}`, as far as the backend can; a chat page at `/`; and
//! `/healthz`. Everything else is answered too, in the JSON that the service uses for errors.
//!
//! # The road of a request
//!
//! ```text
//! connection      serve      time for the head, time to read the answer
//!   ▼
//! guard           who may ask: host, origin, key
//!   ▼
//! route, query    what is asked
//!   ▼
//! body            within size, time and memory
//!   ▼
//! fault, gate     faults on purpose; a place, or the queue, or 429
//!   ▼
//! names, lenient  which model is meant; the JSON becomes a request
//!   ▼
//! dyn Backend
//!   ▼
//! answer          a reply in one piece, or
//! stream, frame   chunks as they come, to the byte as the clients want them
//! ```

mod answer;
mod api;
mod body;
mod deadline;
mod failure;
mod fault;
mod frame;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod gate;
mod guard;
mod lenient;
mod names;
mod page;
mod query;
mod route;
mod serve;
mod server;
mod stream;

pub use fault::Faults;
pub use server::{Server, router};
