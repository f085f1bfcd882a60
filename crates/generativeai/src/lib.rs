//! The chat SDK for Gemini models.

mod error;
pub mod protocol;

pub use error::{Attempt, Error, ErrorKind, Result};
