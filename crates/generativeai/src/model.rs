//! Models: what to ask, with which settings, and through which backend.

mod continuation;
mod count;
mod generate;
mod generative_model;
mod saved;
mod settings;
mod structured;

pub(crate) use continuation::{Hops, Mode, Piece};
pub use count::CountTokens;
pub use generate::{GenerateContent, GenerateStream};
pub use generative_model::GenerativeModel;
pub(crate) use saved::SavedModel;
pub(crate) use settings::{RequestTemplate, Settings, message_setters};
pub use structured::GenerateJson;
pub(crate) use structured::correction;
