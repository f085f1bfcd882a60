//! Support for tests: a server that injects network faults, stopped time, and drops at every await.

#[cfg(feature = "remote")]
pub(crate) mod canary;
pub(crate) mod chats;
pub(crate) mod dice;
#[cfg(any(feature = "remote", feature = "tracing"))]
pub(crate) mod fields;
#[cfg(feature = "remote")]
pub(crate) mod log;
pub(crate) mod memory;
pub(crate) mod mode;
#[cfg(feature = "tracing")]
pub(crate) mod notebook;
pub(crate) mod poll;
#[cfg(feature = "remote")]
pub(crate) mod retries;
#[cfg(feature = "remote")]
pub(crate) mod server;
pub(crate) mod service;
#[cfg(feature = "remote")]
pub(crate) mod trace;

#[cfg(feature = "remote")]
pub(crate) use generativeai_test_support::StoppedTime;
#[cfg(feature = "remote")]
pub(crate) use retries::Retries;
#[cfg(feature = "remote")]
pub(crate) use server::{Act, Server};
