//! The program as a process: its output, its exit codes and its behaviour at a terminal.

mod approval;
mod cluster;
mod config;
mod context;
mod fake_openai;
mod fake_service;
mod generated;
mod hops;
mod hostile;
mod interrupts;
mod models;
mod one_shot_options;
mod oneshot;
mod output;
mod piped;
mod prompt_keys;
mod refusals;
mod repl;
mod resumed;
mod screens;
mod serve;
mod session_names;
mod sessions;
mod signals;
mod slash_commands;
#[cfg(target_os = "linux")]
mod supervisor;
mod support;
mod terminal;
mod tools;
mod uploads;
mod upstream;
