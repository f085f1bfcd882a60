//! What the tests stand on: a server that does what a network does, and a clock of their own.

pub(crate) mod clock;
pub(crate) mod server;

pub(crate) use clock::TestClock;
pub(crate) use server::{Act, Server};
