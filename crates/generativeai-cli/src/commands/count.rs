//! `genai count`: counts the tokens of files.

use std::path::{Path, PathBuf};

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
    /// Texts, images or PDFs, or `-` for the text on stdin. Without one, the text on stdin is counted
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The model whose tokens are counted, as for `genai chat`
    #[arg(short, long, add = ArgValueCompleter::new(completions::models_and_files))]
    model: Option<String>,
}

impl Count {
    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let mut errors = Vec::new();
        let mut contents = Vec::new();
        let stdin = [PathBuf::from("-")];
        let files = match &self.files[..] {
            [] => &stdin[..],
            files => files,
        };
        for path in files {
            match read(path) {
                Ok(content) => contents.push((path.display(), content)),
                Err(error) => errors.push(error),
            }
        }
        if contents.is_empty() {
            return super::result_of(errors, printer).map(|()| Exit::Success);
        }
        let choice = ModelChoice::new(self.model.as_deref(), printer)?;
        let opened = choice.open(&EngineOptions::default(), printer)?;
        let model = blocking::GenerativeModel::from(opened.model);
        let mut counts = Vec::new();
        for (file, content) in contents {
            let counted = model.count_tokens(content).send()?.total_tokens;
            counts.push((counted.context("the model returned no count")?, file));
        }
        if let ([(count, _)], [_]) = (&counts[..], files) {
            printer.answer(&count.to_string())?;
        } else {
            for (count, file) in &counts {
                printer.answer(&format!("{count:>9}  {file}\n"))?;
            }
            let total: i64 = counts.iter().map(|(count, _)| i64::from(*count)).sum();
            printer.answer(&format!("{total:>9}  total"))?;
        }
        printer.end_answer()?;
        super::result_of(errors, printer).map(|()| Exit::Success)
    }
}

/// Reads a file, or the text on stdin for `-`.
fn read(path: &Path) -> anyhow::Result<Content> {
    Ok(match path.as_os_str() == "-" {
        true => Content::user(message::piped()?),
        false => Content::user(Attachment::read(path)?.part),
    })
}
