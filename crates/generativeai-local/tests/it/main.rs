//! The embedded model, as its users see it.

mod chat;
mod support;
