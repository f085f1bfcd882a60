//! Chat templates: render a conversation to the text of a prompt.
//!
//! A model file contains a chat template: a Jinja program that writes messages in the form with which the model was
//! trained. Templates are written for Python's Jinja2 and differ in the messages that they accept.
//!
//! ```text
//! Conversation
//!   │ lower        messages and tools in one of several forms
//!   ▼
//! chat             tries the forms, the most natural one first
//!   │ environment  Jinja2 as in Hugging Face's transformers: source, filters, methods, python
//!   │ verify       checks that no message is missing
//!   ▼
//! Rendered
//! ```
//!
//! `probe` and `thinking_tags` find the features of a template when the model is loaded. `variables` lists what a
//! template can read.

mod bounded;
mod chat;
mod environment;
mod filters;
mod lower;
mod methods;
mod probe;
mod python;
mod source;
mod thinking_tags;
mod variables;
mod verify;

pub(crate) use chat::{Rendered, Template};
pub(crate) use thinking_tags::{ThinkingTags, Thoughts};
pub(crate) use variables::Thinking;
