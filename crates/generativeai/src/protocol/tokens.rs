//! Token counts: of a request that is not sent to the model, and by modality.
//!
//! Limits and prices are stated in tokens. A token is about four characters of English text; an image
//! has a fixed count that depends on its resolution, audio and video one that grows with their length.
//!
//! ```
//! use generativeai::{GenerativeModel, testing::Scripted};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! let model = GenerativeModel::new("gemini-flash-latest");
//! # let model = model.backend(Scripted::default());
//! let count = model.count_tokens("The quick brown fox").await?;
//! assert_eq!(count.total_tokens, Some(4));
//! # Ok(()) }
//! ```
//!
//! API page: [Tokens](https://ai.google.dev/gemini-api/docs/tokens).

mod count;
mod modality;

pub use count::*;
pub use modality::*;
