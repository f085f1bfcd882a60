//! `genai man`: manual pages.

use std::fs::{self, File};
use std::io;
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
        // Sets the names and the usage of the subcommands.
        program.build();
        if let Some(folder) = self.dir {
            let written = fs::create_dir_all(&folder).and_then(|()| write(program, &folder));
            written.with_context(|| format!("cannot write to {}", folder.display()))?;
        } else {
            let mut page = Vec::new();
            let rendered = Man::new(program).manual("genai").render(&mut page);
            rendered.context("cannot generate the manual page")?;
            printer.answer(&String::from_utf8_lossy(&page))?;
        }
        Ok(Exit::Success)
    }
}

/// Writes the pages of a command and its subcommands. `clap_mangen::generate_to` does not set the name of the manual.
fn write(command: Command, folder: &Path) -> io::Result<()> {
    for child in command.get_subcommands() {
        if !child.is_hide_set() && child.get_name() != "help" {
            write(child.clone(), folder)?;
        }
    }
    let page = Man::new(command).manual("genai");
    page.render(&mut File::create(folder.join(page.get_filename()))?)
}
