//! Chats as files: out of the store, and into it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use clap_complete::ArgValueCandidates;
use generativeai::protocol::content::Content;
use generativeai_store::{Session, Store};

use crate::completions::names;
use crate::exit::Usage;
use crate::printer::Printer;

/// No more is taken in at once, in bytes.
const MOST: u64 = 1 << 30;

/// Print a chat: what happened in it, as JSON Lines, for `genai sessions import`.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Its name or number
    #[arg(add = ArgValueCandidates::new(names::chats))]
    name: String,

    /// Print what was said alone, as the list of contents that the Gemini API takes
    #[arg(long)]
    contents: bool,
}

impl Export {
    pub(super) async fn run(self, store: &Store, printer: &mut Printer) -> anyhow::Result<()> {
        let session = store.session(&self.name).await?;
        let text = if self.contents {
            serde_json::to_string_pretty(&session.contents().await?)? + "\n"
        } else {
            let mut lines = Vec::new();
            session.export_jsonl(&mut lines).await?;
            String::from_utf8(lines).context("the export is no text")?
        };
        printer.answer(&text)
    }
}

/// Take a chat in that was exported, and print its name.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file: JSON Lines, or a list of contents as the Gemini API takes it; `-` for what is piped in
    file: PathBuf,

    /// Its name here; by default it has a number
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
}

impl Import {
    pub(super) async fn run(self, store: &Store, printer: &mut Printer) -> anyhow::Result<()> {
        let bytes =
            read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        let session = self.take_in(&bytes, store).await?;
        printer.answer(&format!("{}\n", session.info().await?.name))
    }

    async fn take_in(&self, bytes: &[u8], store: &Store) -> anyhow::Result<Session> {
        if bytes.len() as u64 > MOST {
            return Err(Usage("the chat is too long: 1 GiB is the most".to_owned()).into());
        }
        if bytes.trim_ascii_start().first() != Some(&b'[') {
            return Ok(store.import_jsonl(&self.name, bytes).await?);
        }
        let contents: Vec<Content> = serde_json::from_slice(bytes).map_err(|error| {
            Usage(format!(
                "{} is no list of contents: {error}",
                self.file.display()
            ))
        })?;
        Ok(store.import_contents(&self.name, contents).await?)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes)?;
    } else {
        BufReader::new(File::open(path)?)
            .take(MOST + 1)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
