//! `genai completions`: what makes a shell complete commands and options.

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::Exit;
use crate::printer::Printer;

/// Print the completions of commands and options for a shell.
///
/// For bash: genai completions bash > ~/.local/share/bash-completion/completions/genai
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell that is to complete
    shell: Shell,
}

impl Completions {
    /// Runs the command.
    pub(crate) fn run(self, mut program: Command, printer: &mut Printer) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "genai", &mut script);
        let script = String::from_utf8(script).context("the completions are no text")?;
        printer.answer(&script)?;
        Ok(Exit::Done)
    }
}
