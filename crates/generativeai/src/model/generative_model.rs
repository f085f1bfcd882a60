//! The model: its name, its settings, and its backend.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::settings::Settings;
use crate::backend::{Backend, RequestOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::caches::CachedContent;
use crate::protocol::config::GenerationConfig;
use crate::protocol::content::Content;
use crate::protocol::request::{ModelArmorConfig, ServiceTier};
use crate::protocol::response::FinishReason;
use crate::protocol::safety::SafetySetting;
use crate::protocol::tools::ToolConfig;
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
    pub(super) system_instruction: Option<Content>,
    pub(super) cached_content: Option<String>,
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
            system_instruction: None,
            cached_content: None,
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
        this.cached_content = Some(name.ok_or_else(|| missing("name"))?.to_owned());
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
        self.system_instruction = Some(instruction.into());
        self
    }

    /// Removes the system instruction.
    #[must_use]
    pub fn without_system_instruction(mut self) -> Self {
        self.system_instruction = None;
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
        self.cached_content = Some(if name.contains('/') {
            name
        } else {
            format!("cachedContents/{name}")
        });
        self
    }

    /// Sets how replies are generated: temperature, output limit, thinking, format and so on.
    ///
    /// The configuration replaces an earlier one of the model. The configuration of a message is merged over it, field
    /// by field:
    ///
    /// ```
    /// use generativeai::protocol::config::GenerationConfig;
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::always("Hello!");
    /// let model = GenerativeModel::new("m")
    ///     .generation_config(GenerationConfig::default().temperature(0.2).max_output_tokens(64));
    /// # let model = model.backend(script.clone());
    /// let longer = GenerationConfig::default().max_output_tokens(1_024);
    /// model.generate_content("Hi").generation_config(longer).await?;
    ///
    /// let sent = script.requests()[0].generation_config.clone().unwrap();
    /// assert_eq!((sent.temperature, sent.max_output_tokens), (Some(0.2), Some(1_024)));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn generation_config(mut self, config: GenerationConfig) -> Self {
        self.settings.generation_config = Some(Box::new(config));
        self
    }

    /// Sets the probability of harm from which content is blocked, for each category. Other categories have the default
    /// of the service.
    ///
    /// A blocked prompt is an error of the kind [`Blocked`](ErrorKind::Blocked). A reply that is stopped has the finish
    /// reason [`Safety`](FinishReason::Safety). The [ratings](crate::protocol::response::Candidate::safety_ratings) of
    /// a reply show the probabilities.
    ///
    /// API page: [Safety settings](https://ai.google.dev/gemini-api/docs/safety-settings).
    ///
    /// ```
    /// use generativeai::GenerativeModel;
    /// use generativeai::protocol::safety::{HarmBlockThreshold, HarmCategory, SafetySetting};
    ///
    /// // The same threshold for all categories, and another one for harassment: the last setting of a category counts.
    /// let mut settings = SafetySetting::for_all(HarmBlockThreshold::BlockOnlyHigh);
    /// settings.push(SafetySetting::new(HarmCategory::Harassment, HarmBlockThreshold::BlockNone));
    /// let model = GenerativeModel::new("gemini-flash-latest").safety_settings(settings);
    /// ```
    #[must_use]
    pub fn safety_settings(
        mut self,
        settings: impl IntoIterator<Item = impl Into<SafetySetting>>,
    ) -> Self {
        self.settings.safety_settings = Some(settings.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the tools that the model may use: functions of this program, and tools of the service.
    ///
    /// [`generate_content`](Self::generate_content) declares functions without running them. Conversations run them
    /// with [`automatic_function_calling`](crate::ChatSession::automatic_function_calling).
    ///
    /// API page: [Function calling](https://ai.google.dev/gemini-api/docs/function-calling).
    ///
    /// ```
    /// use generativeai::protocol::tools::GoogleSearch;
    /// use generativeai::{Function, GenerativeModel};
    ///
    /// let now = Function::new("now", "Returns the time.", || "12:30");
    /// let model = GenerativeModel::new("gemini-flash-latest").tools((now, GoogleSearch::default()));
    /// assert_eq!(model.toolbox().unwrap().tools().len(), 2);
    /// ```
    #[must_use]
    pub fn tools(mut self, tools: impl Into<Toolbox>) -> Self {
        self.set_tools(tools);
        self
    }

    pub(crate) fn set_tools(&mut self, tools: impl Into<Toolbox>) {
        self.settings.tools = Some(tools.into());
    }

    /// Sets whether the model may, must or must not use tools. By default it may.
    ///
    /// Within an automatic turn, a mode that forces calls applies to the first request only. Otherwise the model could
    /// never reply with text.
    ///
    /// ```
    /// use generativeai::GenerativeModel;
    /// use generativeai::protocol::tools::{FunctionCallingConfig, FunctionCallingMode};
    ///
    /// // Two spellings of one setting: no calls, although functions are declared.
    /// let model = GenerativeModel::new("gemini-flash-latest").tool_config(FunctionCallingConfig::none());
    /// let model = GenerativeModel::new("gemini-flash-latest").tool_config(FunctionCallingMode::None);
    /// ```
    #[must_use]
    pub fn tool_config(mut self, config: impl Into<ToolConfig>) -> Self {
        self.settings.tool_config = Some(config.into());
        self
    }

    /// Sets time limits, retries and tracing. Options that are not set have the value of the backend.
    ///
    /// ```
    /// use std::time::Duration;
    /// use generativeai::{GenerativeModel, RequestOptions, Retry};
    ///
    /// // A service that is often busy: more attempts, and at most a minute in all.
    /// let options = RequestOptions::default()
    ///     .retry(Retry::default().max_attempts(8))
    ///     .timeout(Duration::from_secs(60));
    /// let model = GenerativeModel::new("gemini-flash-latest").request_options(options);
    /// ```
    #[must_use]
    pub fn request_options(mut self, options: RequestOptions) -> Self {
        self.settings.request_options = options;
        self
    }

    /// Sets labels, by which a bill can be broken down. Names and values have at most 63 lower-case letters, digits,
    /// `_` and `-`. Labels of a message are added to them. One with the same name replaces the label of the model.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::always("Hello!");
    /// let model = GenerativeModel::new("m").labels([("team", "guides"), ("stage", "test")]);
    /// # let model = model.backend(script.clone());
    /// model.generate_content("Hi").labels([("stage", "production")]).await?;
    /// # let sent = script.requests()[0].labels.clone().unwrap();
    /// # assert_eq!((sent["team"].as_str(), sent["stage"].as_str()), ("guides", "production"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn labels(
        mut self,
        labels: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        self.settings.set_labels(labels);
        self
    }

    /// Sets the service tier, which determines price and priority. Gemini API only.
    ///
    /// ```
    /// use generativeai::GenerativeModel;
    /// use generativeai::protocol::request::ServiceTier;
    ///
    /// // Nobody waits for these replies.
    /// let batch = GenerativeModel::new("gemini-flash-latest").service_tier(ServiceTier::Flex);
    /// ```
    #[must_use]
    pub fn service_tier(mut self, tier: impl Into<ServiceTier>) -> Self {
        self.settings.members().service_tier = Some(tier.into());
        self
    }

    /// Sets whether the service may store requests and replies. Gemini API only.
    #[must_use]
    pub fn store(mut self, store: bool) -> Self {
        self.settings.members().store = Some(store);
        self
    }

    /// Sets the templates of Model Armor, which screens prompts and replies. Vertex AI only.
    #[must_use]
    pub fn model_armor_config(mut self, config: ModelArmorConfig) -> Self {
        self.settings.members().model_armor_config = Some(config);
        self
    }

    /// Sets a member of each request that is newer than this version of the crate, by its name in the API.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::always("Hello!");
    /// let model = GenerativeModel::new("m").request_member("brandNew", 1);
    /// # let model = model.backend(script.clone());
    /// model.generate_content("Hi").await?;
    /// # assert_eq!(script.requests()[0].unknown.get("brandNew").unwrap(), 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Requests fail with [`Request`](ErrorKind::Request) if the member has a setter.
    #[must_use]
    pub fn request_member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.settings.members().unknown.insert(name, value);
        self
    }

    /// Sets the finish reasons that complete a turn in addition to `STOP` and `MAX_TOKENS`. By default there are none:
    /// a message whose reply stops for another reason fails with [`Stopped`](ErrorKind::Stopped), and its turn is
    /// unfinished.
    ///
    /// ```
    /// use generativeai::protocol::content::Content;
    /// use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let mut cut = GenerateContentResponse::from(Content::model("To be, or not to be"));
    /// # cut.candidates[0].finish_reason = Some(FinishReason::Recitation);
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_stream([cut]));
    /// // A beginning is better than nothing.
    /// let model = model.accept_finish_reasons([FinishReason::Recitation]);
    /// let mut chat = model.start_chat();
    /// let reply = chat.send_message("Recite Hamlet").await?;
    ///
    /// assert_eq!(reply.finish_reason(), Some(&FinishReason::Recitation));
    /// assert_eq!(chat.history().len(), 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn accept_finish_reasons(
        mut self,
        reasons: impl IntoIterator<Item = FinishReason>,
    ) -> Self {
        self.settings.accepted = Some(reasons.into_iter().collect());
        self
    }

    /// Sets whether a reply that ends at the token limit of a request is continued by further requests, so that it
    /// arrives whole. Enabled by default.
    ///
    /// Gemini 4 and newer models end a reply to a request at such a limit with the finish reason `CONTINUATION` and a
    /// continuation token. Each request that continues the reply is billed, and its token counts are added to those of
    /// the reply. A stream that breaks after such a token is resumed from it. If this is disabled, a turn of a chat
    /// fails with
    /// [`Stopped`](ErrorKind::Stopped), and [`retry`](crate::ChatSession::retry) continues the reply.
    ///
    /// This limit belongs to the service. A reply that reaches the limit of the program,
    /// [`max_output_tokens`](GenerationConfig::max_output_tokens), is not continued.
    ///
    /// ```
    /// # use generativeai::protocol::content::Content;
    /// # use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let mut half = GenerateContentResponse::from(Content::model("Once upon "));
    /// half.candidates[0].finish_reason = Some(FinishReason::Continuation);
    /// half.candidates[0].continuation_token = Some("token".into());
    /// let script = Scripted::default().then_stream([half]).then_text("a time");
    /// let model = GenerativeModel::new("m").backend(script.clone());
    ///
    /// assert_eq!(model.generate_content("Tell a story").await?.text()?, "Once upon a time");
    /// assert_eq!(script.requests()[1].continuation_token.as_deref(), Some("token"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn automatic_continuation(mut self, enabled: bool) -> Self {
        self.settings.continues = Some(enabled);
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
        self.system_instruction
            .clone_from(&other.system_instruction);
        self.settings = other.settings.clone();
        self
    }

    /// Returns the full name, such as `models/gemini-flash-latest` or `tunedModels/my-model`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the system instruction.
    pub fn instruction(&self) -> Option<&Content> {
        self.system_instruction.as_ref()
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
            .field("cached_content", &self.cached_content)
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
