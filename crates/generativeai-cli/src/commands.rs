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

use crate::render::Printer;

/// Creates the async runtime of a command. Its worker thread drives connections while the main thread waits for input.
fn runtime() -> anyhow::Result<Runtime> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.context("cannot start the async runtime")
}

/// Returns the last of the errors of a command with several arguments, and prints the others.
fn result_of(mut errors: Vec<anyhow::Error>, printer: &mut Printer) -> anyhow::Result<()> {
    let last = errors.pop();
    for error in &errors {
        printer.error(error);
    }
    last.map_or(Ok(()), Err)
}
