//! `genai man`: manual pages.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::{Man, generate_to};

use crate::exit::Exit;
use crate::render::Printer;

/// Print the manual page, or write the pages of all commands to a folder.
///
/// To read it: genai man | man -l -
#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// Write genai.1, genai-chat.1 and so on to this folder
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl Manual {
    /// Runs the command.
    pub(crate) fn run(self, mut program: Command, printer: &mut Printer) -> anyhow::Result<Exit> {
        if let Some(folder) = self.dir {
            let written = fs::create_dir_all(&folder).and_then(|()| generate_to(program, &folder));
            written.with_context(|| format!("cannot write to {}", folder.display()))?;
        } else {
            // Sets the names and the usage of the subcommands.
            program.build();
            let mut page = Vec::new();
            let rendered = Man::new(program).manual("genai").render(&mut page);
            rendered.context("cannot generate the manual page")?;
            printer.answer(&String::from_utf8_lossy(&page))?;
        }
        Ok(Exit::Success)
    }
}
