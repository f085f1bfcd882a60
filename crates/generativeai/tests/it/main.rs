//! The promises of the crate, through its public API.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod budget;
mod cancel;
mod cassette;
mod chat;
mod empty;
mod endings;
#[cfg(feature = "remote")]
mod exchanges;
mod fallback;
mod field;
mod history;
mod hops;
mod journal;
mod owned;
#[cfg(feature = "remote")]
mod recorded;
#[cfg(feature = "remote")]
mod remote;
mod schema;
mod settings;
mod structured;
mod support;
mod tools;
#[cfg(feature = "tracing")]
mod trace;
mod undo;
mod unfinished;
mod walks;
mod wire;
