//! Generation settings: sampling, length, output format, thinking, images and speech.
//!
//! ```
//! use generativeai::GenerativeModel;
//! use generativeai::protocol::config::{GenerationConfig, ThinkingConfig, ThinkingLevel};
//!
//! let config = GenerationConfig::default()
//!     .temperature(0.2)
//!     .max_output_tokens(2_000)
//!     .thinking_config(ThinkingConfig::default().thinking_level(ThinkingLevel::Low));
//! let model = GenerativeModel::new("gemini-flash-latest").generation_config(config);
//! ```
//!
//! A [`GenerationConfig`] is set for a model or for a single message; the one of the message takes precedence, field by
//! field. Fields that are not set are not sent, so the service uses the default of the model.

mod generation;
mod speech;

pub use generation::*;
pub use speech::*;
