//! Decoding of streamed bodies without I/O: chunks of bytes in, the JSON of each event out.
//!
//! The events do not depend on how the network splits the bytes. Each byte is scanned once, and an event that arrived
//! in one chunk is a slice of that chunk, not a copy.

mod array;
mod events;
mod input;
mod scanner;
mod sse;

pub(crate) use events::{BodyEnd, Events};
pub(super) use scanner::is_cut;
