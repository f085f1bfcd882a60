//! Request and response of `countTokens`.

use crate::protocol::content::Contents;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::tokens::ModalityTokenCount;

message! {
    /// Request to count the tokens of a prompt. It is free of charge.
    ///
    /// The prompt is either [`contents`](Self::contents) or
    /// [`generate_content_request`](Self::generate_content_request), not both.
    ///
    /// ```
    /// use generativeai::protocol::request::GenerateContentRequest;
    /// use generativeai::protocol::tokens::CountTokensRequest;
    ///
    /// let text = CountTokensRequest::default().contents("How tall is Ben Nevis?");
    /// // The whole request, including the system instruction.
    /// let request = GenerateContentRequest::default()
    ///     .model("models/gemini-flash-latest")
    ///     .system_instruction("Answer in one word.")
    ///     .contents("How tall is Ben Nevis?");
    /// let whole = CountTokensRequest::default().generate_content_request(request);
    /// assert!(text.generate_content_request.is_none() && whole.contents.is_empty());
    /// ```
    pub struct CountTokensRequest {
        /// Resource name of the model, such as `models/gemini-flash-latest`: each model has its own
        /// tokenizer. Over REST it is part of the URL.
        pub model: Option<String> => into String,
        /// Conversation to count, without a system instruction and tools.
        pub contents: Contents,
        /// Complete request to count: contents, system instruction, tools and schemas. The service
        /// requires its `model`.
        pub generate_content_request: Option<Box<GenerateContentRequest>> => into GenerateContentRequest,
    }
}

impl CountTokensRequest {
    /// Sets the conversation to count.
    #[must_use]
    pub fn contents(mut self, contents: impl Into<Contents>) -> Self {
        self.contents = contents.into();
        self
    }
}

message! {
    /// Token count of a prompt.
    ///
    /// Compare it with the [`input_token_limit`](crate::protocol::models::Model::input_token_limit) of the model. The
    /// count of a sent request is in [`UsageMetadata`](crate::protocol::response::UsageMetadata), so only requests that
    /// may be too long need counting.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let model = GenerativeModel::new("m").backend(Scripted::default());
    /// let count = model.count_tokens("How tall is Ben Nevis?").await?;
    /// let fits = count.total_tokens.is_some_and(|tokens| tokens < 32_768);
    /// assert!(fits);
    /// # Ok(()) }
    /// ```
    pub struct CountTokensResponse {
        /// Tokens of the whole prompt, including those in the cache.
        pub total_tokens: Option<i32>,
        /// Characters of the prompt that are billed, for models with a price by character. Vertex AI only.
        pub total_billable_characters: Option<i32>,
        /// Tokens of the prompt that are in the [cache](crate::protocol::caches) that it names.
        pub cached_content_token_count: Option<i32>,
        /// The total by modality.
        pub prompt_tokens_details: Vec<ModalityTokenCount>,
        /// The cached tokens by modality.
        pub cache_tokens_details: Vec<ModalityTokenCount>,
    }
}
