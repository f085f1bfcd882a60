//! Replies: converts chat completions into responses of the Gemini API.

mod calls;
mod chunks;
mod parts;
mod sources;
mod wire;

pub(crate) use chunks::Chunks;
pub(crate) use wire::Completion;

#[cfg(test)]
mod tests;
