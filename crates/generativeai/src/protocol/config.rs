//! Settings of generation: sampling, length, format, thinking, images and speech.

mod generation;
mod speech;

pub use generation::*;
pub use speech::*;
