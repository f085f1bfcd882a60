//! The program `genai`: chat with a model in the terminal, and serve the Gemini API.

#[cfg(not(unix))]
compile_error!("genai runs on Linux and macOS only");

mod approval;
mod attachment;
mod backend;
mod catalog;
mod cli;
mod code_block;
mod commands;
mod completions;
mod continuation_key;
mod conversation;
mod engine_options;
mod environment;
mod exit;
mod export;
mod file;
mod hint;
mod import;
mod loopback;
mod message;
mod oneshot;
mod openai;
mod project;
mod prompts;
mod render;
mod repl;
mod reply;
mod schema;
mod session_list;
mod settings;
mod signals;
mod state_file;
mod storage;
mod suggest;
mod supervisor;
mod terminal;
mod tools;
mod transcript;
mod usage;

use std::process::ExitCode;

use cli::Cli;
use exit::Exit;
use render::Printer;

fn main() -> ExitCode {
    let mut printer = Printer::new();
    let result = Cli::parse().and_then(|cli| match cli {
        Some(cli) => cli.run(&mut printer),
        None => Ok(Exit::Success),
    });
    let result = result.or_else(|error| match error.downcast::<clap::Error>() {
        Ok(message) => cli::print(&message),
        Err(error) => Err(error),
    });
    let exit = result.unwrap_or_else(|error| {
        let exit = Exit::of(&error);
        if exit != Exit::Success {
            printer.error(&error);
        }
        exit
    });
    exit.into()
}
