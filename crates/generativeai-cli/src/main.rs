//! The program `genai`: conversations with a model, in the terminal.

mod advice;
mod chat;
mod cli;
mod exit;
mod model;
mod printer;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use exit::Exit;
use printer::Printer;

fn main() -> ExitCode {
    let mut printer = Printer::new();
    let exit = match Cli::try_parse() {
        Ok(cli) => cli.run(&mut printer).unwrap_or_else(|error| {
            let exit = Exit::of(&error);
            if exit == Exit::Failed || exit == Exit::Usage {
                printer.failure(&error);
            }
            exit
        }),
        Err(help) => {
            // Nobody is left to tell if this cannot be written.
            let _ = help.print();
            if help.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
        }
    };
    exit.into()
}
