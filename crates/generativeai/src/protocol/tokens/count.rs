//! How many tokens a request has.

use crate::protocol::content::Content;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::tokens::ModalityTokenCount;

message! {
    /// Asks how many tokens a conversation, or a whole request, has.
    pub struct CountTokensRequest {
        /// The name of the model. Over REST it stands in the address.
        pub model: Option<String>,
        /// A conversation; if there is no whole request.
        pub contents: Vec<Content>,
        /// A whole request, with its instruction and tools. It must name the model.
        pub generate_content_request: Option<Box<GenerateContentRequest>>,
    }
}

setters!(CountTokensRequest {
    into model: String,
    list contents: Content,
    boxed generate_content_request: GenerateContentRequest,
});

message! {
    /// How many tokens a conversation or a request has.
    pub struct CountTokensResponse {
        /// All of them.
        pub total_tokens: Option<i32>,
        /// Those that are in the cache.
        pub cached_content_token_count: Option<i32>,
        /// By what they are: text, pictures…
        pub prompt_tokens_details: Vec<ModalityTokenCount>,
        /// Those in the cache, by what they are.
        pub cache_tokens_details: Vec<ModalityTokenCount>,
    }
}
