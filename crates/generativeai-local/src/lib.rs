//! The embedded model of the `generativeai` SDK: any GGUF file, through llama.cpp.

mod asked;
pub mod default_model;
mod engine;
mod gguf;
mod grammar;
mod local;
mod model;
mod prompt;
mod refusal;
mod sampler;
mod speech;
mod template;

pub use local::{Builder, Local};
