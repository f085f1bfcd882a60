//! Content that the service keeps, to be used by many requests.

use crate::protocol::content::Content;
use crate::protocol::time::{Duration, Timestamp};
use crate::protocol::tools::{Tool, ToolConfig};

message! {
    /// Content that the service keeps, to be used by many requests of one model.
    pub struct CachedContent {
        /// Its name, such as `cachedContents/123`.
        pub name: Option<String>,
        /// What people call it.
        pub display_name: Option<String>,
        /// The model it is for, such as `models/gemini-3-flash`.
        pub model: Option<String>,
        /// The instruction of the system.
        pub system_instruction: Option<Content>,
        /// The beginning of the conversation.
        pub contents: Vec<Content>,
        /// What the model may use to answer.
        pub tools: Vec<Tool>,
        /// How it uses that.
        pub tool_config: Option<ToolConfig>,
        /// When it was made.
        pub create_time: Option<Timestamp>,
        /// When it was changed.
        pub update_time: Option<Timestamp>,
        /// What it costs.
        pub usage_metadata: Option<CachedContentUsage>,
        /// When it goes; instead of `ttl`.
        pub expire_time: Option<Timestamp>,
        /// How long it is kept; instead of `expire_time`. Never in an answer.
        pub ttl: Option<Duration>,
    }
}

setters!(CachedContent {
    into name: String,
    into display_name: String,
    into model: String,
    into system_instruction: Content,
    list contents: Content,
    list tools: Tool,
    into tool_config: ToolConfig,
    into expire_time: Timestamp,
    into ttl: Duration,
});

message! {
    /// What cached content costs, in tokens.
    pub struct CachedContentUsage {
        /// All of it.
        pub total_token_count: Option<i32>,
    }
}
