//! Descriptions of models: names, limits and defaults.
//!
//! [`Backend::list_models`](crate::Backend::list_models) and
//! [`Backend::get_model`](crate::Backend::get_model) return them.
//!
//! ```
//! use generativeai::protocol::models::Model;
//!
//! let model: Model = serde_json::from_str(
//!     r#"{"name":"models/gemini-flash-latest","supportedGenerationMethods":["generateContent"]}"#,
//! )?;
//! assert!(model.supported_generation_methods.iter().any(|method| method == "generateContent"));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! API page: [Models](https://ai.google.dev/gemini-api/docs/models).

/// Returns the identifier of a model: its resource name without `models/`.
///
/// ```
/// use generativeai::protocol::models::id_of;
///
/// assert_eq!(id_of("models/gemini-flash-latest"), "gemini-flash-latest");
/// assert_eq!(id_of("gemini-flash-latest"), "gemini-flash-latest");
/// ```
pub fn id_of(name: &str) -> &str {
    name.strip_prefix("models/").unwrap_or(name)
}

message! {
    /// Description of a model.
    ///
    /// Every field may be absent: a server that imitates the API may send names alone.
    ///
    /// ```
    /// use generativeai::protocol::models::Model;
    ///
    /// /// Returns the name of the model with the largest context window.
    /// fn largest(models: &[Model]) -> Option<&str> {
    ///     let chat = models.iter().filter(|model| {
    ///         model.supported_generation_methods.iter().any(|method| method == "generateContent")
    ///     });
    ///     chat.max_by_key(|model| model.input_token_limit)?.name.as_deref()
    /// }
    ///
    /// let models: Vec<Model> = serde_json::from_str(
    ///     r#"[{"name":"models/small","inputTokenLimit":32768,"supportedGenerationMethods":["generateContent"]},
    ///         {"name":"models/large","inputTokenLimit":1048576,"supportedGenerationMethods":["generateContent"]},
    ///         {"name":"models/gemini-embedding-001","supportedGenerationMethods":["embedContent"]}]"#,
    /// )?;
    /// assert_eq!(largest(&models), Some("models/large"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Model {
        /// Resource name, such as `models/gemini-flash-latest`.
        pub name: Option<String>,
        /// Name without the version, such as `gemini-flash`.
        pub base_model_id: Option<String>,
        /// Version, such as `001`.
        pub version: Option<String>,
        /// Name for people, at most 128 characters.
        pub display_name: Option<String>,
        /// Description in English.
        pub description: Option<String>,
        /// Maximum number of tokens in a prompt: the context window.
        pub input_token_limit: Option<i32>,
        /// Maximum number of tokens in a reply.
        pub output_token_limit: Option<i32>,
        /// Methods that the model supports, such as `generateContent`, `countTokens` and `embedContent`.
        pub supported_generation_methods: Vec<String>,
        /// Whether the model thinks before it replies. Absent means `false`.
        pub thinking: Option<bool>,
        /// Default of [`temperature`](crate::protocol::config::GenerationConfig::temperature).
        pub temperature: Option<f64>,
        /// Maximum of [`temperature`](crate::protocol::config::GenerationConfig::temperature).
        pub max_temperature: Option<f64>,
        /// Default of [`top_p`](crate::protocol::config::GenerationConfig::top_p).
        pub top_p: Option<f64>,
        /// Default of [`top_k`](crate::protocol::config::GenerationConfig::top_k). Absent if the model
        /// does not support the setting.
        pub top_k: Option<i32>,
    }
}

message! {
    /// Page of a list of models.
    pub struct ListModelsResponse {
        /// Models of the page.
        pub models: Vec<Model>,
        /// Token to request the next page with. Absent or empty on the last page.
        pub next_page_token: Option<String>,
    }
}
