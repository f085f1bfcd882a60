//! The model file, loaded: its words, its template, its limits.

mod journal;

use std::path::Path;
use std::sync::LazyLock;

use generativeai::{Error, ErrorKind, Result};
use llama_cpp_2::LlamaCppError;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;

use crate::gguf;
use crate::template::Template;

/// A model file in memory.
pub(crate) struct Model {
    raw: LlamaModel,
    name: String,
    template: Template,
    /// The texts of control tokens: what a message says must never be read as one of them.
    marks: Vec<String>,
    /// The bytes of every token, as a reply says them.
    pieces: Vec<Box<[u8]>>,
}

/// llama.cpp, made ready once.
pub(crate) fn backend() -> Result<&'static LlamaBackend> {
    static BACKEND: LazyLock<Result<LlamaBackend, LlamaCppError>> = LazyLock::new(|| {
        let backend = LlamaBackend::init()?;
        journal::listen();
        Ok(backend)
    });
    BACKEND.as_ref().map_err(|error| {
        let message = "llama.cpp is already in use by another library of this program";
        Error::new(ErrorKind::Configuration, message).with_source(error.to_string())
    })
}

impl Model {
    /// Loads a file; `template` replaces the chat template it bears.
    pub(crate) fn load(path: &Path, template: Option<&str>) -> Result<Self> {
        gguf::check(path)?;
        let backend = backend()?;
        let heard = journal::hear(|| {
            LlamaModel::load_from_file(backend, path, &LlamaModelParams::default())
        });
        let raw = heard.map_err(|(error, said)| {
            let message = format!("llama.cpp cannot load {}", path.display());
            let cause = if said.is_empty() {
                error.to_string()
            } else {
                said
            };
            Error::new(ErrorKind::Configuration, message).with_source(cause)
        })?;
        let template = match template {
            Some(template) => template.to_owned(),
            None => own_template(&raw, path)?,
        };
        let text_of = |token: LlamaToken| text_of(&raw, token);
        let template = Template::new(
            template,
            &text_of(raw.vocab().bos()),
            &text_of(raw.vocab().eos()),
        )?;
        let all = || (0..raw.n_vocab()).map(LlamaToken::new);
        let marks = all()
            .filter(|&token| raw.vocab().is_control(token))
            .map(text_of);
        let marks = marks.filter(|mark| !mark.is_empty()).collect();
        let pieces = all()
            .map(|token| raw.vocab().token_to_piece(token, false, None).into())
            .collect();
        Ok(Self {
            name: name_of(path),
            template,
            marks,
            pieces,
            raw,
        })
    }

    pub(crate) fn raw(&self) -> &LlamaModel {
        &self.raw
    }

    /// What the model is called: its file's name, in the letters of a Gemini model name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    pub(crate) fn marks(&self) -> &[String] {
        &self.marks
    }

    /// How many tokens the model was taught to keep in view.
    pub(crate) fn trained_context(&self) -> u32 {
        self.raw.n_ctx_train()
    }

    /// Whether the context can take back the end of what it knows, and lend its beginning.
    pub(crate) fn can_rewind(&self) -> bool {
        !self.raw.is_recurrent() && !self.raw.is_hybrid()
    }

    /// Whether a token ends a reply.
    pub(crate) fn ends(&self, token: LlamaToken) -> bool {
        self.raw.vocab().is_eog(token)
    }

    /// What a token says; control tokens say nothing.
    pub(crate) fn bytes_of(&self, token: LlamaToken) -> &[u8] {
        usize::try_from(token.0)
            .ok()
            .and_then(|at| self.pieces.get(at))
            .map_or(&[], |piece| piece)
    }

    /// The bytes of all tokens, by number.
    pub(crate) fn pieces(&self) -> &[Box<[u8]>] {
        &self.pieces
    }

    /// The bytes of the longest token; never 0.
    pub(crate) fn longest_piece(&self) -> usize {
        self.pieces
            .iter()
            .map(|piece| piece.len())
            .max()
            .unwrap_or(1)
            .max(1)
    }

    /// The tokens of a prompt: control tokens count as such, but for those in which `breaker`
    /// stands, which is left out.
    pub(crate) fn tokenize(&self, prompt: &str, breaker: char) -> Vec<LlamaToken> {
        let begins = self.template.begin();
        let mut add_special = begins.is_empty() || !prompt.starts_with(begins);
        let mut tokens = Vec::with_capacity(prompt.len() / 3);
        for piece in prompt.split(breaker) {
            tokens.extend(
                self.raw
                    .vocab()
                    .tokenize(piece.as_bytes(), add_special, true),
            );
            add_special = false;
        }
        tokens
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn own_template(raw: &LlamaModel, path: &Path) -> Result<String> {
    let found = raw
        .chat_template(None)
        .ok()
        .and_then(|template| template.to_string().ok());
    found.ok_or_else(|| {
        let message = format!(
            "{} bears no chat template: name one with `chat_template`, or use a model made for chats",
            path.display()
        );
        Error::new(ErrorKind::Configuration, message)
    })
}

fn name_of(path: &Path) -> String {
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().to_lowercase());
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || ".-_".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = name.unwrap_or_default().chars().map(plain).collect();
    if name.is_empty() {
        "local".to_owned()
    } else {
        name
    }
}

fn text_of(raw: &LlamaModel, token: LlamaToken) -> String {
    if token.0 < 0 {
        return String::new();
    }
    String::from_utf8_lossy(&raw.vocab().token_to_piece(token, true, None)).into_owned()
}
