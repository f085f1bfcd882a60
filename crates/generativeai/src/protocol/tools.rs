//! Tools a model may use: functions of the program and tools of the service.

mod builtin;
mod config;
mod tool;

pub use builtin::*;
pub use config::*;
pub use tool::*;
