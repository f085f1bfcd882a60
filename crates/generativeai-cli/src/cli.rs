//! What can be typed: the commands of the program.

use std::ffi::OsString;
use std::io::ErrorKind;

use anyhow::Context;
use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::chat::Chat;
use crate::completions::{self, Completions};
use crate::config::{self, Config, SETTINGS};
use crate::exit::{EXIT_CODES, Exit};
use crate::man::Manual;
use crate::models::Models;
use crate::printer::{Colour, Printer};
use crate::serve::{Engine, Serve};
use crate::sessions::Sessions;

/// Conversations with a model: with the Gemini API, or offline with the embedded model.
#[derive(Debug, Parser)]
#[command(name = "genai", version, after_help = EXIT_CODES)]
#[command(after_long_help = format!("{SETTINGS}\n\n{EXIT_CODES}"))]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Typed,

    /// When colours are shown
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Colour,
}

#[derive(Debug, Subcommand)]
enum Typed {
    Chat(Box<Chat>),
    Sessions(Sessions),
    Serve(Serve),
    #[command(hide = true)]
    Engine(Engine),
    Models(Models),
    Config(Config),
    Completions(Completions),
    Man(Manual),
}

impl Cli {
    /// Reads what was typed, with what the configuration file and the environment say besides; nothing
    /// if a shell only asked what could be typed.
    ///
    /// # Errors
    /// What cannot be typed, and a request for help, as an error of clap.
    pub(crate) fn read() -> anyhow::Result<Option<Self>> {
        if completions::asked(program)? {
            return Ok(None);
        }
        // What is typed is looked at by itself first: neither help nor a mistake needs settings.
        let words: Vec<OsString> = std::env::args_os().collect();
        let typed = Self::matched(program(), &words)?;
        let words = match &typed.command {
            Typed::Chat(_) | Typed::Serve(_) => words,
            Typed::Sessions(sessions) => match sessions.stands_for() {
                Some(words) => words,
                None => return Ok(Some(typed)),
            },
            _ => return Ok(Some(typed)),
        };
        Ok(Some(Self::matched(config::apply(program())?, &words)?))
    }

    /// Runs the command that was typed.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        printer.colour(self.color);
        match self.command {
            Typed::Chat(chat) => chat.run(printer),
            Typed::Sessions(sessions) => sessions.run(printer),
            Typed::Serve(serve) => serve.run(printer),
            Typed::Engine(engine) => engine.run(printer),
            Typed::Models(models) => models.run(printer),
            Typed::Config(config) => config.run(program(), printer),
            Typed::Completions(completions) => completions.run(printer),
            Typed::Man(manual) => manual.run(program(), printer),
        }
    }

    fn matched(program: Command, words: &[OsString]) -> Result<Self, clap::Error> {
        let mut matches = program.try_get_matches_from(words)?;
        Self::from_arg_matches_mut(&mut matches)
    }
}

/// Shows the help that was asked for, or what is wrong with what was typed.
pub(crate) fn help(help: &clap::Error) -> anyhow::Result<Exit> {
    let exit = if help.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    };
    match help.print() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write the help")
        }
        _ => Ok(exit),
    }
}

/// The program, as clap knows it.
fn program() -> Command {
    config::with_environment(Cli::command())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        program().debug_assert();
    }
}
