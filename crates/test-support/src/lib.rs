//! Fake servers and paused time for the tests of several crates. This crate is not published.
//!
//! Unit tests and integration tests are separate programs, so they can share code only through a crate. Servers that
//! one crate uses are in its `tests/it`.

#[cfg(feature = "http2")]
pub mod http2;
#[cfg(feature = "hub")]
pub mod hub;
#[cfg(feature = "http2")]
mod stopped_time;
#[cfg(feature = "http2")]
pub mod tls;

#[cfg(feature = "http2")]
pub use stopped_time::StoppedTime;
