//! What is asked of the model.

use std::collections::BTreeMap;

use crate::protocol::config::GenerationConfig;
use crate::protocol::content::{Content, Contents};
use crate::protocol::safety::SafetySetting;
use crate::protocol::tools::{Tool, ToolConfig};

message! {
    /// What is asked of the model: the conversation so far, and how to go on.
    pub struct GenerateContentRequest {
        /// The name of the model, such as `models/gemini-3-flash`. Over REST it stands in the address.
        pub model: Option<String>,
        /// Told before the conversation: who the model is, how it behaves.
        pub system_instruction: Option<Content>,
        /// The conversation so far, the newest message last.
        pub contents: Contents,
        /// What the model may use to answer.
        pub tools: Vec<Tool>,
        /// How it uses that.
        pub tool_config: Option<ToolConfig>,
        /// What is blocked.
        pub safety_settings: Vec<SafetySetting>,
        /// How the reply is to be made.
        pub generation_config: Option<Box<GenerationConfig>>,
        /// The name of a cache to go on from, such as `cachedContents/123`.
        pub cached_content: Option<String>,
        /// Names and values that mark the request in the bill.
        pub labels: Option<BTreeMap<String, String>>,
        /// What the last reply gave to be continued.
        pub continuation_token: Option<String>,
        /// How urgent it is.
        pub service_tier: Option<ServiceTier>,
        /// Whether the service may keep the conversation.
        pub store: Option<bool>,
    }
}

impl GenerateContentRequest {
    /// Sets the conversation so far, the newest message last.
    #[must_use]
    pub fn contents(mut self, contents: impl Into<Contents>) -> Self {
        self.contents = contents.into();
        self
    }
}

setters!(GenerateContentRequest {
    into model: String,
    into system_instruction: Content,
    list tools: Tool,
    into tool_config: ToolConfig,
    list safety_settings: SafetySetting,
    boxed generation_config: GenerationConfig,
    into cached_content: String,
    map labels: String,
    into continuation_token: String,
    into service_tier: ServiceTier,
    plain store: bool,
});

open_enum! {
    /// How urgent a request is.
    pub enum ServiceTier {
        /// Left to the service.
        Unspecified = "unspecified",
        ;
        /// It may wait, and costs less.
        Flex = "flex",
        /// As usual.
        Standard = "standard",
        /// Before others, and costs more.
        Priority = "priority",
    }
}
