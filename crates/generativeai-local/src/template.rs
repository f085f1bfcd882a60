//! Chat templates: render a conversation to the text of a prompt.

mod chat;
mod environment;
mod filters;
mod json;
mod lower;
mod methods;
mod probe;
mod python;
mod source;
mod thinking;
mod verify;

pub(crate) use chat::{Rendered, Template, Thinking};
pub(crate) use thinking::ThinkingTags;
