//! The promises of the crate, through its public API.

mod chat;
mod schema;
mod walks;
mod wire;
