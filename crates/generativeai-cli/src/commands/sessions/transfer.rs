//! `genai sessions export` and `genai sessions import`.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clap_complete::ArgValueCandidates;
use generativeai_store::Store;

use crate::render::Printer;
use crate::{completions, import, storage};

/// Print a session as JSON Lines, for `genai sessions import`.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Name or number of the session
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    name: String,

    /// Print only the messages, as a list of contents for the Gemini API
    #[arg(long)]
    contents: bool,
}

impl Export {
    pub(super) async fn run(self, store: &Store, printer: &mut Printer) -> anyhow::Result<()> {
        let session = storage::existing(store, &self.name).await?;
        let text = if self.contents {
            serde_json::to_string_pretty(&session.contents().await?)? + "\n"
        } else {
            let mut lines = Vec::new();
            session.export_jsonl(&mut lines).await?;
            String::from_utf8(lines).context("the export is not UTF-8 text")?
        };
        printer.answer(&text)
    }
}

/// Import a session from a file and print its name.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file, or `-` for stdin: from `genai sessions export` or /save, a request or a list of contents of the
    /// Gemini API, or a conversation exported by another program
    file: PathBuf,

    /// Name of the session; by default the one in the export, or the first words of its first message
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
}

impl Import {
    pub(super) async fn run(self, store: &Store, printer: &mut Printer) -> anyhow::Result<()> {
        let file = self.file.display();
        let bytes = self.read().with_context(|| format!("cannot read {file}"))?;
        let imported = storage::import(store, self.name.trim(), &bytes).await;
        let (session, instruction) = imported.with_context(|| format!("cannot import {file}"))?;
        if instruction.is_some() {
            printer.note("(the system instruction is not imported: set it with --system)");
        }
        printer.answer(&format!("{}\n", session.info().await?.name))
    }

    /// Reads the file, or stdin for `-`.
    fn read(&self) -> anyhow::Result<Vec<u8>> {
        match self.file.as_os_str() == "-" {
            true => import::read(io::stdin().lock()),
            false => import::read(File::open(&self.file)?),
        }
    }
}
