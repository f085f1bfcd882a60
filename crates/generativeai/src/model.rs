//! A model to ask: its name, its settings, and the backend that answers.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::backend::{Backend, RequestOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::caches::CachedContent;
use crate::protocol::config::GenerationConfig;
use crate::protocol::content::Content;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::FinishReason;
use crate::protocol::safety::SafetySetting;
use crate::protocol::tools::ToolConfig;
use crate::tools::Toolbox;

mod change;
mod count;
mod generate;
mod saved;
mod settings;
mod structured;

pub use count::CountTokens;
pub use generate::{GenerateContent, GenerateStream};
pub(crate) use saved::SavedModel;
pub(crate) use settings::{Prepared, Settings, message_setters};

/// A model to ask: its name, its settings, and the [backend](Backend) that answers.
///
/// Without a [`backend`](Self::backend) the REST API answers, with the key and the address from the
/// environment. A clone shares the backend.
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
    name: String,
    /// Who answers: set, or found in the environment when first needed. Clones share it.
    backend: Arc<OnceLock<Arc<dyn Backend>>>,
    system_instruction: Option<Content>,
    cached_content: Option<String>,
    settings: Settings,
}

impl GenerativeModel {
    /// Names the model; a name without `/` gets `models/` in front.
    ///
    /// The name is checked when it is used: a bad one is an error of the first request.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: full_name(name.into()),
            backend: Arc::default(),
            system_instruction: None,
            cached_content: None,
            settings: Settings::default(),
        }
    }

    /// Takes the model that a cache was made for, to go on from what the cache holds.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] if the cache has no name or no model.
    pub fn from_cached_content(cached: &CachedContent) -> Result<Self> {
        let missing = |what: &str| {
            let message =
                format!("the cached content has no {what}: get it from the service first");
            Error::new(ErrorKind::Request, message)
        };
        let model = cached.model.as_deref().filter(|name| !name.is_empty());
        let name = cached.name.as_deref().filter(|name| !name.is_empty());
        let mut this = Self::new(model.ok_or_else(|| missing("model"))?);
        this.cached_content = Some(name.ok_or_else(|| missing("name"))?.to_owned());
        Ok(this)
    }

    /// Sets who answers.
    #[must_use]
    pub fn backend(mut self, backend: impl Backend + 'static) -> Self {
        self.backend = Arc::new(OnceLock::from(Arc::new(backend) as Arc<dyn Backend>));
        self
    }

    /// Sets what the model is told before the conversation; a part or text has no role.
    #[must_use]
    pub fn system_instruction(mut self, instruction: impl Into<Content>) -> Self {
        self.system_instruction = Some(instruction.into());
        self
    }

    /// Sets the cache to go on from, by its name: `cachedContents/…`.
    #[must_use]
    pub fn cached_content(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.cached_content = Some(if name.contains('/') {
            name
        } else {
            format!("cachedContents/{name}")
        });
        self
    }

    /// Sets how replies are generated, where a message does not say otherwise.
    #[must_use]
    pub fn generation_config(mut self, config: GenerationConfig) -> Self {
        self.settings.generation_config = Some(Box::new(config));
        self
    }

    /// Sets what is held back as harmful, where a message does not say otherwise.
    #[must_use]
    pub fn safety_settings(
        mut self,
        settings: impl IntoIterator<Item = impl Into<SafetySetting>>,
    ) -> Self {
        self.settings.safety_settings = Some(settings.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the tools the model may call, where a message does not bring others.
    #[must_use]
    pub fn tools(mut self, tools: impl Into<Toolbox>) -> Self {
        self.settings.tools = Some(tools.into());
        self
    }

    /// Sets how tools are called, where a message does not say otherwise.
    #[must_use]
    pub fn tool_config(mut self, config: impl Into<ToolConfig>) -> Self {
        self.settings.tool_config = Some(config.into());
        self
    }

    /// Sets how requests are made, where a message does not say otherwise.
    #[must_use]
    pub fn request_options(mut self, options: RequestOptions) -> Self {
        self.settings.request_options = options;
        self
    }

    /// Sets finish reasons that count as an end beside `STOP` and `MAX_TOKENS`.
    #[must_use]
    pub fn accept_finish_reasons(
        mut self,
        reasons: impl IntoIterator<Item = FinishReason>,
    ) -> Self {
        self.settings.accepted = Some(reasons.into_iter().collect());
        self
    }

    /// The full name: `models/…`, `tunedModels/…`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says whether the model could be asked with these settings, without asking.
    ///
    /// # Errors
    /// What the first request would fail with before it is sent: an empty system instruction, a
    /// function declared twice, tools beside a cache, no key for the REST API.
    pub fn check(&self) -> Result<()> {
        self.prepare(None).map(drop)
    }

    /// The backend that answers: the one that was set, else the REST API as the environment says.
    pub(crate) fn answerer(&self) -> Result<Arc<dyn Backend>> {
        if let Some(backend) = self.backend.get() {
            return Ok(Arc::clone(backend));
        }
        let found = default_backend()?;
        Ok(Arc::clone(self.backend.get_or_init(|| found)))
    }

    /// What a request and its message have in common: everything but the contents.
    pub(crate) fn prepare(&self, message: Option<&Settings>) -> Result<Prepared> {
        let settings = match message {
            Some(message) => message.over(&self.settings),
            None => self.settings.clone(),
        };
        self.refuse(&settings)?;
        let tools = settings.tools.unwrap_or_default();
        let mut request = GenerateContentRequest::default().model(self.name.clone());
        request
            .system_instruction
            .clone_from(&self.system_instruction);
        request.cached_content.clone_from(&self.cached_content);
        request.tools = tools.declarations()?;
        request.tool_config = settings.tool_config;
        request.safety_settings =
            settings::by_category(&settings.safety_settings.unwrap_or_default(), &[]);
        request.generation_config = settings.generation_config;
        Ok(Prepared {
            backend: self.answerer()?,
            request,
            tools,
            options: settings.request_options,
            accepted: settings.accepted.unwrap_or_default(),
        })
    }

    /// Refuses what no request can say.
    fn refuse(&self, settings: &Settings) -> Result<()> {
        let instruction = self.system_instruction.as_ref();
        let message = if instruction.is_some_and(|instruction| instruction.parts.is_empty()) {
            "the system instruction is empty: leave it out, or say something"
        } else if self.cached_content.is_some()
            && (instruction.is_some() || settings.tools.is_some() || settings.tool_config.is_some())
        {
            "the system instruction and the tools of a model with cached content are in the cache: \
             leave them out here"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Request, message))
    }
}

impl fmt::Debug for GenerativeModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenerativeModel")
            .field("name", &self.name)
            .field("backend", &self.backend.get())
            .field("cached_content", &self.cached_content)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn full_name(name: String) -> String {
    if name.contains('/') || name.is_empty() {
        name
    } else {
        format!("models/{name}")
    }
}

#[cfg(feature = "remote")]
fn default_backend() -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(crate::remote::Remote::from_env()?))
}

#[cfg(not(feature = "remote"))]
fn default_backend() -> Result<Arc<dyn Backend>> {
    let message = "the model has no backend: set one, or build with the feature `remote`";
    Err(Error::new(ErrorKind::Configuration, message))
}
