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

/// The examples of the README, compiled and run: here, since some ask the embedded model.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
