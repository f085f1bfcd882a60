//! What can be typed: the commands of the program.

use clap::{Parser, Subcommand};

use crate::chat::Chat;
use crate::exit::{EXIT_CODES, Exit};
use crate::printer::{Colour, Printer};
use crate::serve::{Engine, Serve};

/// Conversations with a model: with the Gemini API, or offline with the embedded model.
#[derive(Debug, Parser)]
#[command(name = "genai", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,

    /// When colours are shown
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Colour,
}

#[derive(Debug, Subcommand)]
enum Command {
    Chat(Chat),
    Serve(Serve),
    #[command(hide = true)]
    Engine(Engine),
}

impl Cli {
    /// Runs the command that was typed.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        printer.colour(self.color);
        match self.command {
            Command::Chat(chat) => chat.run(printer),
            Command::Serve(serve) => serve.run(printer),
            Command::Engine(engine) => engine.run(printer),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
