//! `genai embed`: computes the embedding of text.

use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use generativeai::protocol::embeddings::EmbedContentRequest;
use generativeai::{Backend, RequestOptions};
use serde_json::json;

use crate::backend::{self, ModelChoice};
use crate::catalog::LOCAL;
use crate::engine_options::EngineOptions;
use crate::exit::Exit;
use crate::message;
use crate::render::Printer;

/// Print the embedding of text: a JSON array of numbers that represents its meaning.
///
/// The Gemini API, an OpenAI-compatible server or an embedded model computes it. Compare only embeddings of one model.
#[derive(Debug, Args)]
pub(crate) struct Embed {
    /// The text. Piped input is added to it
    #[arg(value_name = "TEXT")]
    words: Vec<String>,

    /// The model: one for embeddings of the Gemini API, openai:NAME, ollama:NAME, or an embedded one as for `genai chat`
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
            ModelChoice::Gemini(name) => {
                let name = match name.contains('/') {
                    true => name,
                    false => format!("models/{name}"),
                };
                let alternatives =
                    format!(", or use --model {LOCAL}, --model ollama:NAME or openai:NAME");
                let remote = backend::remote(&name, &alternatives)?;
                (name, Arc::new(remote))
            }
            other => other.backend(&EngineOptions::default(), printer)?,
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
