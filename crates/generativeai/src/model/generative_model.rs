//! The model: its name, its backend, and its system instruction. `setters` has its other settings.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::settings::Settings;
use crate::backend::Backend;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::caches::CachedContent;
use crate::protocol::content::Content;
use crate::tools::Toolbox;

/// Model with its settings and its [backend](Backend).
///
/// Without [`backend`](Self::backend) the backend is the REST API, with the key and the address from the environment:
/// see [`Remote::from_env`](crate::Remote::from_env). Clones share the backend, and with it the connections.
///
/// The settings are defaults for every request. A message or another request can override most of them; the system
/// instruction and the cached content are those of the model alone.
///
/// A model is cheap to clone. Requests start with one of these methods:
///
/// | Method | Use it for |
/// | --- | --- |
/// | [`start_chat`](Self::start_chat) | a conversation: history, functions that run, undo |
/// | [`generate_content`](Self::generate_content) | a single prompt, or contents that the program manages itself |
/// | [`count_tokens`](Self::count_tokens) | the size of a prompt, before it is sent |
/// | [`describe`](Self::describe) | the token limits of the model |
///
/// ```
/// use generativeai::{GenerativeModel, protocol::config::GenerationConfig, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let model = GenerativeModel::new("gemini-flash-latest")
///     .system_instruction("Answer in one word.")
///     .generation_config(GenerationConfig::default().temperature(0.2))
///     .backend(Scripted::default().then_text("Scotland"));
///
/// let reply = model.generate_content("Where is Ben Nevis?").await?;
/// assert_eq!(reply.text()?, "Scotland");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct GenerativeModel {
    pub(super) name: String,
    /// Backend that was set, or one created from the environment on first use. In an `Arc`, so that a backend that one
    /// clone creates is the backend of all clones.
    pub(super) backend: Arc<OnceLock<Arc<dyn Backend>>>,
    pub(super) settings: Settings,
}

impl GenerativeModel {
    /// Creates a model from its name. A name without `/` gets the prefix `models/`.
    ///
    /// [`Backend::list_models`] returns the names of a service. `gemini-flash-latest` is an alias for the newest model
    /// of a family, so its behaviour can change without a change of the program. The name is not checked here: a
    /// request with an unknown name fails with [`NotFound`](ErrorKind::NotFound).
    ///
    /// ```
    /// use generativeai::GenerativeModel;
    ///
    /// assert_eq!(GenerativeModel::new("gemini-flash-latest").name(), "models/gemini-flash-latest");
    /// assert_eq!(GenerativeModel::new("tunedModels/my-model").name(), "tunedModels/my-model");
    /// ```
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: full_name(name.into()),
            backend: Arc::default(),
            settings: Settings::default(),
        }
    }

    /// Creates the model that a cache was made for. Its requests continue after the cached content, which is cheaper
    /// and faster than sending the same long prompt each time: see [`caches`](crate::protocol::caches).
    ///
    /// # Errors
    /// [`Request`](ErrorKind::Request) if the cache has no name or no model.
    pub fn from_cached_content(cached: &CachedContent) -> Result<Self> {
        let missing = |what: &str| {
            let message =
                format!("the cached content has no {what}: get it from the service first");
            Error::new(ErrorKind::Request, message)
        };
        let model = cached.model.as_deref().filter(|name| !name.is_empty());
        let name = cached.name.as_deref().filter(|name| !name.is_empty());
        let mut this = Self::new(model.ok_or_else(|| missing("model"))?);
        this.settings.request.cached_content =
            Some(name.ok_or_else(|| missing("name"))?.to_owned());
        Ok(this)
    }

    /// Sets the backend, instead of the REST API with the settings of the environment. It can be a
    /// [`Remote`](crate::Remote) with another key, an embedded model, or a [script](crate::testing::Scripted) in tests.
    #[must_use]
    pub fn backend(mut self, backend: impl Backend + 'static) -> Self {
        self.set_backend(backend);
        self
    }

    pub(crate) fn set_backend(&mut self, backend: impl Backend + 'static) {
        // A new cell, since other clones keep the backend of the old one.
        let backend: Arc<dyn Backend> = Arc::new(backend);
        self.backend = Arc::new(OnceLock::from(backend));
    }

    /// Sets the tools, like the setter `tools`.
    pub(crate) fn set_tools(&mut self, tools: Toolbox) {
        self.settings.tools = Some(tools);
    }

    /// Sets the system instruction, which describes how the model is to behave in the whole conversation. A string or a
    /// part becomes a content without a role.
    ///
    /// An instruction is sent with each request and is not part of the history, so it survives
    /// [`rewind`](crate::ChatSession::rewind), [`clear`](crate::ChatSession::clear) and a context budget. An
    /// instruction without parts fails each request; [`without_system_instruction`](Self::without_system_instruction)
    /// removes it.
    ///
    /// ```
    /// use generativeai::GenerativeModel;
    ///
    /// let model = GenerativeModel::new("gemini-flash-latest")
    ///     .system_instruction("You are a mountain guide. Answer in one sentence, in metres.");
    /// assert_eq!(model.instruction().unwrap().text().lines().count(), 1);
    /// assert!(model.without_system_instruction().instruction().is_none());
    /// ```
    #[must_use]
    pub fn system_instruction(mut self, instruction: impl Into<Content>) -> Self {
        self.settings.request.system_instruction = Some(instruction.into());
        self
    }

    /// Removes the system instruction.
    #[must_use]
    pub fn without_system_instruction(mut self) -> Self {
        self.settings.request.system_instruction = None;
        self
    }

    /// Sets the cached content that requests continue after, by its name. A name without `/` gets the prefix
    /// `cachedContents/`.
    ///
    /// The system instruction and the tools are part of the cache. A request that sets these as well fails with
    /// [`Request`](ErrorKind::Request), and one with an expired cache with [`NotFound`](ErrorKind::NotFound). A cache
    /// belongs to one model: [`from_cached_content`](Self::from_cached_content) creates that model.
    ///
    /// API page: [Context caching](https://ai.google.dev/gemini-api/docs/caching).
    #[must_use]
    pub fn cached_content(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.settings.request.cached_content = Some(if name.contains('/') {
            name
        } else {
            format!("cachedContents/{name}")
        });
        self
    }

    /// Copies the system instruction and the settings of another model. Name, backend and cached content stay.
    ///
    /// Together with [`set_model`](crate::ChatSession::set_model) this continues a conversation with another model:
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let small = Scripted::default().then_text("Hm.");
    /// # let large = Scripted::default().then_text("It is 1,345 metres tall.");
    /// let guide = GenerativeModel::new("small").system_instruction("You are a mountain guide.");
    /// # let guide = guide.backend(small);
    /// let mut chat = guide.start_chat();
    /// chat.send_message("How tall is Ben Nevis?").await?;
    ///
    /// let model = GenerativeModel::new("large").with_settings_from(chat.model());
    /// # let model = model.backend(large);
    /// chat.set_model(model);
    ///
    /// assert!(chat.model().instruction().is_some());
    /// assert_eq!(chat.history().len(), 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_settings_from(mut self, other: &Self) -> Self {
        let cached_content = self.settings.request.cached_content.take();
        self.settings = other.settings.clone();
        self.settings.request.cached_content = cached_content;
        self
    }

    /// Returns the full name, such as `models/gemini-flash-latest` or `tunedModels/my-model`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the system instruction.
    pub fn instruction(&self) -> Option<&Content> {
        self.settings.request.system_instruction.as_ref()
    }

    /// Returns the tools that the model may use.
    pub fn toolbox(&self) -> Option<&Toolbox> {
        self.settings.tools.as_ref()
    }

    /// Checks whether a request could be made with these settings, without making one.
    ///
    /// A program can check its settings this way when it starts, before its user has written a message:
    ///
    /// ```
    /// use generativeai::{ErrorKind, GenerativeModel, testing::Scripted};
    ///
    /// let model = GenerativeModel::new("m").system_instruction("").backend(Scripted::default());
    /// assert_eq!(model.check().unwrap_err().kind(), ErrorKind::Request);
    /// assert!(model.without_system_instruction().check().is_ok());
    /// ```
    ///
    /// # Errors
    /// The error that the first request would fail with before it is sent: the system instruction is empty, two
    /// functions have the same name, tools are set although there is cached content, or the REST API has no key.
    pub fn check(&self) -> Result<()> {
        self.prepare(None).map(drop)
    }
}

/// Prints neither the system instruction nor keys: they do not belong in logs.
impl fmt::Debug for GenerativeModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenerativeModel")
            .field("name", &self.name)
            .field("backend", &self.backend.get())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Returns the resource name of a model: names without a collection are those of `models/`.
fn full_name(name: String) -> String {
    if name.contains('/') || name.is_empty() {
        name
    } else {
        format!("models/{name}")
    }
}
