//! `genai sessions export` and `genai sessions import`.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use clap_complete::ArgValueCandidates;
use generativeai_store::{Session, Store};

use crate::exit::UsageError;
use crate::render::Printer;
use crate::{completions, import, storage};

/// Maximum size of an imported file, in bytes.
const MAX_SIZE: u64 = 1 << 30;

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

    /// Name of the session; by default the first words of its first message
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
}

impl Import {
    pub(super) async fn run(self, store: &Store, printer: &mut Printer) -> anyhow::Result<()> {
        let file = self.file.display();
        let bytes = read(&self.file).with_context(|| format!("cannot read {file}"))?;
        let session = self.import(&bytes, store, printer).await?;
        printer.answer(&format!("{}\n", session.info().await?.name))
    }

    async fn import(
        &self,
        bytes: &[u8],
        store: &Store,
        printer: &mut Printer,
    ) -> anyhow::Result<Session> {
        if bytes.len() as u64 > MAX_SIZE {
            let message = "the file is too large: the maximum is 1 GiB";
            return Err(UsageError(message.to_owned()).into());
        }
        // An export of this program contains all events of a session, such as undone turns. Other formats contain the
        // messages only.
        if import::is_event_log(bytes) {
            return Ok(store.import_jsonl(&self.name, bytes).await?);
        }
        let imported = import::parse(bytes).map_err(|UsageError(error)| {
            UsageError(format!("cannot import {}: {error}", self.file.display()))
        })?;
        if imported.instruction.is_some() {
            printer.note("(the system instruction is not imported: set it with --system)");
        }
        let first = imported.contents.first().cloned();
        let session = store.import_contents(&self.name, imported.contents).await?;
        if self.name.is_empty()
            && let Some(first) = first
        {
            storage::set_name(&session, &first).await;
        }
        Ok(session)
    }
}

/// Reads a file, or stdin for `-`. Stops one byte after the maximum size, which shows that the file is too large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin()
            .lock()
            .take(MAX_SIZE + 1)
            .read_to_end(&mut bytes)?;
    } else {
        BufReader::new(File::open(path)?)
            .take(MAX_SIZE + 1)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
