//! `genai count`: counts the tokens of files.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clap_complete::ArgValueCompleter;
use generativeai::blocking;
use generativeai::protocol::content::Content;

use crate::attachment::Attachment;
use crate::backend::ModelChoice;
use crate::completions;
use crate::engine_options::EngineOptions;
use crate::exit::Exit;
use crate::message;
use crate::render::Printer;

/// Count the tokens of files, or of piped text.
///
/// The count is that of a request with this text alone. The embedded model adds the chat template of its file, and some
/// templates a system instruction. With several files, prints a line for each, and the total.
#[derive(Debug, Args)]
pub(crate) struct Count {
    /// Texts, images or PDFs. Without one, the text on stdin is counted
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The model whose tokens are counted, as for `genai chat`
    #[arg(short, long, add = ArgValueCompleter::new(completions::models_and_files))]
    model: Option<String>,
}

impl Count {
    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let mut contents = Vec::new();
        for path in &self.files {
            contents.push(Content::user(Attachment::read(path)?.part));
        }
        if self.files.is_empty() {
            contents.push(Content::user(message::piped()?));
        }
        let choice = ModelChoice::new(self.model.as_deref(), printer)?;
        let opened = choice.open(&EngineOptions::default(), printer)?;
        let model = blocking::GenerativeModel::from(opened.model);
        let mut counts = Vec::new();
        for content in contents {
            let counted = model.count_tokens(content).send()?;
            counts.push(
                counted
                    .total_tokens
                    .context("the model returned no count")?,
            );
        }
        if let [count] = counts[..] {
            printer.answer(&count.to_string())?;
        } else {
            for (count, path) in counts.iter().zip(&self.files) {
                printer.answer(&format!("{count:>9}  {}\n", path.display()))?;
            }
            let total: i64 = counts.iter().copied().map(i64::from).sum();
            printer.answer(&format!("{total:>9}  total"))?;
        }
        printer.end_answer()?;
        Ok(Exit::Success)
    }
}
