//! Backends for tests: replies by script, and the contract that every backend keeps.

mod contract;
mod scripted;

pub use contract::contract;
pub use scripted::Scripted;
