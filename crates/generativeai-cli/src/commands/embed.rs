//! `genai embed`: computes the embedding of text.

use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use generativeai::protocol::embeddings::EmbedContentRequest;
use generativeai::{Backend, RequestOptions};
use serde_json::json;

use crate::backend::{self, ModelChoice};
use crate::exit::{Exit, UsageError};
use crate::message;
use crate::render::Printer;

/// Print the embedding of text: a JSON array of numbers that represents its meaning.
///
/// Needs the Gemini API, or a server with that API or OpenAI's.
#[derive(Debug, Args)]
pub(crate) struct Embed {
    /// The text. Piped input is added to it
    #[arg(value_name = "TEXT")]
    words: Vec<String>,

    /// The embedding model: of the Gemini API, or openai:NAME or ollama:NAME
    #[arg(short, long, default_value = "gemini-embedding-001")]
    model: String,
}

impl Embed {
    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let text = match message::message(&self.words, "embed", printer)? {
            Some(text) => text,
            None => message::piped()?,
        };
        let (name, backend): (_, Arc<dyn Backend>) = match ModelChoice::named(&self.model)? {
            ModelChoice::OpenAi(model) => {
                let client = model.client(printer)?;
                (model.name, Arc::new(client))
            }
            ModelChoice::Several(_) => return Err(backend::several_models().into()),
            ModelChoice::Embedded | ModelChoice::Catalog(_) | ModelChoice::File(_) => {
                let message = format!(
                    "the embedded model {} cannot embed text: use --model ollama:NAME, openai:NAME or a model of \
                     the Gemini API",
                    self.model
                );
                return Err(UsageError(message).into());
            }
            ModelChoice::Gemini(name) => {
                let name = match name.contains('/') {
                    true => name,
                    false => format!("models/{name}"),
                };
                let alternatives = ", or use --model ollama:NAME or openai:NAME";
                let remote = backend::remote(&name, alternatives)?;
                (name, Arc::new(remote))
            }
        };
        let request = EmbedContentRequest::new(text).model(name);
        let runtime = super::runtime()?;
        let embedded =
            runtime.block_on(backend.embed_content(request, RequestOptions::default()))?;
        let embedding = embedded
            .embedding
            .context("the model returned no embedding")?;
        printer.answer(&json!(embedding.values).to_string())?;
        printer.end_answer()?;
        Ok(Exit::Success)
    }
}
