//! The program as a process: what it prints where, and how it ends.

#[cfg(unix)]
mod commands;
mod config;
mod conversation;
mod hostile;
mod hub;
#[cfg(unix)]
mod interrupts;
mod models;
mod once;
mod output;
mod pages;
mod piped;
mod refusals;
mod screens;
mod serve;
mod service;
mod sessions;
#[cfg(unix)]
mod signals;
#[cfg(target_os = "linux")]
mod supervised;
mod support;
mod terminal;
mod tools;
