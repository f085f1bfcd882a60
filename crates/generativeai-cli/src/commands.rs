//! The commands of the program, one a file: each parses its arguments and calls the modules that do the
//! work.

pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod engine;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod serve;
pub(crate) mod sessions;
