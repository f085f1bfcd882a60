//! The promises of the crate, through its public API.

mod chat;
#[cfg(feature = "remote")]
mod recorded;
#[cfg(feature = "remote")]
mod remote;
mod schema;
#[cfg(feature = "remote")]
mod support;
mod walks;
mod wire;
