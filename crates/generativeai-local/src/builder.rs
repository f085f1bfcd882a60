//! Options for loading a model.

use std::path::PathBuf;
use std::sync::Arc;

use generativeai::protocol::config::GenerationConfig;
use generativeai::{Error, ErrorKind, Result};

use crate::default_model;
use crate::engine::{Engine, EngineOptions};
use crate::ignored::{IgnoredSettings, OnIgnored};
use crate::local::Local;
use crate::machine;
use crate::model::Model;

/// Maximum size of the context if none is set.
const DEFAULT_CONTEXT: u32 = 32_768;
/// Size of the context if the free memory is unknown.
const SMALL_CONTEXT: u32 = 8_192;
/// Maximum number of tokens of a reply if neither the request nor the builder sets one.
const DEFAULT_MAX_OUTPUT_TOKENS: i32 = 2_048;
/// Smallest context that can hold a prompt and a reply.
const MIN_CONTEXT: u32 = 256;
/// Maximum number of concurrent chats. llama.cpp has at most 256 sequences, and cached chats need some of them.
const MAX_CHATS: usize = 64;

/// Options for loading a model. Created by [`Local::builder`].
///
/// ```no_run
/// use generativeai::GenerativeModel;
/// use generativeai_local::Local;
///
/// # async fn example() -> generativeai::Result<()> {
/// let local = Local::builder()
///     .model("qwen3-4b.gguf")
///     .context(16_384)
///     .chats(8)
///     .strict(true)
///     .build()?;
/// let model = GenerativeModel::new("local").backend(local);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "the model is loaded by `build`"]
pub struct Builder {
    model: Option<PathBuf>,
    chat_template: Option<String>,
    context: Option<u32>,
    chats: usize,
    queue: usize,
    threads: Option<usize>,
    deterministic: bool,
    /// Settings that apply where a request sets none.
    defaults: GenerationConfig,
    strict: bool,
    on_ignored: OnIgnored,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            model: None,
            chat_template: None,
            context: None,
            chats: 4,
            queue: 64,
            threads: None,
            deterministic: false,
            defaults: GenerationConfig::default().max_output_tokens(DEFAULT_MAX_OUTPUT_TOKENS),
            strict: false,
            on_ignored: OnIgnored::default(),
        }
    }
}

impl Local {
    /// Creates a builder, which loads the [default model](crate::default_model) unless
    /// [`model`](Builder::model) names another one.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Sets the GGUF file to load. Default: the [default model](crate::default_model).
    pub fn model(mut self, path: impl Into<PathBuf>) -> Self {
        self.model = Some(path.into());
        self
    }

    /// Sets a chat template in Jinja, for a file without one or with a faulty one. Default: the template in the file.
    ///
    /// A chat template renders a conversation to the text with which the model was trained. It takes the variables of
    /// Hugging Face's [`apply_chat_template`](https://huggingface.co/docs/transformers/chat_templating): `messages`,
    /// `tools`, `add_generation_prompt`, `bos_token`, `eos_token`.
    pub fn chat_template(mut self, template: impl Into<String>) -> Self {
        self.chat_template = Some(template.into());
        self
    }

    /// Sets the size of the context in tokens, from 256 to the size that the model was trained with. llama.cpp rounds
    /// it up to a multiple of 256.
    ///
    /// The context holds the prompts and replies of all running chats, and cached prefixes of finished ones. One chat
    /// may fill it, so it is also the maximum length of a chat. Its memory is allocated when the model is loaded. While texts
    /// are embedded, there is a second context, of the length of the longest one.
    ///
    /// Default: the trained size, but at most 32,768 tokens, and at most what a quarter of the free memory holds. In a
    /// container, the free memory is what its limit leaves. If the free memory is unknown, as outside of Linux, the
    /// size is at most 8,192.
    pub fn context(mut self, tokens: u32) -> Self {
        self.context = Some(tokens);
        self
    }

    /// Sets how many replies are generated concurrently, from 1 to 64. Default: 4.
    ///
    /// Concurrent replies share each pass over the weights. In the benchmark, four replies together generate 1.48 times
    /// as many tokens a second as one, so each of them is slower than one alone. They also share the
    /// [context](Self::context).
    pub fn chats(mut self, chats: usize) -> Self {
        self.chats = chats;
        self
    }

    /// Sets how many requests may wait until a reply or an embedding ends; further ones fail with 429. At least 1,
    /// since every request passes through the queue, also while nothing runs. Default: 64.
    pub fn queue(mut self, requests: usize) -> Self {
        self.queue = requests;
        self
    }

    /// Sets the maximum number of compute threads; at least 1. Default: the number of physical cores.
    ///
    /// Fewer are used while other programs keep cores busy: threads that share a core with another program slow each
    /// other down. For the same reason the number never exceeds the hardware threads of the processor.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Makes replies reproducible: equal requests get equal candidates, byte for byte. A request without a seed has
    /// the seed 0. Default: off.
    ///
    /// A seed alone does not guarantee this, because the last bits of floating-point sums depend on how tokens are
    /// divided into batches. Therefore replies are generated one after another, and each prompt is evaluated from its
    /// beginning, which is slower.
    pub fn deterministic(mut self, deterministic: bool) -> Self {
        self.deterministic = deterministic;
        self
    }

    /// Sets the `temperature`, `topP` and `topK` that apply where a request does not set them, such as those that the
    /// makers of a model recommend. Default: 0.3, 0.9 and 40, also for each of the three that is `None` here. Other
    /// members of `sampling` are ignored.
    pub fn sampling(mut self, sampling: &GenerationConfig) -> Self {
        self.defaults.temperature = sampling.temperature;
        self.defaults.top_p = sampling.top_p;
        self.defaults.top_k = sampling.top_k;
        self
    }

    /// Sets the maximum number of tokens of a reply whose request does not set `maxOutputTokens`. Default: 2,048; the
    /// minimum is 1. A reply that reaches the limit ends with the finish reason `MAX_TOKENS`.
    ///
    /// A small model may repeat itself until the context is full, which takes minutes.
    pub fn max_output_tokens(mut self, tokens: i32) -> Self {
        self.defaults.max_output_tokens = Some(tokens);
        self
    }

    /// Rejects settings that the model cannot follow, with a 400 that names them. Default: off.
    ///
    /// By default, such a setting is [ignored](Self::on_ignored). Examples are safety settings, unknown or misspelt
    /// members, a thinking budget for a model that does not think, and keywords of a schema that cannot be enforced
    /// token by token. Members without which the reply would answer something else, such as images, are always
    /// rejected.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Sets a function that receives the reason why a setting is ignored, once for each reason. Default: a warning of
    /// `tracing`.
    ///
    /// Requests wait while it runs, so it should not block. At most 256 reasons are reported. They contain names that a
    /// request has chosen.
    pub fn on_ignored(mut self, report: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_ignored = OnIgnored(Arc::new(report));
        self
    }

    /// Loads the model. If no file is set, the default model is
    /// [downloaded](crate::default_model::fetch) first unless it is cached.
    ///
    /// This method blocks: call it from a thread that may block, such as one of `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    ///
    /// - [`NotFound`](ErrorKind::NotFound): the file cannot be opened.
    /// - [`Configuration`](ErrorKind::Configuration): the file is not a model that can be loaded, an option is out of
    ///   range, or there is not enough memory.
    /// - The errors of [`fetch`](crate::default_model::fetch), if no file is set.
    pub fn build(self) -> Result<Local> {
        // Before the model is downloaded or loaded, which may take long.
        self.check()?;
        let path = match &self.model {
            Some(path) => path.clone(),
            None => default_model::fetch(|_| {})?,
        };
        let model = Arc::new(Model::load(&path, self.chat_template.as_deref())?);
        let options = EngineOptions {
            context: self.context_for(&model)?,
            chats: self.chats,
            queue: self.queue,
            threads: machine::threads(self.threads),
            deterministic: self.deterministic,
        };
        let engine = Engine::start(Arc::clone(&model), options)?;
        let ignored = IgnoredSettings::new(self.strict).reported_to(self.on_ignored);
        let mut defaults = self.defaults;
        if self.deterministic {
            defaults.seed = Some(0);
        }
        Ok(Local::new(model, engine, ignored, defaults))
    }

    /// Returns the size of the context: the one that was set, or else the default for this model and machine.
    ///
    /// # Errors
    ///
    /// The size that was set exceeds the trained one. Beyond it, positions have no meaning to the model.
    fn context_for(&self, model: &Model) -> Result<u32> {
        let trained = model.trained_context().max(MIN_CONTEXT);
        match self.context {
            None => Ok(trained.min(DEFAULT_CONTEXT).min(affordable_context(model))),
            Some(context) if context <= trained => Ok(context),
            Some(context) => Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "the context is {context} tokens, but the model was trained with {trained}: set at \
                     most that"
                ),
            )),
        }
    }

    /// Checks the ranges that do not depend on the model.
    fn check(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::new(ErrorKind::Configuration, message));
        if !(1..=MAX_CHATS).contains(&self.chats) {
            return invalid(format!(
                "chats is {}, but must be from 1 to {MAX_CHATS}",
                self.chats
            ));
        }
        if let Some(tokens @ ..=0) = self.defaults.max_output_tokens {
            return invalid(format!(
                "max_output_tokens is {tokens}, but must be at least 1"
            ));
        }
        if self.queue == 0 {
            return invalid("queue is 0, but must be at least 1".to_owned());
        }
        if self.threads == Some(0) {
            return invalid("threads is 0, but must be at least 1".to_owned());
        }
        match self.context {
            Some(context) if context < MIN_CONTEXT => invalid(format!(
                "the context is {context} tokens, but must be at least {MIN_CONTEXT}"
            )),
            _ => Ok(()),
        }
    }
}

/// Returns the size of the context that a quarter of the free memory holds.
fn affordable_context(model: &Model) -> u32 {
    let Some(available) = machine::free_memory() else {
        return SMALL_CONTEXT;
    };
    let tokens = available / 4 / model.bytes_per_token().max(1);
    u32::try_from(tokens).unwrap_or(u32::MAX).max(MIN_CONTEXT)
}
