//! The embedded model, as its users see it.

mod chat;
mod crowd;
mod files;
mod forms;
mod refused;
mod remembered;
mod settings;
mod support;
mod tiny;
