//! The promises of the crate, through its public API.

mod chat;
#[cfg(feature = "remote")]
mod recorded;
#[cfg(feature = "remote")]
mod remote;
mod schema;
mod structured;
mod support;
mod tools;
mod walks;
mod wire;
