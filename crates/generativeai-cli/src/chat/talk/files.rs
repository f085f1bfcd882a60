//! Files: those that go with a message, and those the conversation is written to.

use std::path::{Path, PathBuf};

use generativeai::Toolbox;
use generativeai::protocol::content::{Content, Part};

use super::Talk;
use crate::chat::attach::{Attached, mentions};
use crate::chat::files;

impl Talk<'_> {
    /// Attaches the file of that name; without one, tells those that are attached.
    pub(super) fn attach_named(&mut self, name: &str) -> anyhow::Result<()> {
        match name.trim_matches('"') {
            "" if self.attached.is_empty() => self.printer.note("nothing is attached"),
            "" => {
                for file in &self.attached {
                    self.printer
                        .note(format_args!("with the next message: {file}"));
                }
            }
            "-" => {
                self.attached.clear();
                self.printer.note("nothing is attached any longer");
            }
            name => {
                let name = name.strip_prefix('@').unwrap_or(name);
                return self.attach(&PathBuf::from(&*mentions::at_home(name)));
            }
        }
        Ok(())
    }

    /// Attaches a file and tells what it is; one that waits already is read anew.
    pub(super) fn attach(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut file = Attached::read(path)?;
        file.tokens = self.tokens_of(file.part.clone());
        self.printer.note(format_args!("attached {file}"));
        self.attached.retain(|attached| attached.path != path);
        self.attached.push(file);
        Ok(())
    }

    /// How many tokens a part is for the model; a model that does not say so is not asked twice.
    fn tokens_of(&mut self, part: Part) -> Option<i32> {
        let bare = Toolbox::default();
        let model = self.conversation().chat.model().clone();
        let model = model.without_system_instruction().tools(bare);
        let counted = model.count_tokens(Content::user(part));
        let counted = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.signals.stop() => None,
                counted = counted => counted.ok(),
            }
        });
        self.signals.forget();
        counted?.total_tokens
    }

    /// Writes the conversation as JSON.
    pub(super) fn save(&mut self, name: &str) -> anyhow::Result<()> {
        let json = files::json(self.conversation())?;
        let ours = self.conversation().saved.clone();
        let path = files::write(name, "json", ours.as_deref(), &json)?;
        self.printer
            .note(format_args!("saved as {}", path.display()));
        self.conversation().saved = Some(path);
        Ok(())
    }

    /// Writes the conversation as Markdown.
    pub(super) fn export(&mut self, name: &str) -> anyhow::Result<()> {
        let text = files::markdown(self.conversation());
        let path = files::write(name, "md", None, &text)?;
        self.printer
            .note(format_args!("written to {}", path.display()));
        Ok(())
    }
}
