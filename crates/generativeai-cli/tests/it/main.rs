//! The program as a process: its output, its exit codes and its behaviour at a terminal.

#[cfg(unix)]
mod approval;
mod cluster;
mod config;
mod context;
mod fake_openai;
mod fake_service;
mod generated;
#[cfg(unix)]
mod hops;
mod hostile;
#[cfg(unix)]
mod interrupts;
mod models;
mod one_shot_options;
mod oneshot;
mod output;
mod piped;
#[cfg(unix)]
mod prompt_keys;
mod refusals;
mod repl;
mod resumed;
mod screens;
mod serve;
mod session_names;
mod sessions;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod slash_commands;
#[cfg(target_os = "linux")]
mod supervisor;
mod support;
mod terminal;
mod tools;
mod uploads;
mod upstream;
