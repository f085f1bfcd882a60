//! Backends for tests: replies by script, exchanges recorded and played back, and the contract that
//! every backend keeps.

mod cassette;
mod contract;
mod recorder;
mod scripted;

pub use cassette::Cassette;
pub use contract::contract;
pub use recorder::Recorder;
pub use scripted::Scripted;
