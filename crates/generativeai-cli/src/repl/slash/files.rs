//! Commands about files: attachments, and the files that a session is written to or read from.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use crate::attachment::mention::path_of_argument;
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
        let json = export::json(self.conversation())?;
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
        let bytes = fs::read(&path).with_context(|| format!("cannot read {name}"))?;
        let imported = import::parse(&bytes).with_context(|| format!("cannot load {name}"))?;
        let mut model = self.conversation().chat.model().clone();
        if let Some(instruction) = imported.instruction {
            model = model.system_instruction(instruction);
        }
        let contents = imported.contents;
        let conversation = if self.settings.save {
            let work = storage::create_with(contents, &model);
            let work = storage::unless_stopped(self.signals.stop(), work, self.printer);
            match self.runtime.block_on(work) {
                Some(created) => created?,
                None => return Ok(()),
            }
        } else {
            let mut conversation = storage::unsaved(&model);
            conversation.chat.set_history(contents);
            conversation
        };
        self.switch_to(conversation);
        Ok(())
    }

    /// Writes the session as Markdown.
    pub(super) fn export_file(&mut self, name: &str) -> anyhow::Result<()> {
        let text = transcript::markdown(self.conversation());
        let path = export::write(name, "md", None, &text)?;
        self.printer
            .note(format_args!("written to {}", path.display()));
        Ok(())
    }
}
