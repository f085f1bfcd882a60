//! Tests of the public API against servers on loopback.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod chat;
mod connections;
mod faults;
mod llama_server;
mod recorded;
mod support;
