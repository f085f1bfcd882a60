//! What is said in a conversation: contents, their parts, media, code and function calls.

mod code;
mod contents;
mod function;
mod media;
mod message;
mod part;

pub use code::*;
pub use contents::Contents;
#[cfg(feature = "remote")]
pub(crate) use contents::Json;
pub(crate) use contents::Transcript;
pub use function::*;
pub use media::*;
pub use message::*;
pub use part::*;
