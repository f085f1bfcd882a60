//! The program as a process: what it prints where, and how it ends.

mod conversation;
mod once;
mod piped;
mod refusals;
mod serve;
mod service;
mod support;
mod terminal;
