//! A loaded model file: its weights, vocabulary, chat template and limits.

mod llama_log;

use std::path::Path;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use generativeai::{Error, ErrorKind, Result};
use llama_cpp_2::LlamaCppError;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use toktrie::SimpleVob;

use crate::gguf;
use crate::template::Template;

/// A model in memory.
///
/// The texts and bytes of all tokens are computed once, because the sampler and the grammars need them for every token
/// of a reply.
pub(crate) struct Model {
    raw: LlamaModel,
    name: String,
    template: Template,
    /// Finds the texts of all control tokens. A message that contains one is tokenized as plain letters.
    control_tokens: AhoCorasick,
    /// Bytes of every token by its id; empty for control tokens, except those that structure a reply.
    pieces: Vec<Box<[u8]>>,
    /// Tokens that have bytes or end a reply.
    printable: SimpleVob,
    /// Length of the longest token in bytes; at least 1.
    longest_piece: usize,
}

/// How the states of the model after each token of a text become the embedding of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// The mean of all states.
    Mean,
    /// The state after the last token.
    Last,
}

/// Initializes llama.cpp, once for the process. It stays initialized until the process ends.
///
/// # Errors
///
/// Another library of the program has initialized it with the crate llama-cpp-2, which allows one handle in a process.
pub(crate) fn backend() -> Result<&'static LlamaBackend> {
    static BACKEND: LazyLock<Result<LlamaBackend, LlamaCppError>> = LazyLock::new(|| {
        let backend = LlamaBackend::init()?;
        llama_log::install();
        Ok(backend)
    });
    BACKEND.as_ref().map_err(|error| {
        let message = "llama.cpp is already in use by another library of this program";
        Error::new(ErrorKind::Configuration, message).with_source(error.to_string())
    })
}

impl Model {
    /// Loads a file. `template` replaces the chat template in the file.
    ///
    /// # Errors
    ///
    /// The file is not a model that llama.cpp can load, or has no valid chat template.
    pub(crate) fn load(path: &Path, template: Option<&str>) -> Result<Self> {
        gguf::check(path)?;
        let backend = backend()?;
        let loaded = llama_log::capture(|| {
            LlamaModel::load_from_file(backend, path, &LlamaModelParams::default())
        });
        let raw = loaded.map_err(|(error, logged)| {
            let message = format!("llama.cpp cannot load {}", path.display());
            // The error of the binding is that llama.cpp returned null. The reason is only in the log.
            let cause = if logged.is_empty() {
                error.to_string()
            } else {
                logged
            };
            Error::new(ErrorKind::Configuration, message).with_source(cause)
        })?;
        if !is_causal(&raw) {
            let message = format!(
                "{} is an encoder or a diffusion model, which cannot generate a text token by token: use a model for \
                 chats, which computes embeddings as well",
                path.display()
            );
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        let template = match template {
            Some(template) => template.to_owned(),
            None => template_of(&raw, path)?,
        };
        let text_of = |token: LlamaToken| text_of(&raw, token);
        let tokens = || (0..raw.n_vocab()).map(LlamaToken::new);
        let ends: Vec<String> = tokens()
            .filter(|&token| raw.vocab().is_eog(token))
            .map(text_of)
            .filter(|text| !text.is_empty())
            .collect();
        let template = Template::new(
            &template,
            &text_of(raw.vocab().bos()),
            &text_of(raw.vocab().eos()),
            &ends,
        )?;
        let control_tokens = tokens()
            .filter(|&token| raw.vocab().is_control(token))
            .map(text_of)
            .filter(|text| !text.is_empty());
        let control_tokens = AhoCorasick::new(control_tokens).map_err(|error| {
            let message = format!("{} has too many control tokens", path.display());
            Error::new(ErrorKind::Configuration, message).with_source(error)
        })?;
        // In many vocabularies, tags such as `<tool_call>` are control tokens. A grammar can only allow them, and the
        // parser of the reply can only find them, if they have bytes. A mark may consist of several tokens.
        let marks = template.reply_marks();
        let is_mark = |token: LlamaToken| {
            let text = text_of(token);
            !text.is_empty() && marks.iter().any(|mark| mark.contains(&text))
        };
        let pieces: Vec<Box<[u8]>> = tokens()
            .map(|token| {
                let is_visible = raw.vocab().is_control(token) && is_mark(token);
                raw.vocab().token_to_piece(token, is_visible, None).into()
            })
            .collect();
        let mut printable = SimpleVob::alloc(pieces.len());
        for (token, piece) in tokens().zip(&pieces) {
            if !piece.is_empty() || raw.vocab().is_eog(token) {
                printable.allow_token(token.0.cast_unsigned());
            }
        }
        let longest = pieces.iter().map(|piece| piece.len()).max();
        Ok(Self {
            longest_piece: longest.unwrap_or_default().max(1),
            name: name_of(path),
            template,
            control_tokens,
            pieces,
            printable,
            raw,
        })
    }

    pub(crate) fn raw(&self) -> &LlamaModel {
        &self.raw
    }

    /// Returns the name of the file in the characters that Gemini model names may have.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    pub(crate) fn control_tokens(&self) -> &AhoCorasick {
        &self.control_tokens
    }

    /// Returns the length of the context that the model was trained with, in tokens.
    pub(crate) fn trained_context(&self) -> u32 {
        self.raw.n_ctx_train()
    }

    /// Returns whether the context can drop the end of a sequence and copy its beginning. Recurrent
    /// architectures keep one state for the whole sequence and cannot.
    pub(crate) fn can_trim_sequences(&self) -> bool {
        !self.raw.is_recurrent() && !self.raw.is_hybrid()
    }

    /// Returns how embeddings are pooled. The file of an embedding model prescribes it.
    pub(crate) fn pooling(&self) -> Pooling {
        // `LLAMA_POOLING_TYPE_LAST`. Other numbers are of encoders, or of rerankers.
        match metadata(&self.raw, "pooling_type").as_deref() {
            Some("3") => Pooling::Last,
            _ => Pooling::Mean,
        }
    }

    /// Returns the number of components of an embedding.
    pub(crate) fn embedding_size(&self) -> i32 {
        self.raw.n_embd_out()
    }

    /// Returns whether a token ends a reply.
    pub(crate) fn is_end_of_generation(&self, token: LlamaToken) -> bool {
        self.raw.vocab().is_eog(token)
    }

    /// Returns the tokens that a reply may consist of. The others have no text, such as one that begins a turn of
    /// another speaker.
    pub(crate) fn printable(&self) -> &SimpleVob {
        &self.printable
    }

    /// Returns the bytes of a token; none for a control token.
    pub(crate) fn bytes_of(&self, token: LlamaToken) -> &[u8] {
        usize::try_from(token.0)
            .ok()
            .and_then(|id| self.pieces.get(id))
            .map_or(&[], |piece| piece)
    }

    /// Estimates the memory in bytes of a token of the context: keys and values in 16 bits, and attention scores for a
    /// batch in 32 bits.
    pub(crate) fn bytes_per_token(&self) -> u64 {
        /// Size of the largest batch: 128 tokens of prompts, and one of each of 64 chats.
        const BATCH: u64 = 192;
        let width = u64::try_from(self.raw.n_embd()).unwrap_or_default();
        let heads = u64::from(self.raw.n_head()).max(1);
        // With grouped-query attention, several heads share their keys and values.
        let key_width = width / heads * u64::from(self.raw.n_head_kv());
        u64::from(self.raw.n_layer()) * key_width * 2 * 2 + BATCH * heads * 4
    }

    /// Returns the bytes of all tokens by their ids.
    pub(crate) fn pieces(&self) -> &[Box<[u8]>] {
        &self.pieces
    }

    /// Returns a number of tokens that a text of this length certainly has. A bound that needs no tokenizer: megabytes
    /// of text would keep it busy for seconds.
    pub(crate) fn min_tokens(&self, bytes: usize) -> usize {
        bytes / self.longest_piece
    }

    /// Tokenizes a prompt. Control tokens are recognised unless they contain `separator`, which is
    /// removed from the prompt.
    pub(crate) fn tokenize(&self, prompt: &str, separator: char) -> Vec<LlamaToken> {
        let bos = self.template.bos();
        // Many templates write the BOS token themselves. Models were not trained on prompts with two of them.
        let mut add_special = bos.is_empty() || !prompt.starts_with(bos);
        let mut tokens = Vec::with_capacity(prompt.len() / 3);
        // The pieces are tokenized one by one, so that no token spans a separator.
        for piece in prompt.split(separator) {
            tokens.extend(
                self.raw
                    .vocab()
                    .tokenize(piece.as_bytes(), add_special, true),
            );
            add_special = false;
        }
        tokens
    }

    /// Tokenizes a text to embed, with the tokens that the model expects around it. Its letters cannot form control
    /// tokens.
    pub(crate) fn tokenize_text(&self, text: &str) -> Vec<LlamaToken> {
        self.raw.vocab().tokenize(text.as_bytes(), true, false)
    }

    /// Tokenizes text that becomes part of a reply. Control tokens are recognised.
    pub(crate) fn tokenize_reply(&self, text: &str) -> Vec<LlamaToken> {
        self.raw.vocab().tokenize(text.as_bytes(), false, true)
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Reads the chat template in a file.
///
/// # Errors
///
/// The file has none. Without a template, the form of a conversation that the model was trained with is unknown.
fn template_of(raw: &LlamaModel, path: &Path) -> Result<String> {
    let found = raw
        .chat_template(None)
        .ok()
        .and_then(|template| template.to_string().ok());
    found.ok_or_else(|| {
        let message = format!(
            "{} contains no chat template: use a model trained for chats, or set a template",
            path.display()
        );
        Error::new(ErrorKind::Configuration, message)
    })
}

/// Returns whether tokens depend on earlier ones only. Other models cannot decode a text in batches.
fn is_causal(raw: &LlamaModel) -> bool {
    // llama.cpp sets the attention of these architectures, so their files need not name it.
    let architecture = raw.meta_val_str("general.architecture");
    let is_encoder = matches!(
        architecture.as_deref(),
        Ok("gemma-embedding" | "dream" | "llada" | "llada-moe" | "rnd1")
    );
    !is_encoder && metadata(raw, "attention.causal").as_deref() != Some("false")
}

/// Returns the metadata of the file for a key without the prefix of the architecture.
fn metadata(raw: &LlamaModel, key: &str) -> Option<String> {
    let architecture = raw.meta_val_str("general.architecture").ok()?;
    raw.meta_val_str(&format!("{architecture}.{key}")).ok()
}

/// Returns the name of a file without its extension, in the characters that Gemini model names may have.
fn name_of(path: &Path) -> String {
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().to_lowercase());
    let replace = |c: char| {
        if c.is_ascii_alphanumeric() || ".-_".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = name.unwrap_or_default().chars().map(replace).collect();
    if name.is_empty() {
        "local".to_owned()
    } else {
        name
    }
}

/// Returns the text of a token, control tokens included; empty if the model has no such token.
fn text_of(raw: &LlamaModel, token: LlamaToken) -> String {
    // llama.cpp returns -1 for a special token that the vocabulary does not have.
    if token.0 < 0 {
        return String::new();
    }
    String::from_utf8_lossy(&raw.vocab().token_to_piece(token, true, None)).into_owned()
}
