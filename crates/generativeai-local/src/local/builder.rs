//! Loading a model.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use generativeai::{Error, ErrorKind, Result};

use crate::default_model;
use crate::engine::{Engine, Sizes};
use crate::grammar::Grammars;
use crate::model::Model;

use super::{Inner, Local};

/// The largest context that is taken without being asked for.
const CONTEXT: u32 = 8_192;
/// The smallest context that makes sense.
const SMALLEST: u32 = 256;
/// No context may have more sequences than this, those of waiting chats included.
const MOST_CHATS: usize = 64;

/// How a model is to be loaded.
#[derive(Clone, Debug)]
#[must_use = "nothing is loaded until `build` is called"]
pub struct Builder {
    model: Option<PathBuf>,
    chat_template: Option<String>,
    context: Option<u32>,
    chats: usize,
    queue: usize,
    threads: Option<usize>,
    deterministic: bool,
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
        }
    }
}

impl Builder {
    /// Names a GGUF file; without it the [default model](crate::default_model) is loaded.
    pub fn model(mut self, path: impl Into<PathBuf>) -> Self {
        self.model = Some(path.into());
        self
    }

    /// Sets a chat template in Jinja, in place of the one in the file.
    pub fn chat_template(mut self, template: impl Into<String>) -> Self {
        self.chat_template = Some(template.into());
        self
    }

    /// Sets how many tokens the context holds, for all chats together and for the longest: by
    /// default as many as the model was taught, but 8,192 at most. From 256 to what it was taught.
    pub fn context(mut self, tokens: u32) -> Self {
        self.context = Some(tokens);
        self
    }

    /// Sets how many chats are answered at once, from 1 to 64; by default 4.
    pub fn chats(mut self, chats: usize) -> Self {
        self.chats = chats;
        self
    }

    /// Sets how many requests may wait; by default 64.
    pub fn queue(mut self, requests: usize) -> Self {
        self.queue = requests;
        self
    }

    /// Sets how many threads compute; by default as many as there are cores.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Gives equal replies to equal requests with a seed, byte for byte.
    ///
    /// It costs speed: chats are answered one after another, and each is read from its beginning,
    /// since sums that are made in another order differ in their last bits.
    pub fn deterministic(mut self, deterministic: bool) -> Self {
        self.deterministic = deterministic;
        self
    }

    /// Loads the model. This blocks; the default model is [fetched](crate::default_model::fetch) if
    /// it is not there.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if there is no such file,
    /// [`Configuration`](ErrorKind::Configuration) if it is no model that can be loaded or a setting
    /// makes no sense, and those of [`fetch`](crate::default_model::fetch).
    pub fn build(self) -> Result<Local> {
        self.check()?;
        let path = match &self.model {
            Some(path) => path.clone(),
            None => default_model::fetch(|_| {})?,
        };
        let model = Arc::new(Model::load(&path, self.chat_template.as_deref())?);
        let context = self.context_of(&model)?;
        let sizes = Sizes {
            context,
            chats: self.chats,
            queue: self.queue,
            threads: self.threads.unwrap_or_else(cores),
            deterministic: self.deterministic,
        };
        let engine = Arc::new(Engine::start(Arc::clone(&model), sizes)?);
        Ok(Local(Arc::new(Inner {
            model,
            engine,
            grammars: Grammars::default(),
        })))
    }

    fn context_of(&self, model: &Model) -> Result<u32> {
        let most = model.trained_context().max(SMALLEST);
        match self.context {
            None => Ok(most.min(CONTEXT)),
            Some(context) if context <= most => Ok(context),
            Some(context) => Err(Error::new(
                ErrorKind::Configuration,
                format!("the context cannot have {context} tokens: the model was taught {most}"),
            )),
        }
    }

    fn check(&self) -> Result<()> {
        let wrong = |message: String| Err(Error::new(ErrorKind::Configuration, message));
        if !(1..=MOST_CHATS).contains(&self.chats) {
            return wrong(format!(
                "chats must be from 1 to {MOST_CHATS}, and is {}",
                self.chats
            ));
        }
        if self.threads == Some(0) {
            return wrong("threads must be at least 1".to_owned());
        }
        match self.context {
            Some(context) if context < SMALLEST => wrong(format!(
                "the context must be at least {SMALLEST} tokens, and is {context}"
            )),
            _ => Ok(()),
        }
    }
}

/// How many cores there are, counted once where two threads share one.
fn cores() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
    let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |block: &str, name: &str| {
        let line = block.lines().find(|line| line.starts_with(name))?;
        line.split_once(':')
            .map(|(_, value)| value.trim().to_owned())
    };
    let cores: HashSet<_> = about
        .split("\n\n")
        .filter_map(|block| Some((value(block, "physical id")?, value(block, "core id")?)))
        .collect();
    if cores.is_empty() {
        threads
    } else {
        cores.len().min(threads)
    }
}
