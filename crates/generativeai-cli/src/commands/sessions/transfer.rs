//! `genai sessions export` and `genai sessions import`.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clap_complete::ArgValueCandidates;
use generativeai::ErrorKind;
use generativeai_store::{Session, Store};

use crate::exit::{UsageError, refused};
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
        let session = self.import(&bytes, store, printer).await?;
        printer.answer(&format!("{}\n", session.info().await?.name))
    }

    /// Reads the file, or stdin for `-`.
    fn read(&self) -> anyhow::Result<Vec<u8>> {
        match self.file.as_os_str() == "-" {
            true => import::read(io::stdin().lock()),
            false => import::read(File::open(&self.file)?),
        }
    }

    async fn import(
        &self,
        bytes: &[u8],
        store: &Store,
        printer: &mut Printer,
    ) -> anyhow::Result<Session> {
        // An export of this program contains all events of a session, including undone turns. Other formats contain
        // only messages.
        let name = self.name.trim();
        if import::is_event_log(bytes) {
            let session = store.import_jsonl(name, bytes).await.map_err(refused)?;
            if name.is_empty() {
                rename(&session, import::name_in_log(bytes)).await?;
            }
            return Ok(session);
        }
        let imported = import::parse(bytes).map_err(|UsageError(error)| {
            UsageError(format!("cannot import {}: {error}", self.file.display()))
        })?;
        if imported.instruction.is_some() {
            printer.note("(the system instruction is not imported: set it with --system)");
        }
        let first = imported.contents.first().cloned();
        let session = store.import_contents(name, imported.contents).await;
        let session = session.map_err(refused)?;
        if let Some(first) = first {
            storage::name_after_message(&session, &first).await;
        }
        Ok(session)
    }
}

/// Renames an imported session as it was called where it was exported. If that name is taken, or is only a number, the
/// session is named after its first message.
async fn rename(session: &Session, name: Option<String>) -> anyhow::Result<()> {
    // An empty name would remove the name of the session.
    let is_renamed = match name.filter(|name| !name.trim().is_empty()) {
        Some(name) => match session.rename(&name).await {
            Err(error) if error.kind() == ErrorKind::Request => false,
            renamed => renamed.map(|()| true)?,
        },
        None => false,
    };
    if !is_renamed && let Some(first) = session.contents().await?.first() {
        storage::name_after_message(session, first).await;
    }
    Ok(())
}
