//! The commands of the program, one per file: each parses its arguments and calls the modules that do the work.

pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod count;
pub(crate) mod embed;
pub(crate) mod engine;
pub(crate) mod files;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod serve;
pub(crate) mod sessions;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};

/// Creates the async runtime of a command. Its worker thread drives connections while the main thread waits for input.
fn runtime() -> anyhow::Result<Runtime> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.context("cannot start the async runtime")
}
