//! Replies: candidates, finish reasons, citations, log probabilities and token usage.
//!
//! A [`GenerateContentResponse`] is a whole reply, or one chunk of a streamed reply. Its methods
//! [`text`](GenerateContentResponse::text), [`parts`](GenerateContentResponse::parts) and
//! [`function_calls`](GenerateContentResponse::function_calls) read the reply itself; its fields contain
//! the rest, such as token counts and sources.
//!
//! ```
//! use generativeai::protocol::response::GenerateContentResponse;
//!
//! let response: GenerateContentResponse = serde_json::from_str(
//!     r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"1,345 m"}]},"finishReason":"STOP"}],
//!         "usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":5,"totalTokenCount":13}}"#,
//! )?;
//! assert_eq!(response.text()?, "1,345 m");
//! assert_eq!(response.usage_metadata.unwrap().total_token_count, Some(13));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod candidate;
mod citation;
mod logprobs;
mod merge;
mod message;
mod usage;

pub use candidate::*;
pub use citation::*;
pub use logprobs::*;
pub use message::*;
pub use usage::*;
