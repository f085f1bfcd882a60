//! The program `genai`: conversations with a model, in the terminal.

mod advice;
mod chat;
mod cli;
mod completions;
mod config;
mod exit;
mod man;
mod model;
mod models;
mod printer;
mod serve;
mod sessions;

use std::process::ExitCode;

use cli::Cli;
use exit::Exit;
use printer::Printer;

fn main() -> ExitCode {
    let mut printer = Printer::new();
    let ended = Cli::read().and_then(|cli| match cli {
        Some(cli) => cli.run(&mut printer),
        None => Ok(Exit::Done),
    });
    let ended = ended.or_else(|error| match error.downcast::<clap::Error>() {
        Ok(help) => cli::help(&help),
        Err(error) => Err(error),
    });
    let exit = ended.unwrap_or_else(|error| {
        let exit = Exit::of(&error);
        if exit != Exit::Done {
            printer.failure(&error);
        }
        exit
    });
    exit.into()
}
