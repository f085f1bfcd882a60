//! Output: answers go to stdout and everything else to stderr. On a terminal, neither contains control sequences that a
//! model or a tool has written.

mod markdown;
mod printer;
mod progress;
mod sanitizer;

pub(crate) use printer::{Color, Printer, print_line};
pub(crate) use progress::Progress;
pub(crate) use sanitizer::{sanitize, visible};
