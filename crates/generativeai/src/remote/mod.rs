//! The REST API as a backend: `Remote`, and the road of a request and its answer.
//!
//! ```text
//! GenerateContentRequest
//!   │ body, address        written once, in pieces that all attempts share
//!   ▼
//! call ── retry, budget    attempts, until one has an answer or it is given up
//!   │ transport, tls       the only files that know of HTTP and of TLS
//!   ▼
//! pieces of a body         watched over by `watch`: a deadline, the longest silence
//!   │ events               sse or array: the JSON of each event, whatever the pieces
//!   ▼
//! reply, failure           a value, or the error the service tells of
//! ```

mod address;
mod array;
mod body;
mod budget;
mod builder;
mod call;
mod chunks;
mod client;
mod clock;
mod connect;
mod connections;
mod events;
// Not within `events`, so that a benchmark may include the decoder by itself.
#[cfg(test)]
#[path = "events/tests.rs"]
mod events_tests;
mod extent;
mod failure;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod gather;
mod limits;
mod methods;
#[cfg(feature = "mcp")]
mod other;
mod reply;
mod resolve;
mod retry;
mod secret;
mod sse;
mod tls;
mod transport;
mod watch;

pub use builder::RemoteBuilder;
pub use client::Remote;
pub use clock::Clock;
#[cfg(feature = "mcp")]
pub(crate) use other::client_for;
