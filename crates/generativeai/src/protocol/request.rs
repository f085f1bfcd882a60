//! Requests: the conversation so far, tools and settings.
//!
//! [`GenerativeModel`](crate::GenerativeModel) and [`ChatSession`](crate::ChatSession) build requests. A
//! program needs these types to implement a [`Backend`](crate::Backend), or to inspect the requests that
//! [`Scripted`](crate::testing::Scripted) received in a test.
//!
//! ```
//! use generativeai::protocol::config::GenerationConfig;
//! use generativeai::protocol::request::GenerateContentRequest;
//!
//! let request = GenerateContentRequest::default()
//!     .system_instruction("Answer in one sentence.")
//!     .contents("How tall is Ben Nevis?")
//!     .generation_config(GenerationConfig::default().temperature(0.0));
//! assert_eq!(request.contents.len(), 1);
//! ```

use std::collections::BTreeMap;

use crate::protocol::config::GenerationConfig;
use crate::protocol::content::{Content, Contents};
use crate::protocol::safety::SafetySetting;
use crate::protocol::tools::{Tool, ToolConfig};
use crate::protocol::wire;

message! {
    /// Request to generate a reply: the conversation so far, tools and settings.
    ///
    /// The API is stateless: each request contains the whole conversation.
    ///
    /// ```
    /// use generativeai::protocol::content::Content;
    /// use generativeai::protocol::request::GenerateContentRequest;
    ///
    /// let request = GenerateContentRequest::default().contents([
    ///     Content::user("How tall is Ben Nevis?"),
    ///     Content::model("1,345 metres."),
    ///     Content::user("And in feet?"),
    /// ]);
    /// let json = serde_json::to_value(&request)?;
    /// assert_eq!(json["contents"][1]["role"], "model");
    /// // Members that are not set are not sent.
    /// assert_eq!(json.as_object().unwrap().len(), 1);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct GenerateContentRequest {
        /// Resource name of the model, such as `models/gemini-flash-latest`. Over REST it is part of the
        /// URL.
        pub model: Option<String> => into String,
        /// Instruction that applies to the whole conversation, such as a role or a style.
        pub system_instruction: Option<Content> => into Content,
        /// Conversation so far. The last content is the new message of the user. Required by the
        /// service.
        pub contents: Contents,
        /// Tools that the model may use.
        pub tools: Vec<Tool> => list Tool,
        /// Settings that apply to all tools.
        pub tool_config: Option<ToolConfig> => into ToolConfig,
        /// Safety thresholds, at most one for each category. A category without one has the default of the model.
        pub safety_settings: Vec<SafetySetting> => list SafetySetting,
        /// Settings of the reply.
        pub generation_config: Option<Box<GenerationConfig>> => into GenerationConfig,
        /// Name of a [cache](crate::protocol::caches) that contains the start of the prompt, such as
        /// `cachedContents/123`. Excludes a system instruction, tools and their settings: the cache contains them.
        pub cached_content: Option<String> => into String,
        /// Labels for breaking down the bill. Keys and values have at most 63 lower-case letters, digits, `_` and `-`.
        pub labels: Option<BTreeMap<String, String>> => map String,
        /// Token that makes the service continue an earlier reply, from
        /// [`Candidate::continuation_token`](crate::protocol::response::Candidate::continuation_token).
        pub continuation_token: Option<String> => into String,
        /// Service tier, which determines price and priority. Gemini API only.
        pub service_tier: Option<ServiceTier> => into ServiceTier,
        /// Whether the service may store request and reply. Gemini API only.
        pub store: Option<bool> => plain bool,
        /// Templates of Model Armor, which screens prompts and replies. Vertex AI only. Excludes
        /// [`safety_settings`](Self::safety_settings).
        pub model_armor_config: Option<ModelArmorConfig> => into ModelArmorConfig,
    }
}

message! {
    /// Templates of Model Armor, a service of Google Cloud that screens prompts and replies.
    ///
    /// ```
    /// use generativeai::protocol::request::ModelArmorConfig;
    ///
    /// let templates = "projects/my-project/locations/us-central1/templates";
    /// let config = ModelArmorConfig::default()
    ///     .prompt_template_name(format!("{templates}/prompts"))
    ///     .response_template_name(format!("{templates}/replies"));
    /// assert!(config.prompt_template_name.is_some());
    /// ```
    pub struct ModelArmorConfig {
        /// Resource name of the template for prompts.
        pub prompt_template_name: Option<String> => into String,
        /// Resource name of the template for replies.
        pub response_template_name: Option<String> => into String,
    }
}

impl GenerateContentRequest {
    /// Returns whether this version has a field for a member. The name may be in `camelCase` or in `snake_case`.
    pub(crate) fn has_field(name: &str) -> bool {
        let is_written = |known: &&str| *known == name || wire::is_snake_case(name, known);
        <Self as wire::Message>::NAMES.iter().any(is_written)
    }

    /// Sets the conversation. A single message, such as a string, is accepted as well as a list of [`Content`]s.
    #[must_use]
    pub fn contents(mut self, contents: impl Into<Contents>) -> Self {
        self.contents = contents.into();
        self
    }
}

open_enum! {
    /// Service tier of a request.
    ///
    /// [`UsageMetadata::service_tier`](crate::protocol::response::UsageMetadata::service_tier) reports the tier in
    /// which the request was processed.
    pub enum ServiceTier {
        /// The default of the service, which is [`Standard`](Self::Standard).
        Unspecified = "unspecified",
        ;
        /// Cheaper, and slower: the request may wait for free capacity, and may be rejected.
        Flex = "flex",
        /// Regular price and priority.
        Standard = "standard",
        /// More expensive, and processed before other requests.
        Priority = "priority",
    }
}
