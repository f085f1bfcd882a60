//! `genai completions`: shell completions of commands, options and names.

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

use crate::exit::Exit;
use crate::render::Printer;

/// Environment variable that the completion script sets to request candidates from the program.
const VARIABLE: &str = "GENAI_COMPLETE";

/// Print a script that completes commands, options, and the names of sessions and models.
///
/// For bash: genai completions bash > ~/.local/share/bash-completion/completions/genai
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Runs the command. For each completion, the script runs this program, see [`complete`].
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let shells = Shells::builtins();
        let shell = shells.completer(&self.shell.to_string());
        let shell = shell.context("completions for this shell are not supported")?;
        let mut script = Vec::new();
        let written = shell.write_registration(VARIABLE, "genai", "genai", "genai", &mut script);
        written.context("cannot generate the completions")?;
        let script = String::from_utf8(script).context("the completions are not UTF-8 text")?;
        printer.answer(&script)?;
        Ok(Exit::Success)
    }
}

/// Prints candidates if a shell requests completions. Returns whether it did.
///
/// # Errors
/// The shell is not supported.
pub(crate) fn complete(program: fn() -> Command) -> Result<bool, clap::Error> {
    let folder = std::env::current_dir().ok();
    let completing = CompleteEnv::with_factory(program).var(VARIABLE);
    completing.try_complete(std::env::args_os(), folder.as_deref())
}
