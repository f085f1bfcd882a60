//! Commands about files: attachments, and the files that a session is written to or read from.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, bail};
use generativeai::GenerativeModel;
use generativeai_store::Store;

use crate::attachment::mention::path_of_argument;
use crate::conversation::Conversation;
use crate::repl::state::Repl;
use crate::storage;
use crate::{export, import, transcript};

impl Repl<'_> {
    /// Attaches a file, lists the attached ones, or removes them.
    pub(super) fn attach_argument(&mut self, argument: &str) -> anyhow::Result<()> {
        match argument {
            "" if self.attachments.is_empty() => self.printer.note("no files attached"),
            "" => {
                for file in &self.attachments {
                    self.printer.note(format_args!("attached: {file}"));
                }
            }
            "-" => {
                self.attachments.clear();
                self.printer.note("all attachments removed");
            }
            argument => return self.attach(&path_of_argument(argument)),
        }
        Ok(())
    }

    /// Writes the session as JSON.
    pub(super) fn save_file(&mut self, name: &str) -> anyhow::Result<()> {
        if self.conversation().is_empty() {
            self.no_messages();
            return Ok(());
        }
        let json = export::json(&self.conversation().settled())?;
        let own: Option<PathBuf> = self.conversation().file.clone();
        let path = export::write(name, "json", own.as_deref(), &json)?;
        self.printer
            .note(format_args!("saved as {}", path.display()));
        self.conversation().file = Some(path);
        Ok(())
    }

    /// Starts a session with the conversation in a file. Its system instruction applies in this run.
    pub(super) fn load_file(&mut self, argument: &str) -> anyhow::Result<()> {
        if argument.is_empty() {
            self.printer.note("no file given: try /load FILE");
            return Ok(());
        }
        let path = path_of_argument(argument);
        let name = path.display();
        // Reading a pipe or a device may never end.
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            bail!("{name} is not a file");
        }
        let bytes = File::open(&path).map_err(anyhow::Error::from);
        let bytes = bytes.and_then(import::read);
        let bytes = bytes.with_context(|| format!("cannot read {name}"))?;
        let model = self.conversation().chat.model().clone();
        let work = loaded(&bytes, model, self.options.save);
        let Some(loaded) = self.wait(work) else {
            return Ok(());
        };
        let mut conversation = loaded.with_context(|| format!("cannot load {name}"))?;
        storage::recover_or_continue(&mut conversation, self.printer);
        self.switch_to(conversation);
        Ok(())
    }

    /// Writes the session as Markdown.
    pub(super) fn export_file(&mut self, name: &str) -> anyhow::Result<()> {
        let text = transcript::markdown(&self.conversation().settled());
        let path = export::write(name, "md", None, &text)?;
        self.printer
            .note(format_args!("written to {}", path.display()));
        Ok(())
    }
}

/// Creates a conversation from the bytes of a file.
async fn loaded(bytes: &[u8], model: GenerativeModel, save: bool) -> anyhow::Result<Conversation> {
    let store = match save {
        true => Store::open_default().await?,
        // Exists until the conversation was copied.
        false => Store::open("sqlite::memory:").await?,
    };
    let (session, instruction) = storage::import(&store, "", bytes).await?;
    let model = match instruction {
        Some(instruction) => model.system_instruction(instruction),
        None => model,
    };
    Ok(match save {
        true => storage::read_new(session, &model).await?,
        false => storage::copy(session, &model).await?,
    })
}
