//! Output: answers go to stdout and everything else to stderr, both without control sequences of a model or a tool.

mod markdown;
mod printer;
mod progress;
mod sanitizer;

pub(crate) use printer::{Colour, Printer, print_server_log};
pub(crate) use progress::Progress;
pub(crate) use sanitizer::{sanitize, visible};
