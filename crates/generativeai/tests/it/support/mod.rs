//! What the tests stand on: a server that does what a network does, a clock of their own, and drops at
//! every await.

#[cfg(feature = "remote")]
pub(crate) mod canary;
#[cfg(feature = "remote")]
pub(crate) mod clock;
#[cfg(any(feature = "remote", feature = "tracing"))]
pub(crate) mod fields;
#[cfg(feature = "remote")]
pub(crate) mod log;
pub(crate) mod memory;
#[cfg(feature = "tracing")]
pub(crate) mod notebook;
pub(crate) mod poll;
#[cfg(feature = "remote")]
pub(crate) mod server;
#[cfg(feature = "remote")]
pub(crate) mod tls;
#[cfg(feature = "remote")]
pub(crate) mod trace;

#[cfg(feature = "remote")]
pub(crate) use clock::TestClock;
#[cfg(feature = "remote")]
pub(crate) use server::{Act, Server};
