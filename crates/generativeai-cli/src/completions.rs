//! `genai completions`: what makes a shell complete commands, options, and names.

pub(crate) mod names;

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

use crate::exit::Exit;
use crate::printer::Printer;

/// While this is set, the program says what can be typed, and does nothing else.
const VARIABLE: &str = "GENAI_COMPLETE";

/// Print what makes a shell complete commands, options, and the names of chats and models.
///
/// For bash: genai completions bash > ~/.local/share/bash-completion/completions/genai
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell that is to complete
    shell: Shell,
}

impl Completions {
    /// Runs the command. What it prints asks this program for each completion.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let shells = Shells::builtins();
        let shell = shells.completer(&self.shell.to_string());
        let shell = shell.context("there are no completions for this shell")?;
        let mut script = Vec::new();
        let written = shell.write_registration(VARIABLE, "genai", "genai", "genai", &mut script);
        written.context("the completions cannot be made")?;
        let script = String::from_utf8(script).context("the completions are no text")?;
        printer.answer(&script)?;
        Ok(Exit::Done)
    }
}

/// Says what can be typed, if it is a shell that asks; else says that it is none.
///
/// # Errors
/// The shell is none that is known.
pub(crate) fn asked(program: fn() -> Command) -> Result<bool, clap::Error> {
    let folder = std::env::current_dir().ok();
    let completing = CompleteEnv::with_factory(program).var(VARIABLE);
    completing.try_complete(std::env::args_os(), folder.as_deref())
}
