//! The promises of the crate, through its public API, against servers on loopback.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod chat;
mod connections;
mod faults;
#[path = "../../../generativeai/tests/it/support/http2.rs"]
mod http2;
mod llama_server;
mod recorded;
#[path = "../../../generativeai/tests/it/support/stopped_time.rs"]
mod stopped_time;
mod support;
#[path = "../../../generativeai/tests/it/support/tls.rs"]
mod tls;
