//! Receiving a reply, and showing it as text, code or JSON.

mod code;
mod json;
mod receive;
mod text;

pub(crate) use code::CodeSink;
pub(crate) use json::{Answer, JsonLinesSink, JsonSink};
pub(crate) use receive::{End, Outcome, Received, Sink, receive};
pub(crate) use text::{TextSink, is_cut};
