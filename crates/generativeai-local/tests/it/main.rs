//! Tests of the embedded model through its public API.

mod chat;
mod concurrency;
mod embeddings;
mod exit;
mod fidelity;
mod field;
mod files;
mod formats;
mod prefix_cache;
mod settings;
mod support;
mod tiny;
mod unsupported;
