//! `genai man`: manual pages.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::Man;

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
        // `build` sets the full names of the subcommands. clap_mangen derives the file names from them.
        program.build();
        match self.dir {
            Some(folder) => {
                fs::create_dir_all(&folder)
                    .with_context(|| format!("cannot create the folder {}", folder.display()))?;
                write(&program, &folder)?;
            }
            None => printer.answer(&String::from_utf8_lossy(&page(&program)?))?,
        }
        Ok(Exit::Success)
    }
}

/// Writes the pages of a command and its subcommands.
fn write(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let man = Man::new(command.clone());
    let path = folder.join(man.get_filename());
    fs::write(&path, page(command)?).with_context(|| format!("cannot write {}", path.display()))?;
    let is_shown = |command: &&Command| command.get_name() != "help" && !command.is_hide_set();
    command
        .get_subcommands()
        .filter(is_shown)
        .try_for_each(|command| write(command, folder))
}

/// Returns the page of a command in the format roff.
fn page(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).manual("genai");
    man.render(&mut page)
        .context("cannot generate the manual page")?;
    Ok(page)
}
