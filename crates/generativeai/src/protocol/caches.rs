//! Cached content: the start of a prompt, stored on the service for many requests.
//!
//! A long prompt that many requests begin with, such as a manual, is cheaper and faster if the service caches it.
//! [`GenerativeModel::from_cached_content`](crate::GenerativeModel::from_cached_content) uses one:
//!
//! ```
//! use generativeai::GenerativeModel;
//! use generativeai::protocol::caches::CachedContent;
//!
//! let cache: CachedContent =
//!     serde_json::from_str(r#"{"name":"cachedContents/123","model":"models/gemini-flash-latest"}"#)?;
//! let model = GenerativeModel::from_cached_content(&cache)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! API page: [Context caching](https://ai.google.dev/gemini-api/docs/caching).

use crate::protocol::content::Content;
use crate::protocol::time::{Duration, Timestamp};
use crate::protocol::tools::{Tool, ToolConfig};

message! {
    /// Start of a prompt that the service stores, for requests to one model.
    ///
    /// Stored tokens are billed by the hour. A cache has a minimum size, which is 1,024 to 4,096 tokens depending on
    /// the model.
    ///
    /// ```
    /// use std::time::Duration;
    /// use generativeai::protocol::caches::CachedContent;
    /// use generativeai::protocol::content::Content;
    ///
    /// // Body of the request that creates a cache.
    /// let cache = CachedContent::default()
    ///     .model("models/gemini-flash-latest")
    ///     .contents([Content::user("The manual: …")])
    ///     .ttl(Duration::from_secs(600));
    /// assert_eq!(serde_json::to_value(&cache)?["ttl"], "600s");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// This crate reads and uses caches, but does not create them: use another client, or the REST API. A request that
    /// names an expired cache fails with an error of the kind [`NotFound`](crate::ErrorKind::NotFound).
    ///
    /// Write-only fields are sent when a cache is created. The service does not return them.
    pub struct CachedContent {
        /// Resource name, such as `cachedContents/123`. The prefix is a part of it.
        pub name: Option<String> => into String,
        /// Name for people, at most 128 characters.
        pub display_name: Option<String> => into String,
        /// Model that the cache is for, such as `models/gemini-flash-latest`. Other models cannot use it.
        pub model: Option<String> => into String,
        /// System instruction. Write-only.
        pub system_instruction: Option<Content> => into Content,
        /// Contents at the start of the conversation. Write-only.
        pub contents: Vec<Content> => list Content,
        /// Tools that the model may use. Write-only.
        pub tools: Vec<Tool> => list Tool,
        /// Settings of the tools. Write-only.
        pub tool_config: Option<ToolConfig> => into ToolConfig,
        /// Time when the cache was created.
        pub create_time: Option<Timestamp>,
        /// Time of the last change.
        pub update_time: Option<Timestamp>,
        /// Number of stored tokens.
        pub usage_metadata: Option<CachedContentUsage>,
        /// Time when the cache is deleted. Set it or [`ttl`](Self::ttl).
        pub expire_time: Option<Timestamp> => into Timestamp,
        /// Time until the cache is deleted. Default: 1 hour. Write-only.
        pub ttl: Option<Duration> => into Duration,
    }
}

message! {
    /// Size of a cache.
    pub struct CachedContentUsage {
        /// Number of stored tokens.
        pub total_token_count: Option<i32>,
    }
}
